use std::fs::File;
use std::os::unix::fs::FileExt;

use coview_screen::Rect;
use x11rb::connection::Connection;
use x11rb::connection::RequestConnection;
use x11rb::protocol::shm;
use x11rb::protocol::shm::ConnectionExt as _;
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::protocol::xproto::Drawable;
use x11rb::protocol::xproto::ImageFormat;
use x11rb::rust_connection::RustConnection;

use crate::error::Trouble;

/// Bytes of a pixel.
const PIXEL: usize = 4;
/// All planes of a pixel.
const PLANES: u32 = !0;

/// Fetches pixels, through shared memory where the server has it.
#[derive(Debug)]
pub(crate) struct Reader {
    memory: Memory,
    /// What was fetched last: the areas one after the other.
    pixels: Vec<u8>,
}

/// Whether there is memory that the server writes and this process reads.
#[derive(Debug)]
enum Memory {
    /// The server has none to give, or did not do as promised.
    None,
    /// It has not been needed yet.
    Possible,
    /// The server made it, and handed over the file it is.
    Shared { segment: shm::Seg, file: File, bytes: usize },
}

impl Reader {
    /// # Errors
    ///
    /// [`Trouble::Lost`] if the connection is broken.
    pub(crate) fn new(conn: &RustConnection) -> Result<Self, Trouble> {
        let mut memory = Memory::None;
        if conn.extension_information(shm::X11_EXTENSION_NAME)?.is_some() {
            let version = conn.shm_query_version()?.reply()?;
            // Since then the server can make the memory itself and send its file.
            if (version.major_version, version.minor_version) >= (1, 2) {
                memory = Memory::Possible;
            }
        }
        Ok(Self { memory, pixels: Vec::new() })
    }

    pub(crate) fn shares_memory(&self) -> bool {
        match self.memory {
            Memory::None => false,
            Memory::Possible | Memory::Shared { .. } => true,
        }
    }

    /// Fetches the areas of a drawable; `dx` and `dy` are added to where they are. The answer holds
    /// their pixels one after the other.
    ///
    /// # Errors
    ///
    /// [`Trouble`] if the connection is broken or an area is not (or no longer) within the drawable.
    pub(crate) fn read(
        &mut self,
        conn: &RustConnection,
        drawable: Drawable,
        (dx, dy): (u16, u16),
        areas: &[Rect],
    ) -> Result<&[u8], Trouble> {
        let bytes = areas.iter().map(|area| area.pixels() * PIXEL).sum();
        self.pixels.resize(bytes, 0);
        let areas = areas.iter().map(|area| moved(*area, dx, dy));
        match self.read_shared(conn, drawable, areas.clone()) {
            Ok(true) => return Ok(&self.pixels),
            Ok(false) => {}
            Err(Trouble::Lost(error)) => return Err(Trouble::Lost(error)),
            // If the drawable is to blame, the plain way fails as well.
            Err(Trouble::Refused(_)) => {
                self.read_plain(conn, drawable, areas)?;
                self.give_up_sharing(conn)?;
                return Ok(&self.pixels);
            }
        }
        self.read_plain(conn, drawable, areas)?;
        Ok(&self.pixels)
    }

    /// Whether it was done: there may be no shared memory.
    fn read_shared(
        &mut self,
        conn: &RustConnection,
        drawable: Drawable,
        areas: impl Iterator<Item = Area>,
    ) -> Result<bool, Trouble> {
        self.share(conn, self.pixels.len())?;
        let Memory::Shared { segment, file, .. } = &self.memory else {
            return Ok(false);
        };
        // All requests go out before the first answer is waited for.
        let mut answers = Vec::new();
        let mut offset = 0_u32;
        for (x, y, width, height) in areas {
            answers.push(conn.shm_get_image(
                drawable,
                x,
                y,
                width,
                height,
                PLANES,
                u8::from(ImageFormat::Z_PIXMAP),
                *segment,
                offset,
            )?);
            offset += u32::from(width) * u32::from(height) * PIXEL as u32;
        }
        for answer in answers {
            answer.reply()?;
        }
        file.read_exact_at(&mut self.pixels, 0).map_err(|error| Trouble::Refused(error.into()))?;
        Ok(true)
    }

    /// Sees to it that there are so many bytes of shared memory, if there is any.
    fn share(&mut self, conn: &RustConnection, needed: usize) -> Result<(), Trouble> {
        match &self.memory {
            Memory::None => return Ok(()),
            Memory::Shared { bytes, .. } if *bytes >= needed => return Ok(()),
            Memory::Shared { segment, .. } => {
                conn.shm_detach(*segment)?;
            }
            Memory::Possible => {}
        }
        self.memory = Memory::None;
        let segment = conn.generate_id()?;
        let bytes = needed.max(1 << 16);
        let Ok(asked) = u32::try_from(bytes) else {
            return Ok(());
        };
        match conn.shm_create_segment(segment, asked, false)?.reply().map_err(Trouble::from) {
            Ok(reply) => {
                self.memory = Memory::Shared { segment, file: File::from(reply.shm_fd), bytes };
                Ok(())
            }
            // A server across a network cannot send a file.
            Err(Trouble::Refused(_)) => Ok(()),
            Err(Trouble::Lost(error)) => Err(Trouble::Lost(error)),
        }
    }

    fn give_up_sharing(&mut self, conn: &RustConnection) -> Result<(), Trouble> {
        if let Memory::Shared { segment, .. } = &self.memory {
            conn.shm_detach(*segment)?;
        }
        self.memory = Memory::None;
        Ok(())
    }

    fn read_plain(
        &mut self,
        conn: &RustConnection,
        drawable: Drawable,
        areas: impl Iterator<Item = Area>,
    ) -> Result<(), Trouble> {
        let mut rest = self.pixels.as_mut_slice();
        for (x, y, width, height) in areas {
            let format = ImageFormat::Z_PIXMAP;
            let image = conn.get_image(format, drawable, x, y, width, height, PLANES)?.reply()?;
            let bytes = usize::from(width) * usize::from(height) * PIXEL;
            let (into, after) = rest.split_at_mut(bytes);
            let Some(pixels) = image.data.get(..bytes) else {
                return Err(Trouble::Refused("an image is shorter than it should be".into()));
            };
            into.copy_from_slice(pixels);
            rest = after;
        }
        Ok(())
    }
}

/// Corner and extent in the types of the protocol.
type Area = (i16, i16, u16, u16);

fn moved(area: Rect, dx: u16, dy: u16) -> Area {
    // A frame has at most 8192 pixels each way, and a border is no wider than the rest of an `i16`.
    let place = |at: u16, by: u16| i16::try_from(at.saturating_add(by)).unwrap_or(i16::MAX);
    (place(area.x, dx), place(area.y, dy), area.width, area.height)
}
