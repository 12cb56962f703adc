use coview_lifecycle::queue;
use coview_wire::GroupId;
use coview_wire::VisitorId;

fn login(id: VisitorId, group: GroupId) {
    let (visitor, _peer) = queue::visitor();
    let _ = visitor.identify(id, group);
}

fn main() {}
