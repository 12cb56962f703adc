use coview_lifecycle::Link;
use coview_wire::ClientMessage;

struct OneWay;

impl Link for OneWay {
    fn send(&mut self, _: ClientMessage) {}
}

fn main() {}
