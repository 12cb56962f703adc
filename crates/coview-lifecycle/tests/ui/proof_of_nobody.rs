//! A visitor who has not said who it is has nothing to prove.

use coview_lifecycle::queue;
use coview_wire::VisitorAssertion;

fn prove(assertion: VisitorAssertion) {
    let (mut visitor, _peer) = queue::visitor();
    visitor.refresh_assertion(assertion);
}

fn main() {}
