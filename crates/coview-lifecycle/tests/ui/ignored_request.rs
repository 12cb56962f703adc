#![deny(unused_must_use)]

use coview_lifecycle::queue;

fn main() {
    let (visitor, _peer) = queue::visitor();
    visitor.start_manual();
}
