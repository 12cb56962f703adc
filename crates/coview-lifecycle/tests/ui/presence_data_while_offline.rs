use coview_lifecycle::Identified;
use coview_lifecycle::Link;
use coview_lifecycle::Visitor;
use coview_wire::PresencePatch;

fn too_early<L: Link>(mut visitor: Visitor<Identified, L>) {
    visitor.update_presence(PresencePatch::new());
}

fn main() {}
