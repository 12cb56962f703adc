use std::collections::BTreeMap;
use std::time::Duration;

use coview_screen::*;
use coview_wire::Moment;
use coview_wire::ViewerId;

use crate::bytes::Bytes;

/// The colour of what is covered, from the protocol's page.
const COVER: [u8; 4] = [0x2b, 0x2f, 0x36, 0xff];

/// Draws, masks and moves a small screen as the input says, sends it to up to three viewers that
/// come, go and lose the thread. With exact images every picture a viewer has equals the masked
/// frame of that moment; with JPEG allowed it does once everything has come to rest.
pub fn codec(data: &[u8]) {
    let mut bytes = Bytes::of(data);
    let lossy = bytes.byte() & 1 == 1;
    let size = Size::new(u16::from(bytes.byte()) % 96 + 1, u16::from(bytes.byte()) % 96 + 1);
    let mut story = Story {
        lossy,
        now: Moment::ZERO,
        frame: Frame::blank(size).expect("a small size"),
        masks: MaskState::Known(Masks::none()),
        shown: None,
        encoder: Encoder::new(EncoderConfig { lossy }),
        seats: BTreeMap::new(),
        last: 0,
        due: None,
    };
    // Each step costs a comparison of two pictures.
    for _ in 0..64 {
        if bytes.is_empty() {
            break;
        }
        story.step(&mut bytes);
    }
    story.rest();
}

struct Story {
    lossy: bool,
    now: Moment,
    frame: Frame,
    masks: MaskState,
    /// The masked frame that was captured last.
    shown: Option<Frame>,
    encoder: Encoder,
    seats: BTreeMap<ViewerId, Decoder>,
    last: u32,
    /// Why the encoder wants to be woken at once, if it does.
    due: Option<&'static str>,
}

