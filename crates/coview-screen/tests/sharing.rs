//! What viewers are told, and when: joining late, falling behind, asking too often, pauses, ends.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::VecDeque;
use std::time::Duration;

use coview_screen::*;
use coview_wire::Moment;
use coview_wire::ViewerId;

const SIZE: Size = Size::new(200, 120);
const A: ViewerId = ViewerId::new(1);
const B: ViewerId = ViewerId::new(2);

struct Sharer {
    encoder: Encoder,
    now: u64,
}

/// The bodies of one viewer.
fn bodies(sent: &[(Vec<ViewerId>, Vec<u8>)], viewer: ViewerId) -> Vec<Vec<u8>> {
    let own = sent.iter().filter(|(viewers, _)| viewers.contains(&viewer));
    own.map(|(_, body)| body.clone()).collect()
}

/// Number and base of each part of an update.
fn updates(bodies: &[Vec<u8>]) -> Vec<(u32, u32)> {
    let number = |body: &[u8], at: usize| u32::from_be_bytes(body[at..at + 4].try_into().unwrap());
    let parts = bodies.iter().filter(|body| body[0] == 1);
    parts.map(|body| (number(body, 1), number(body, 5))).collect()
}

impl Sharer {
    fn new() -> Self {
        Self { encoder: Encoder::new(EncoderConfig::default()), now: 0 }
    }

    fn input(&mut self, input: Input<'_>) -> Vec<(Vec<ViewerId>, Vec<u8>)> {
        let now = Moment::new(Duration::from_millis(self.now));
        self.encoder.handle_input(now, input);
        let mut sent = Vec::new();
        while let Output::Send { viewers, body } = self.encoder.poll_output() {
            sent.push((viewers, body));
        }
        sent
    }

    fn frame(&mut self, frame: &Frame) -> Vec<(Vec<ViewerId>, Vec<u8>)> {
        let masks = MaskState::Known(Masks::none());
        self.input(Input::Frame { frame, damage: &Damage::Unknown, masks: &masks })
    }

    fn wait(&mut self, ms: u64) -> Vec<(Vec<ViewerId>, Vec<u8>)> {
        self.now += ms;
        self.input(Input::Timeout)
    }

    fn wake_at(&mut self) -> Option<(Moment, &'static str)> {
        let Output::Idle { wake_at } = self.encoder.poll_output() else { panic!("drained") };
        wake_at.map(|deadline| (deadline.at, deadline.why))
    }
}

/// A frame that looks like no other.
fn frame(number: u8) -> Frame {
    let mut frame = Frame::blank(SIZE).unwrap();
    for (at, byte) in frame.pixels_mut().iter_mut().enumerate() {
        *byte = (at / 640 % 251) as u8 ^ number;
    }
    frame
}

#[test]
fn a_late_joiner_alone_gets_one_whole_update_at_once() {
    let mut sharer = Sharer::new();
    assert!(!sharer.encoder.wants_frames());
    sharer.input(Input::Joined(A));
    assert!(sharer.encoder.wants_frames());
    assert_eq!(updates(&bodies(&sharer.frame(&frame(1)), A)), [(1, 0)]);
    sharer.input(Input::Acknowledged { viewer: A, number: 1 });

    let sent = sharer.input(Input::Joined(B));
    assert!(bodies(&sent, A).is_empty());
    assert_eq!(updates(&bodies(&sent, B)), [(2, 0)]);
    let mut decoder = Decoder::new();
    for body in bodies(&sent, B) {
        decoder.handle(&body).unwrap();
    }
    assert!(decoder.picture().unwrap().shows_same(&frame(1)));

    // The next update is one for both, each from where it stands; then they share one body.
    let sent = sharer.frame(&frame(2));
    assert_eq!(updates(&bodies(&sent, A)), [(3, 1)]);
    assert_eq!(updates(&bodies(&sent, B)), [(3, 2)]);
    let sent = sharer.frame(&frame(3));
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, [A, B]);
}

