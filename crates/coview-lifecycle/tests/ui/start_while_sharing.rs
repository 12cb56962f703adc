use coview_lifecycle::Anonymous;
use coview_lifecycle::Link;
use coview_lifecycle::Manual;
use coview_lifecycle::Sharing;
use coview_lifecycle::Visitor;

fn again<L: Link>(sharing: Visitor<Sharing<Manual, Anonymous>, L>) {
    let _ = sharing.start_manual();
}

fn main() {}
