//! Random stories of a sharer and its viewers: whatever happens, once everything has come to rest
//! every viewer sees the masked source, pixel by pixel, and nobody ever sees what is masked.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use coview_wire::Moment;
use coview_wire::Picture;
use coview_wire::ViewerId;
use coview_wire::limits;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::body::Body;
use crate::body::Op;
use crate::body::Ops;
use crate::masked::COVER;
use crate::unpack;
use crate::*;

/// What no viewer may ever see. Nothing else that is drawn comes near it: everything has more green.
const MARKER: [u8; 3] = [255, 0, 255];

#[derive(Clone, Debug)]
enum Step {
    Fill(Area, u32),
    Noise(Area, u32),
    Letters(Area, u32),
    Scroll(Area, i16, i16),
    Resize(u16, u16),
    Mask(Vec<(Area, u8)>),
    MaskUnknown,
    MaskForAnotherSize,
    /// The source captures; whether it says where something changed.
    Frame(bool),
    /// Something moves for several frames.
    Film(Area, u32, u8),
    Unchanged,
    Pause,
    Reset,
    Join,
    Leave(usize),
    Deliver(usize, usize),
    DeliverSilently(usize),
    /// The server throws away what is queued for a viewer.
    Overflow(usize),
    Corrupt(usize, usize, u8),
    Refresh(usize),
    Nonsense(usize, u32),
    Pass(u16),
}

/// An area as fractions of the frame, in 1/256.
#[derive(Clone, Copy, Debug)]
struct Area(u8, u8, u8, u8);

impl Area {
    fn within(self, size: Size) -> Rect {
        let part =
            |of: u16, part: u8| u16::try_from(u32::from(of) * u32::from(part) / 256).unwrap();
        let (x, y) = (part(size.width, self.0), part(size.height, self.1));
        let width = part(size.width - x, self.2) + 1;
        let height = part(size.height - y, self.3) + 1;
        Rect::new(x, y, width, height)
    }
}

fn areas() -> impl Strategy<Value = Area> {
    (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(a, b, c, d)| Area(a, b, c, d))
}

fn steps() -> impl Strategy<Value = Step> {
    let nobody_or = 0_usize..4;
    prop_oneof![
        4 => (areas(), any::<u32>()).prop_map(|(area, color)| Step::Fill(area, color)),
        2 => (areas(), any::<u32>()).prop_map(|(area, seed)| Step::Noise(area, seed)),
        4 => (areas(), any::<u32>()).prop_map(|(area, seed)| Step::Letters(area, seed)),
        6 => (areas(), -40_i16..40, -40_i16..40).prop_map(|(a, x, y)| Step::Scroll(a, x, y)),
        3 => (areas(), -40_i16..40).prop_map(|(a, y)| Step::Scroll(a, 0, y)),
        1 => (1_u16..260, 1_u16..200).prop_map(|(width, height)| Step::Resize(width, height)),
        2 => prop::collection::vec((areas(), any::<u8>()), 0..3).prop_map(Step::Mask),
        1 => Just(Step::MaskUnknown),
        1 => Just(Step::MaskForAnotherSize),
        14 => any::<bool>().prop_map(Step::Frame),
        2 => (areas(), any::<u32>(), 1_u8..6).prop_map(|(a, s, n)| Step::Film(a, s, n)),
        1 => Just(Step::Unchanged),
        1 => Just(Step::Pause),
        1 => Just(Step::Reset),
        3 => Just(Step::Join),
        1 => nobody_or.clone().prop_map(Step::Leave),
        10 => (nobody_or.clone(), 1_usize..6).prop_map(|(who, n)| Step::Deliver(who, n)),
        2 => nobody_or.clone().prop_map(Step::DeliverSilently),
        1 => nobody_or.clone().prop_map(Step::Overflow),
        1 => (nobody_or.clone(), any::<usize>(), any::<u8>())
            .prop_map(|(who, at, bits)| Step::Corrupt(who, at, bits)),
        1 => nobody_or.clone().prop_map(Step::Refresh),
        1 => (nobody_or, any::<u32>()).prop_map(|(who, n)| Step::Nonsense(who, n)),
        6 => (0_u16..1500).prop_map(Step::Pass),
    ]
}

struct Seat {
    decoder: Decoder,
    /// Bodies on their way.
    queue: VecDeque<Vec<u8>>,
}