#[test]
fn a_picture_from_before_is_not_shown_to_somebody_who_comes_later() {
    let mut sharer = Sharer::new();
    sharer.input(Input::Joined(A));
    sharer.frame(&frame(1));
    sharer.input(Input::Left(A));
    assert!(!sharer.encoder.wants_frames());

    // Nobody captured meanwhile: what was visible may be masked now.
    assert!(updates(&bodies(&sharer.input(Input::Joined(B)), B)).is_empty());
    assert!(updates(&bodies(&sharer.input(Input::Paused), B)).is_empty());
    assert!(updates(&bodies(&sharer.wait(5000), B)).is_empty());
    // The source says that nothing changed, pixels or masks.
    assert_eq!(updates(&bodies(&sharer.input(Input::Unchanged), B)), [(2, 0)]);
}

#[test]
fn a_viewer_that_does_not_answer_gets_nothing_more_and_then_the_newest() {
    let mut sharer = Sharer::new();
    sharer.input(Input::Joined(A));
    let mut decoder = Decoder::new();
    let mut queue = bodies(&sharer.frame(&frame(1)), A);
    for number in 2..200 {
        sharer.now += 50;
        queue.extend(bodies(&sharer.frame(&frame(number)), A));
    }
    let before = updates(&queue).len();
    assert!(before < 30, "{before} updates are under way");

    let mut queue = VecDeque::from(queue);
    while let Some(body) = queue.pop_front() {
        if let Decoded::Updated { number, .. } = decoder.handle(&body).unwrap() {
            let sent = sharer.input(Input::Acknowledged { viewer: A, number });
            queue.extend(bodies(&sent, A));
        }
    }
    assert!(decoder.picture().unwrap().shows_same(&frame(199)));
}

#[test]
fn refreshes_are_paced_however_often_they_are_asked_for() {
    let mut sharer = Sharer::new();
    sharer.input(Input::Joined(A));
    sharer.frame(&frame(1));
    let mut wholes = 0;
    for _ in 0..1000 {
        sharer.now += 10;
        let sent = sharer.input(Input::Refresh(A));
        for (number, base) in updates(&bodies(&sent, A)) {
            assert_eq!(base, 0);
            wholes += 1;
            sharer.input(Input::Acknowledged { viewer: A, number });
        }
    }
    // 10 s at one in 250 ms, and one at the beginning that was never acknowledged.
    assert!((20..=41).contains(&wholes), "{wholes}");

    // While one is not acknowledged there is no other for 3 s, then 6.
    let mut at = Vec::new();
    for step in 0..1200 {
        sharer.now += 10;
        let sent = sharer.input(Input::Refresh(A));
        if !updates(&bodies(&sent, A)).is_empty() {
            at.push(step * 10);
        }
    }
    assert_eq!(at.len(), 3, "{at:?}");
    assert!(at[1] - at[0] >= 3000 && at[2] - at[1] >= 6000, "{at:?}");
}

#[test]
fn statuses_reach_every_viewer_and_every_joiner() {
    let mut sharer = Sharer::new();
    let status = |sharer: &mut Sharer, input: Input<'_>, viewer| {
        let sent = bodies(&sharer.input(input), viewer);
        sent.into_iter().find(|body| body[0] == 2).map(|body| body[1])
    };
    assert_eq!(status(&mut sharer, Input::Joined(A), A), Some(1));
    sharer.frame(&frame(1));
    assert_eq!(status(&mut sharer, Input::Paused, A), Some(2));
    assert_eq!(status(&mut sharer, Input::Paused, A), None);
    assert_eq!(status(&mut sharer, Input::Joined(B), B), Some(2));
    assert_eq!(status(&mut sharer, Input::Unchanged, A), Some(1));
    let (frame, damage) = (frame(1), Damage::Areas(Vec::new()));
    let unknown = Input::Frame { frame: &frame, damage: &damage, masks: &MaskState::Unknown };
    assert_eq!(status(&mut sharer, unknown, B), Some(3));
    assert_eq!(status(&mut sharer, Input::Gone, B), Some(4));
    assert!(!sharer.encoder.wants_frames());
    let late = ViewerId::new(3);
    let sent = bodies(&sharer.input(Input::Joined(late)), late);
    assert_eq!((sent[0][0], sent[0][1]), (2, 4));
    assert_eq!(updates(&sent).len(), 1, "the last picture stays for late joiners");
    assert!(sharer.frame(&frame).is_empty(), "nothing comes after the end");
}

