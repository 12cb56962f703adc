//! Nobody can be let in before anybody has typed the key.

use coview_lifecycle::Anonymous;
use coview_lifecycle::Link;
use coview_lifecycle::Manual;
use coview_lifecycle::Sharing;
use coview_lifecycle::Visitor;

fn beforehand<L: Link>(sharing: Visitor<Sharing<Manual, Anonymous>, L>) {
    let _ = sharing.confirm();
}

fn main() {}
