//! A link of one's own that carries messages only.

use coview_lifecycle::Anonymous;
use coview_lifecycle::Arrival;
use coview_lifecycle::Link;
use coview_lifecycle::Manual;
use coview_lifecycle::Sharing;
use coview_lifecycle::Visitor;
use coview_wire::ClientMessage;
use std::task::Context;
use std::task::Poll;

struct TextOnly;

impl Link for TextOnly {
    fn send(&mut self, _: ClientMessage) {}

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Arrival> {
        Poll::Pending
    }
}

fn share(mut sharing: Visitor<Sharing<Manual, Anonymous>, TextOnly>) {
    let pass = sharing.screen_pass();
}

fn main() {}
