//! The tracker against a model that remembers everything, over any order of events.

use coview_start::KeyDisplay;
use coview_start::Noted;
use coview_start::OPEN_STARTS;
use coview_start::StartId;
use coview_start::StartMode;
use coview_start::StartTracker;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

#[derive(Clone, Copy, Debug)]
enum Event {
    Asked(u64, StartMode),
    Connected(u64),
    Failed(u64),
    Ended(u64),
}

fn any_event() -> impl Strategy<Value = Event> {
    let id = 1u64..12;
    let mode = prop_oneof![Just(StartMode::Manual), Just(StartMode::OneClick)];
    prop_oneof![
        3 => (id.clone(), mode).prop_map(|(id, mode)| Event::Asked(id, mode)),
        4 => id.clone().prop_map(Event::Connected),
        1 => id.clone().prop_map(Event::Failed),
        2 => id.prop_map(Event::Ended),
    ]
}

/// The key a session of start `id` gets from its server: one-click sessions get one too, as they do
/// in the SDKs of the field, so that hiding it is the tracker's doing.
fn key(id: u64) -> String {
    format!("key-{id}")
}

/// Every event so far, asked anew at each question.
#[derive(Default)]
struct Model {
    events: Vec<Event>,
}

impl Model {
    /// What became of the start: its mode and when it connected, if it is open now.
    fn open(&self, id: u64) -> Option<(StartMode, Option<usize>)> {
        let mut newest = 0;
        let mut open = None;
        for (at, event) in self.events.iter().enumerate() {
            match *event {
                Event::Asked(asked, mode) => {
                    if asked > newest && asked == id {
                        open = Some((mode, None));
                    }
                    newest = newest.max(asked);
                }
                Event::Connected(connected) if connected == id => {
                    if let Some((_, when @ None)) = &mut open {
                        *when = Some(at);
                    }
                }
                Event::Failed(over) | Event::Ended(over) if over == id => open = None,
                Event::Connected(_) | Event::Failed(_) | Event::Ended(_) => {}
            }
        }
        open
    }

    /// What the tracker has to say about an event that is not among those so far.
    fn noted(&self, event: Event) -> Noted {
        match event {
            Event::Asked(id, _) => {
                let newest = self.events.iter().filter_map(|event| match *event {
                    Event::Asked(asked, _) => Some(asked),
                    Event::Connected(_) | Event::Failed(_) | Event::Ended(_) => None,
                });
                match self.open(id) {
                    Some(_) => Noted::Repeated,
                    None if Some(id) <= newest.max() => Noted::Stale,
                    None => Noted::New,
                }
            }
            Event::Connected(id) => match self.open(id) {
                Some((_, None)) => Noted::New,
                Some((_, Some(_))) => Noted::Repeated,
                None => Noted::Stale,
            },
            Event::Failed(id) | Event::Ended(id) => match self.open(id) {
                Some(_) => Noted::New,
                None => Noted::Stale,
            },
        }
    }

    fn display(&self) -> Option<String> {
        let (id, mode, _) = (1..12)
            .filter_map(|id| match self.open(id) {
                Some((mode, Some(when))) => Some((id, mode, when)),
                Some((_, None)) | None => None,
            })
            .max_by_key(|(_, _, when)| *when)?;
        (mode == StartMode::Manual).then(|| key(id))
    }
}

