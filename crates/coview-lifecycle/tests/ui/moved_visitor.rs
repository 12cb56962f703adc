use coview_lifecycle::queue;

fn main() {
    let (visitor, _peer) = queue::visitor();
    let sharing = visitor.start_manual();
    println!("{:?}", visitor.state());
    drop(sharing);
}
