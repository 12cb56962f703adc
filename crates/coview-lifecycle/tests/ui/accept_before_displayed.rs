use coview_lifecycle::Link;
use coview_lifecycle::PresenceStep;

fn answer<L: Link>(step: PresenceStep<L>) {
    if let PresenceStep::TermsRequested(asked) = step {
        let _ = asked.accept();
    }
}

fn main() {}
