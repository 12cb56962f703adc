use coview_lifecycle::Link;
use coview_lifecycle::PresenceStep;

fn told<L: Link>(step: PresenceStep<L>) {
    match step {
        PresenceStep::TermsRequested(asked) => drop(asked),
        PresenceStep::Changed(visitor, _) => drop(visitor),
    }
}

fn main() {}
