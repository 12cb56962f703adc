//! A small viewer of RFB 3.8 that asks for what TigerVNC's own viewer asks for: Tight and CopyRect,
//! the cursor apart, fences, and updates without being asked again where the server can do that.

use std::error::Error;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;

use crate::canvas::HEIGHT;
use crate::canvas::WIDTH;
use crate::eye::Eye;
use crate::tight::Area;
use crate::tight::Tight;

const RAW: i32 = 0;
const COPY_RECT: i32 = 1;
const TIGHT: i32 = 7;
const LAST_RECT: i32 = -224;
const CURSOR: i32 = -239;
const DESKTOP_SIZE: i32 = -223;
const FENCE: i32 = -312;
const CONTINUOUS_UPDATES: i32 = -313;
/// The quality of pictures TigerVNC's viewer asks for by default: JPEG quality 8 of 0 to 9.
const QUALITY_8: i32 = -32 + 8;

const FENCE_REQUEST: u32 = 1 << 31;
const FENCE_KNOWN: u32 = 0b111;

/// A connection that is read by a thread of its own.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) eye: Arc<Eye>,
    /// Blue, green, red and a byte that means nothing.
    picture: Arc<Mutex<Vec<u8>>>,
    stream: TcpStream,
    reading: Option<JoinHandle<Result<(), String>>>,
}

impl Viewer {
    /// `exact`: the server may not send JPEG.
    pub(crate) fn new(stream: TcpStream, exact: bool) -> Result<Self, Box<dyn Error>> {
        stream.set_nodelay(true)?;
        let eye = Arc::new(Eye::default());
        let picture = Arc::new(Mutex::new(vec![0; WIDTH * HEIGHT * 4]));
        let mut session = Session {
            from: BufReader::with_capacity(1 << 18, stream.try_clone()?),
            to: stream.try_clone()?,
            tight: Tight::default(),
            continuous: false,
        };
        session.greet(exact)?;
        let (eyes, shown) = (Arc::clone(&eye), Arc::clone(&picture));
        let reading = std::thread::spawn(move || {
            session.read(&shown, &eyes).map_err(|error| error.to_string())
        });
        Ok(Self { eye, picture, stream, reading: Some(reading) })
    }

    pub(crate) fn picture(&self) -> Vec<u8> {
        self.picture.lock().expect("a broken update is an error, not a panic").clone()
    }

    /// What went wrong, if anything did.
    pub(crate) fn failed(&mut self) -> Option<String> {
        let ended = self.reading.take_if(|reading| reading.is_finished())?;
        match ended.join() {
            Ok(Ok(())) => Some("the server hung up".to_owned()),
            Ok(Err(why)) => Some(why),
            Err(_) => Some("the viewer panicked".to_owned()),
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reading) = self.reading.take() {
            let _ = reading.join();
        }
    }
}

struct Session {
    from: BufReader<TcpStream>,
    to: TcpStream,
    tight: Tight,
    /// The server sends without being asked.
    continuous: bool,
}

type Done = Result<(), Box<dyn Error>>;

impl Session {
    fn greet(&mut self, exact: bool) -> Done {
        let version: [u8; 12] = take(&mut self.from)?;
        if !version.starts_with(b"RFB 003.00") {
            return Err("the server speaks another protocol".into());
        }
        self.to.write_all(b"RFB 003.008\n")?;
        let [count] = take(&mut self.from)?;
        let mut kinds = vec![0; count.into()];
        self.from.read_exact(&mut kinds)?;
        if !kinds.contains(&1) {
            return Err("the server wants a password".into());
        }
        self.to.write_all(&[1])?;
        if u32::from_be_bytes(take(&mut self.from)?) != 0 {
            return Err("the server refuses".into());
        }
        self.to.write_all(&[1])?;
        let (width, height) = (take_u16(&mut self.from)?, take_u16(&mut self.from)?);
        if (usize::from(width), usize::from(height)) != (WIDTH, HEIGHT) {
            return Err(format!("the server shows {width} x {height} pixels").into());
        }
        let _format: [u8; 16] = take(&mut self.from)?;
        let mut name = vec![0; u32::from_be_bytes(take(&mut self.from)?) as usize];
        self.from.read_exact(&mut name)?;

        // The display's own form of a pixel, so that the server need not convert.
        let form = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
        self.to.write_all(&[0, 0, 0, 0])?;
        self.to.write_all(&form)?;
        let mut wanted =
            vec![TIGHT, COPY_RECT, RAW, LAST_RECT, CURSOR, DESKTOP_SIZE, FENCE, CONTINUOUS_UPDATES];
        if !exact {
            wanted.push(QUALITY_8);
        }
        self.to.write_all(&[2, 0])?;
        self.to.write_all(&u16::try_from(wanted.len())?.to_be_bytes())?;
        for encoding in wanted {
            self.to.write_all(&encoding.to_be_bytes())?;
        }
        self.ask(false)
    }