impl Story {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 12 {
            0 => {
                let (area, color) = (self.area(bytes), bytes.number());
                self.draw(area, |_, _| color);
            }
            1 => {
                let (area, mut seed) = (self.area(bytes), u32::from(bytes.number()) | 1);
                self.draw(area, |_, _| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 16) as u16
                });
            }
            2 => {
                let area = self.area(bytes);
                self.draw(area, |x, y| x.wrapping_mul(y));
            }
            3 => self.scroll(bytes),
            4 => {
                let masks = (0..bytes.byte() % 4)
                    .map(|_| Mask::new(self.area(bytes), "x".repeat(usize::from(bytes.byte()))))
                    .collect();
                let masks = Masks::new(self.frame.size(), masks).expect("few and short");
                self.masks = MaskState::Known(masks);
            }
            5 => self.masks = MaskState::Unknown,
            6 if self.seats.len() < 3 => {
                self.last += 1;
                let viewer = ViewerId::new(self.last);
                self.seats.insert(viewer, Decoder::new());
                self.input(Input::Joined(viewer));
            }
            6 | 7 => {
                if let Some(viewer) = self.seats.keys().next().copied() {
                    self.seats.remove(&viewer);
                    self.input(Input::Left(viewer));
                }
            }
            8 => {
                if let Some(viewer) = self.seats.keys().next_back().copied() {
                    self.input(Input::Refresh(viewer));
                }
            }
            9 => self.pass(u64::from(bytes.number() % 4_000)),
            10 => {
                let size =
                    Size::new(u16::from(bytes.byte()) % 96 + 1, u16::from(bytes.byte()) % 96 + 1);
                self.frame.resize(size).expect("a small size");
            }
            _ => self.capture(),
        }
    }

    fn area(&self, bytes: &mut Bytes<'_>) -> Rect {
        let Size { width, height } = self.frame.size();
        let (x, y) = (u16::from(bytes.byte()) % width, u16::from(bytes.byte()) % height);
        let wide = u16::from(bytes.byte()) % (width - x) + 1;
        Rect::new(x, y, wide, u16::from(bytes.byte()) % (height - y) + 1)
    }

    fn draw(&mut self, area: Rect, mut color: impl FnMut(u16, u16) -> u16) {
        let width = usize::from(self.frame.size().width);
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                let [high, low] = color(x, y).to_be_bytes();
                let at = (usize::from(y) * width + usize::from(x)) * 4;
                self.frame.pixels_mut()[at..at + 4].copy_from_slice(&[high, low, high ^ low, 255]);
            }
        }
    }

    fn scroll(&mut self, bytes: &mut Bytes<'_>) {
        let rows = usize::from(bytes.byte()) * usize::from(self.frame.size().width) * 4;
        let pixels = self.frame.pixels_mut();
        let rows = rows % pixels.len();
        pixels.rotate_right(rows);
    }

    fn capture(&mut self) {
        let (frame, masks) = (self.frame.clone(), self.masks.clone());
        self.shown = Some(covered(&frame, &masks));
        self.input(Input::Frame { frame: &frame, damage: &Damage::Unknown, masks: &masks });
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.input(Input::Timeout);
    }

    /// Hands an input to the encoder and what comes out of it to the viewers, who draw it at once.
    fn input(&mut self, input: Input<'_>) {
        self.encoder.handle_input(self.now, input);
        let mut drawn = self.outputs();
        // What was lossy for one viewer may be due for repair the moment another one has it exactly.
        for timeouts in 0.. {
            let Some(why) = self.due.take() else { break };
            assert!(timeouts < 3, "due again and again: {why}");
            self.encoder.handle_input(self.now, Input::Timeout);
            drawn.extend(self.outputs());
        }
        for (viewer, number) in drawn {
            if !self.lossy {
                let picture = self.seats.get(&viewer).and_then(Decoder::picture);
                assert!(same(picture, self.shown.as_ref()), "a picture that is not the source");
            }
            self.input(Input::Acknowledged { viewer, number });
        }
    }

    /// What comes out: who has drawn what, and what is due already.
    fn outputs(&mut self) -> Vec<(ViewerId, u32)> {
        let mut drawn = Vec::new();
        for outputs in 0.. {
            assert!(outputs < 10_000, "not idle after {outputs} outputs");
            match self.encoder.poll_output() {
                Output::Send { viewers, body } => {
                    assert!(!viewers.is_empty());
                    for viewer in viewers {
                        let decoder = self.seats.get_mut(&viewer).expect("a viewer that is there");
                        match decoder.handle(&body).expect("a body of the encoder") {
                            Decoded::Updated { number, .. } => drawn.push((viewer, number)),
                            Decoded::OutOfStep => panic!("a viewer that missed nothing is lost"),
                            Decoded::Nothing | Decoded::Status(_) | Decoded::Beat => {}
                        }
                    }
                }
                Output::Idle { wake_at } => {
                    self.due = wake_at.filter(|wake| wake.at <= self.now).map(|wake| wake.why);
                    return drawn;
                }
            }
        }
        drawn
    }

    /// After a while in which nothing changes every viewer has the picture.
    fn rest(&mut self) {
        self.capture();
        for _ in 0..8 {
            self.pass(1_000);
            self.input(Input::Unchanged);
        }
        for decoder in self.seats.values() {
            assert!(same(decoder.picture(), self.shown.as_ref()), "not the source at rest");
        }
    }
}

fn covered(frame: &Frame, masks: &MaskState) -> Frame {
    let mut covered = frame.clone();
    let Size { width, height } = frame.size();
    let areas: Vec<Rect> = match masks {
        MaskState::Known(masks) if masks.fit(frame.size()) => {
            masks.list().iter().map(|mask| mask.area).collect()
        }
        MaskState::Known(_) | MaskState::Unknown => vec![Rect::new(0, 0, width, height)],
    };
    for area in areas {
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                let at = (usize::from(y) * usize::from(width) + usize::from(x)) * 4;
                covered.pixels_mut()[at..at + 4].copy_from_slice(&COVER);
            }
        }
    }
    covered
}

/// Whether two pictures show the same; the fourth byte of a pixel means nothing.
fn same(one: Option<&Frame>, other: Option<&Frame>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one.is_none() && other.is_none() };
    one.size() == other.size()
        && one.pixels().chunks(4).zip(other.pixels().chunks(4)).all(|(a, b)| a[..3] == b[..3])
}