struct World {
    lossy: bool,
    /// Whether the source's hints leave out much of what it drew.
    lies: bool,
    now: u64,
    clean: Frame,
    masks: MaskState,
    /// Where something was drawn since the last capture.
    drawn: Vec<Rect>,
    encoder: Encoder,
    seats: BTreeMap<ViewerId, Seat>,
    joined: u32,
    /// What the source showed, masked, when each update was sent.
    sent: BTreeMap<u32, Frame>,
    shown: Option<Frame>,
}

struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }
}

/// Any colour that is not like the marker.
fn color(seed: u32) -> [u8; 3] {
    let [r, g, b, _] = seed.to_le_bytes();
    [r, 128 | g, b]
}

fn moment(now: u64) -> Moment {
    Moment::new(Duration::from_millis(now))
}

/// The picture that viewers may see, worked out in another way than the encoder's.
fn covered(frame: &Frame, state: &MaskState) -> Frame {
    let mut covered = frame.clone();
    match state {
        MaskState::Known(masks) if masks.fit(frame.size()) => {
            for mask in masks.list() {
                covered.fill(mask.area, COVER);
            }
        }
        MaskState::Known(_) | MaskState::Unknown => covered.fill(frame.size().rect(), COVER),
    }
    covered
}

impl World {
    fn new(lossy: bool, lies: bool) -> Self {
        let mut clean = Frame::blank(Size::new(150, 100)).unwrap();
        clean.fill(clean.size().rect(), [250, 250, 250]);
        Self {
            lossy,
            lies,
            now: 0,
            clean,
            masks: MaskState::Known(Masks::none()),
            drawn: Vec::new(),
            encoder: Encoder::new(EncoderConfig { lossy }),
            seats: BTreeMap::new(),
            joined: 0,
            sent: BTreeMap::new(),
            shown: None,
        }
    }

    fn viewer(&self, who: usize) -> Option<ViewerId> {
        self.seats.keys().nth(who).copied()
    }

    fn input(&mut self, input: Input<'_>) {
        self.encoder.handle_input(moment(self.now), input);
        while let Output::Send { viewers, body } = self.encoder.poll_output() {
            assert!(!viewers.is_empty() && viewers.len() <= limits::VIEWERS);
            assert!(body.len() <= Picture::longest_body(limits::VIEWERS));
            self.examine(&body);
            for viewer in viewers {
                let seat = self.seats.get_mut(&viewer).expect("somebody who is there");
                seat.queue.push_back(body.clone());
            }
        }
    }

    /// Looks into a body as it leaves: nothing in it decodes to the marker.
    fn examine(&mut self, body: &[u8]) {
        let Body::Part { header, ops } = Body::read(body).unwrap() else { return };
        let shown = self.shown.as_ref().expect("no update before a frame");
        self.sent.insert(header.number, shown.clone());
        let mut canvas = Frame::blank(header.size).unwrap();
        for op in Ops::new(ops, header.size) {
            match op.unwrap() {
                Op::Image { area, format, bytes } => {
                    unpack::draw(&mut canvas, area, format, bytes).unwrap();
                }
                Op::Fill { color, .. } => assert!(!like_marker(color)),
                Op::Copy { .. } | Op::Masks(_) => {}
            }
        }
        assert_no_marker(&canvas);
    }

    fn capture(&mut self, hint: bool) {
        // What is masked, and only that, is full of the marker.
        let mut frame = self.clean.clone();
        let size = frame.size();
        match &self.masks {
            MaskState::Known(masks) if masks.fit(size) => {
                for mask in masks.list() {
                    frame.fill(mask.area, MARKER);
                }
            }
            MaskState::Known(_) | MaskState::Unknown => frame.fill(size.rect(), MARKER),
        }
        // The fourth byte means nothing.
        for pixel in frame.pixels_mut().as_chunks_mut::<4>().0 {
            pixel[3] = u8::try_from(self.now % 256).unwrap();
        }
        let mut drawn = std::mem::take(&mut self.drawn);
        if self.lies {
            let told = self.now % 3;
            drawn.retain(|area| u64::from(area.x) % 3 < told);
        }
        let damage = if hint { Damage::Areas(drawn) } else { Damage::Unknown };
        self.shown = Some(covered(&frame, &self.masks));
        let masks = self.masks.clone();
        self.input(Input::Frame { frame: &frame, damage: &damage, masks: &masks });
    }

    fn draw(&mut self, area: Rect, mut paint: impl FnMut(u16, u16) -> [u8; 3]) {
        for y in 0..area.height {
            for x in 0..area.width {
                self.clean.fill(Rect::new(area.x + x, area.y + y, 1, 1), paint(x, y));
            }
        }
        self.drawn.push(area);
    }

