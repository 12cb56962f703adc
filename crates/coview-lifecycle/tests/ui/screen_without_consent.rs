//! The terms have been shown, not accepted: there is no screen to send.

use coview_lifecycle::ScreenLink;
use coview_lifecycle::TermsShown;
use coview_lifecycle::Visitor;

fn too_early<L: ScreenLink>(mut shown: Visitor<TermsShown, L>) {
    let pass = shown.screen_pass();
}

fn main() {}