    fn ask(&mut self, only_changes: bool) -> Done {
        self.to.write_all(&[&[3, only_changes.into()][..], &whole()].concat())?;
        Ok(())
    }

    fn read(&mut self, picture: &Mutex<Vec<u8>>, eye: &Eye) -> Done {
        loop {
            let mut kind = [0];
            if self.from.read(&mut kind)? == 0 {
                return Ok(());
            }
            match kind[0] {
                0 => {
                    let [_] = take(&mut self.from)?;
                    let count = take_u16(&mut self.from)?;
                    // The next request is under way while this update is drawn.
                    if !self.continuous {
                        self.ask(true)?;
                    }
                    let mut pixels =
                        picture.lock().map_err(|_| "another thread panicked with the picture")?;
                    self.update(count, &mut pixels)?;
                    eye.look(&pixels);
                }
                1 => {
                    let head: [u8; 5] = take(&mut self.from)?;
                    self.skip(6 * u64::from(u16::from_be_bytes([head[3], head[4]])))?;
                }
                2 => {}
                3 => {
                    let head: [u8; 7] = take(&mut self.from)?;
                    self.skip(u32::from_be_bytes([head[3], head[4], head[5], head[6]]).into())?;
                }
                150 => {
                    self.continuous = true;
                    self.to.write_all(&[&[150, 1][..], &whole()].concat())?;
                }
                248 => {
                    let head: [u8; 8] = take(&mut self.from)?;
                    let flags = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
                    let mut data = vec![0; head[7].into()];
                    self.from.read_exact(&mut data)?;
                    if flags & FENCE_REQUEST != 0 {
                        let answer = (flags & FENCE_KNOWN).to_be_bytes();
                        let head = [&[248, 0, 0, 0][..], &answer, &[head[7]], &data].concat();
                        self.to.write_all(&head)?;
                    }
                }
                other => return Err(format!("an unknown message of type {other}").into()),
            }
        }
    }

    fn update(&mut self, count: u16, pixels: &mut [u8]) -> Done {
        for _ in 0..count {
            let area = Area {
                x: take_u16(&mut self.from)?.into(),
                y: take_u16(&mut self.from)?.into(),
                width: take_u16(&mut self.from)?.into(),
                height: take_u16(&mut self.from)?.into(),
            };
            let encoding = i32::from_be_bytes(take(&mut self.from)?);
            if [RAW, COPY_RECT, TIGHT].contains(&encoding) {
                area.check()?;
            }
            match encoding {
                RAW => {
                    for row in area.rows() {
                        self.from.read_exact(&mut pixels[row])?;
                    }
                }
                COPY_RECT => {
                    let from = Area {
                        x: take_u16(&mut self.from)?.into(),
                        y: take_u16(&mut self.from)?.into(),
                        ..area
                    };
                    from.check()?;
                    let copied: Vec<u8> =
                        from.rows().flat_map(|row| pixels[row].to_vec()).collect();
                    for (row, from) in area.rows().zip(copied.chunks_exact(area.width * 4)) {
                        pixels[row].copy_from_slice(from);
                    }
                }
                TIGHT => self.tight.draw(&mut self.from, area, pixels)?,
                LAST_RECT => return Ok(()),
                CURSOR => {
                    let bytes = area.width * area.height * 4;
                    self.skip(u64::try_from(bytes + area.width.div_ceil(8) * area.height)?)?;
                }
                DESKTOP_SIZE => return Err("the server changes its size".into()),
                other => return Err(format!("encoding {other}, which was not offered").into()),
            }
        }
        Ok(())
    }

    fn skip(&mut self, bytes: u64) -> Done {
        std::io::copy(&mut (&mut self.from).take(bytes), &mut std::io::sink())?;
        Ok(())
    }
}

/// The whole picture as the messages name it.
fn whole() -> [u8; 8] {
    let [width, height] =
        [WIDTH, HEIGHT].map(|extent| u16::try_from(extent).unwrap_or(u16::MAX).to_be_bytes());
    [0, 0, 0, 0, width[0], width[1], height[0], height[1]]
}

pub(crate) fn take<const N: usize>(from: &mut impl Read) -> Result<[u8; N], std::io::Error> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take_u16(from: &mut impl Read) -> Result<u16, std::io::Error> {
    take(from).map(u16::from_be_bytes)
}
