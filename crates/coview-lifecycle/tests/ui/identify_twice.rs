use coview_lifecycle::Identified;
use coview_lifecycle::Link;
use coview_lifecycle::Visitor;
use coview_wire::VisitorId;

fn another_login<L: Link>(visitor: Visitor<Identified, L>, id: VisitorId) {
    let _ = visitor.identify(id);
}

fn main() {}
