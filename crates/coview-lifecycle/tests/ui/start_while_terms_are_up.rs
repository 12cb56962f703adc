use coview_lifecycle::Link;
use coview_lifecycle::TermsShown;
use coview_lifecycle::Visitor;

fn instead<L: Link>(shown: Visitor<TermsShown, L>) {
    let _ = shown.start_manual();
}

fn main() {}