#[test]
fn a_still_screen_beats_every_three_seconds() {
    let mut sharer = Sharer::new();
    sharer.input(Input::Joined(A));
    sharer.frame(&frame(1));
    sharer.input(Input::Acknowledged { viewer: A, number: 1 });
    assert_eq!(sharer.wake_at(), Some((Moment::new(Duration::from_secs(3)), "a beat is due")));
    for _ in 0..10 {
        assert!(sharer.frame(&frame(1)).is_empty(), "a still screen sends nothing else");
    }
    assert!(sharer.wait(2999).is_empty());
    assert_eq!(sharer.wait(1), [(vec![A], vec![3, 0, 0, 0, 1])]);
}

#[test]
fn a_new_mask_covers_its_area_in_the_same_update_as_new_pixels() {
    let mut sharer = Sharer::new();
    sharer.input(Input::Joined(A));
    let mut decoder = Decoder::new();
    for body in bodies(&sharer.frame(&frame(1)), A) {
        decoder.handle(&body).unwrap();
    }
    let area = Rect::new(30, 30, 60, 20);
    let masks = Masks::new(SIZE, vec![Mask::new(area, "card")]).unwrap();
    let masks = MaskState::Known(masks);
    let mut pixels = frame(1);
    pixels.fill(Rect::new(150, 100, 4, 4), [255, 0, 0]);
    // The source knows of the four by four pixels only.
    let damage = Damage::Areas(vec![Rect::new(150, 100, 4, 4)]);
    let sent = sharer.input(Input::Frame { frame: &pixels, damage: &damage, masks: &masks });
    let sent = bodies(&sent, A);
    assert_eq!(updates(&sent), [(2, 1)]);
    for body in sent {
        decoder.handle(&body).unwrap();
    }
    let mut expected = pixels.clone();
    expected.fill(area, [0x2b, 0x2f, 0x36]);
    assert!(decoder.picture().unwrap().shows_same(&expected));
    assert_eq!(decoder.masks(), [Mask::new(area, "card")]);

    // And when it goes, what it covered comes back, whatever the source says of damage.
    let none = MaskState::Known(Masks::none());
    let damage = Damage::Areas(Vec::new());
    let sent = sharer.input(Input::Frame { frame: &pixels, damage: &damage, masks: &none });
    for body in bodies(&sent, A) {
        decoder.handle(&body).unwrap();
    }
    assert!(decoder.picture().unwrap().shows_same(&pixels));
    assert!(decoder.masks().is_empty());
}

#[test]
fn the_newest_pushed_frame_wins_and_hints_add_up() {
    let (app, mut source) = app_frames();
    let mut into = Frame::blank(SIZE).unwrap();
    assert_eq!(source.capture(&mut into), Capture::Unchanged, "nothing was pushed");
    let (left, right) = (Rect::new(0, 0, 5, 5), Rect::new(90, 0, 5, 5));
    app.push_damaged(frame(1), vec![left], Masks::none());
    app.push_damaged(frame(2), vec![right], Masks::none());
    let masks = MaskState::Known(Masks::none());
    let damage = Damage::Areas(vec![left, right]);
    assert_eq!(source.capture(&mut into), Capture::Frame { damage, masks: masks.clone() });
    assert!(into.shows_same(&frame(2)));

    app.pause();
    app.push(frame(3), Masks::none());
    assert_eq!(source.capture(&mut into), Capture::Paused);
    assert!(into.shows_same(&frame(2)));
    app.resume();
    app.push_damaged(frame(4), vec![left], Masks::none());
    let damage = Damage::Unknown;
    assert_eq!(source.capture(&mut into), Capture::Frame { damage, masks });
    assert!(into.shows_same(&frame(4)));

    let clone = app.clone();
    drop(app);
    assert_eq!(source.capture(&mut into), Capture::Unchanged);
    drop(clone);
    assert_eq!(source.capture(&mut into), Capture::Gone);
}