    fn noise(&mut self, area: Area, seed: u32) {
        let mut random = Random(seed);
        self.draw(area.within(self.clean.size()), |_, _| color(random.next()));
    }

    fn apply(&mut self, step: &Step) {
        let size = self.clean.size();
        match *step {
            Step::Fill(area, seed) => self.draw(area.within(size), |_, _| color(seed)),
            Step::Noise(area, seed) => self.noise(area, seed),
            Step::Letters(area, seed) => {
                let mut random = Random(seed);
                self.draw(area.within(size), |_, y| {
                    let ink = y % 12 < 9 && random.next().is_multiple_of(3);
                    if ink { [20, 130, 20] } else { [240, 255, 240] }
                });
            }
            Step::Scroll(area, dx, dy) => self.scroll(area.within(size), dx, dy),
            Step::Resize(width, height) => {
                self.clean.resize(Size::new(width, height)).unwrap();
                let all = self.clean.size().rect();
                self.draw(all, |x, y| color(u32::from(x / 9) * 77 + u32::from(y / 9) * 1234));
            }
            Step::Mask(ref masks) => {
                let list = masks.iter().map(|&(area, label)| {
                    let mut area = area.within(size);
                    area.width += u16::from(label % 32); // over the edge, sometimes
                    Mask::new(area, format!("label {label}"))
                });
                self.masks = MaskState::Known(Masks::new(size, list.collect()).unwrap());
            }
            Step::MaskUnknown => self.masks = MaskState::Unknown,
            Step::MaskForAnotherSize => {
                let other = Size::new(size.width + 1, size.height);
                self.masks = MaskState::Known(Masks::new(other, Vec::new()).unwrap());
            }
            Step::Frame(hint) => self.capture(hint),
            Step::Film(area, seed, frames) => {
                for frame in 0..frames {
                    self.noise(area, seed.wrapping_add(u32::from(frame)));
                    self.now += 40;
                    self.capture(seed % 2 == 0);
                }
            }
            Step::Unchanged if self.drawn.is_empty() => self.input(Input::Unchanged),
            Step::Unchanged => {}
            Step::Pause => self.input(Input::Paused),
            Step::Reset => {
                self.seats.clear();
                self.input(Input::Reset);
            }
            Step::Join if self.seats.len() < 4 => {
                self.joined += 1;
                let viewer = ViewerId::new(self.joined);
                let seat = Seat { decoder: Decoder::new(), queue: VecDeque::new() };
                self.seats.insert(viewer, seat);
                self.input(Input::Joined(viewer));
            }
            Step::Join => {}
            Step::Leave(who) => {
                if let Some(viewer) = self.viewer(who) {
                    self.seats.remove(&viewer);
                    self.input(Input::Left(viewer));
                }
            }
            Step::Deliver(who, count) => self.deliver(who, count, true),
            Step::DeliverSilently(who) => self.deliver(who, 1, false),
            Step::Overflow(who) => {
                if let Some(viewer) = self.viewer(who) {
                    self.seats.get_mut(&viewer).unwrap().queue.clear();
                    self.input(Input::Refresh(viewer));
                }
            }
            Step::Corrupt(who, at, bits) => {
                if let Some(viewer) = self.viewer(who)
                    && let Some(body) = self.seats.get_mut(&viewer).unwrap().queue.front_mut()
                    // A changed pixel would go unnoticed, and TCP does not change any.
                    && at % body.len() == 0
                {
                    body[0] ^= bits | 64;
                }
            }
            Step::Refresh(who) => {
                if let Some(viewer) = self.viewer(who) {
                    self.input(Input::Refresh(viewer));
                }
            }
            Step::Nonsense(who, number) => {
                if let Some(viewer) = self.viewer(who) {
                    self.input(Input::Acknowledged { viewer, number });
                }
                self.input(Input::Left(ViewerId::new(u32::MAX)));
            }
            Step::Pass(ms) => {
                self.now += u64::from(ms);
                self.input(Input::Timeout);
            }
        }
    }

    fn scroll(&mut self, area: Rect, dx: i16, dy: i16) {
        let before = self.clean.clone();
        self.draw(area, |x, y| {
            let from_x = (i32::from(x) - i32::from(dx)).rem_euclid(i32::from(area.width));
            let from_y = (i32::from(y) - i32::from(dy)).rem_euclid(i32::from(area.height));
            let at = |from: i32, base: u16| u16::try_from(from).unwrap() + base;
            before.pixel(at(from_x, area.x), at(from_y, area.y)).unwrap()
        });
    }

