use coview_lifecycle::queue;

fn main() {
    let (visitor, _peer) = queue::visitor();
    let _ = visitor.connect_presence();
}
