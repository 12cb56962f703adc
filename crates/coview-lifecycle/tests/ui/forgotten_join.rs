//! Whoever shares by a key has to answer an agent who types it.

use coview_lifecycle::Anonymous;
use coview_lifecycle::Link;
use coview_lifecycle::ManualStep;

fn told<L: Link>(step: ManualStep<Anonymous, L>) {
    match step {
        ManualStep::Ended(visitor, _) => drop(visitor),
        ManualStep::Changed(sharing, _) => drop(sharing),
    }
}

fn main() {}