    fn deliver(&mut self, who: usize, count: usize, answer: bool) {
        let Some(viewer) = self.viewer(who) else { return };
        for _ in 0..count {
            let seat = self.seats.get_mut(&viewer).unwrap();
            let Some(body) = seat.queue.pop_front() else { return };
            let before = seat.decoder.picture().cloned();
            let decoded = seat.decoder.handle(&body);
            let mut reply = None;
            let answer = answer || decoded.is_err();
            match decoded {
                Ok(Decoded::Updated { number, areas, .. }) => {
                    let picture = seat.decoder.picture().unwrap();
                    assert_no_marker(picture);
                    if !self.lossy && !self.lies {
                        let expected = &self.sent[&number];
                        assert!(picture.shows_same(expected), "update {number} is not exact");
                    }
                    assert_only_changed_in(before.as_ref(), picture, &areas);
                    reply = Some(Input::Acknowledged { viewer, number });
                }
                Ok(Decoded::OutOfStep) | Err(_) => {
                    assert_eq!(seat.decoder.picture(), before.as_ref());
                    reply = Some(Input::Refresh(viewer));
                }
                Ok(Decoded::Nothing | Decoded::Status(_) | Decoded::Beat) => {
                    assert_eq!(seat.decoder.picture(), before.as_ref());
                }
            }
            // A refresh that is not said is said again at the next beat.
            if let Some(reply) = reply.filter(|_| answer) {
                self.input(reply);
            }
        }
    }

    /// The source stands still, and everybody has all the time it takes.
    fn rest(&mut self) {
        self.capture(false);
        for _ in 0..200 {
            for who in 0..self.seats.len() {
                self.deliver(who, usize::MAX, true);
            }
            self.now += 400;
            self.input(Input::Timeout);
        }
        let expected = self.shown.as_ref().unwrap();
        for (viewer, seat) in &self.seats {
            let picture = seat.decoder.picture();
            let picture = picture.unwrap_or_else(|| panic!("{viewer} has no picture"));
            assert_eq!(picture.size(), expected.size());
            assert!(picture.shows_same(expected), "{viewer} sees something else");
            let blank = match &self.masks {
                MaskState::Known(masks) if masks.fit(expected.size()) => {
                    let areas: Vec<_> = masks
                        .list()
                        .iter()
                        .map(|mask| (mask.area.clamped(expected.size()), mask.label.clone()))
                        .collect();
                    let seen: Vec<_> = seat
                        .decoder
                        .masks()
                        .iter()
                        .map(|mask| (mask.area, mask.label.clone()))
                        .collect();
                    assert_eq!(seen, areas);
                    false
                }
                MaskState::Known(_) | MaskState::Unknown => true,
            };
            let status = if blank { Status::Blank } else { Status::Live };
            assert_eq!(seat.decoder.status(), status);
        }
    }
}

fn like_marker(color: [u8; 3]) -> bool {
    color.iter().zip(MARKER).all(|(&a, b)| a.abs_diff(b) < 48)
}

fn assert_no_marker(picture: &Frame) {
    for &[r, g, b, _] in picture.pixels().as_chunks::<4>().0 {
        assert!(!like_marker([r, g, b]), "a masked pixel was sent");
    }
}

fn assert_only_changed_in(before: Option<&Frame>, now: &Frame, areas: &[Rect]) {
    let Some(before) = before.filter(|before| before.size() == now.size()) else { return };
    let mut before = before.clone();
    for &area in areas {
        for row in 0..area.height {
            let changed = now.row(area, row).to_vec();
            before.row_mut(area, row).copy_from_slice(&changed);
        }
    }
    assert!(before == *now, "the picture changed outside of the areas");
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/screen.txt"
        )))),
        ..ProptestConfig::default()
    }
}

fn play(lossy: bool, lies: bool, steps: &[Step]) {
    let mut world = World::new(lossy, lies);
    world.apply(&Step::Join);
    world.capture(false);
    for step in steps {
        world.apply(step);
        world.now += 7;
    }
    world.rest();
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn every_viewer_ends_with_the_masked_source(
        lossy in any::<bool>(), steps in prop::collection::vec(steps(), 1..60),
    ) {
        play(lossy, false, &steps);
    }

    /// And once it says that anything may have changed, every viewer sees it again.
    #[test]
    fn no_hint_uncovers_what_is_masked(
        lossy in any::<bool>(), steps in prop::collection::vec(steps(), 1..60),
    ) {
        play(lossy, true, &steps);
    }
}
