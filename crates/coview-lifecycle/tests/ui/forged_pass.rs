//! The right to send a screen cannot be made by hand.

use coview_lifecycle::ScreenPass;
use coview_lifecycle::ScreenPipe;
use coview_wire::SessionId;

fn forged<P: ScreenPipe>(pipe: P) -> ScreenPass<P> {
    ScreenPass::new(pipe, SessionId::new(1), coview_lifecycle::Tether::default().tie())
}

fn main() {}