fn shown(display: KeyDisplay<'_>) -> Option<String> {
    match display {
        KeyDisplay::Show(key) => Some(key.to_string()),
        KeyDisplay::Hidden => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/start.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_tracker_and_the_model_agree(events in proptest::collection::vec(any_event(), 0..40)) {
        let mut tracker = StartTracker::new();
        let mut model = Model::default();
        for event in events {
            let noted = match event {
                Event::Asked(id, mode) => tracker.asked(StartId::new(id), mode),
                Event::Connected(id) => tracker.connected_with_text(StartId::new(id), &key(id)),
                Event::Failed(id) => tracker.failed(StartId::new(id)),
                Event::Ended(id) => tracker.ended(StartId::new(id)),
            };
            prop_assert_eq!(noted, model.noted(event));
            model.events.push(event);
            // The model forgets nothing; the tracker's bound is shown by a test of its own.
            if (1..12).filter(|id| model.open(*id).is_some()).count() >= OPEN_STARTS {
                return Ok(());
            }
            prop_assert_eq!(shown(tracker.display()), model.display());
            for id in 1..12 {
                let expected = match model.open(id) {
                    Some((StartMode::Manual, Some(_))) => Some(key(id)),
                    Some(_) | None => None,
                };
                prop_assert_eq!(shown(tracker.display_of(StartId::new(id))), expected);
            }
        }
    }
}

#[test]
fn a_manual_tap_racing_an_accept_shows_the_key_of_its_own_session_only() {
    let (tap, accept) = (StartId::new(1), StartId::new(2));
    let mut tracker = StartTracker::new();
    tracker.asked(tap, StartMode::Manual);
    tracker.asked(accept, StartMode::OneClick);

    tracker.connected_with_text(accept, "customer-42");
    assert_eq!(shown(tracker.display()), None);

    tracker.connected_with_text(tap, "123 456 786");
    assert_eq!(shown(tracker.display()).as_deref(), Some("123 456 786"));

    tracker.ended(tap);
    assert_eq!(shown(tracker.display()), None);
}

#[test]
fn a_repeated_connected_changes_nothing() {
    let id = StartId::new(1);
    let mut tracker = StartTracker::new();
    tracker.asked(id, StartMode::Manual);
    assert_eq!(tracker.connected_with_text(id, "first"), Noted::New);
    assert_eq!(tracker.connected_with_text(id, "second"), Noted::Repeated);
    assert_eq!(shown(tracker.display()).as_deref(), Some("first"));
}

#[test]
fn what_is_over_does_not_come_back() {
    let id = StartId::new(1);
    let mut tracker = StartTracker::new();
    tracker.asked(id, StartMode::Manual);
    tracker.failed(id);
    assert_eq!(tracker.connected_with_text(id, "late"), Noted::Stale);
    assert_eq!(tracker.asked(id, StartMode::Manual), Noted::Stale);
    assert_eq!(tracker.display(), KeyDisplay::Hidden);
}

#[test]
fn what_ends_is_news_once() {
    let (refused, run) = (StartId::new(1), StartId::new(2));
    let mut tracker = StartTracker::new();
    tracker.asked(refused, StartMode::Manual);
    tracker.asked(run, StartMode::Manual);
    tracker.connected_with_text(run, "123 456 786");
    assert_eq!([tracker.failed(refused), tracker.failed(refused)], [Noted::New, Noted::Stale]);
    assert_eq!([tracker.ended(run), tracker.ended(run)], [Noted::New, Noted::Stale]);
}

#[test]
fn the_number_of_open_starts_is_bounded() {
    let mut tracker = StartTracker::new();
    for id in 1..100 {
        tracker.asked(StartId::new(id), StartMode::Manual);
    }
    assert_eq!(tracker.connected_with_text(StartId::new(1), "forgotten"), Noted::Stale);
    assert_eq!(tracker.connected_with_text(StartId::new(99), "kept"), Noted::New);
}

#[test]
fn debug_shows_no_key() {
    let id = StartId::new(1);
    let mut tracker = StartTracker::new();
    tracker.asked(id, StartMode::Manual);
    tracker.connected_with_text(id, "123 456 786");
    let debug = format!("{tracker:?} {:?}", tracker.display());
    assert!(!debug.contains("123"), "{debug}");
    // It says that there is a key, all the same.
    assert!(debug.contains("Show(DisplayKey(redacted))"), "{debug}");
}

#[test]
fn public_types_can_be_sent_and_shared() {
    fn sent<T: Send + Sync + 'static>() {}
    sent::<StartTracker>();
    sent::<coview_start::DisplayKey>();
}
