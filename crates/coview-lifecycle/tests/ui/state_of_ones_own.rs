use coview_lifecycle::Visitor;
use coview_lifecycle::queue::QueueLink;

struct Paused;

fn wait(visitor: Visitor<Paused, QueueLink>) {
    let _ = visitor.next();
}

fn main() {}
