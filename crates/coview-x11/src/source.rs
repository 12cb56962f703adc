use core::fmt;

use coview_screen::Capture;
use coview_screen::Damage;
use coview_screen::Frame;
use coview_screen::FrameSource;
use coview_screen::MaskHandle;
use coview_screen::MaskState;
use coview_screen::Masks;
use coview_screen::Rect;
use coview_screen::Size;
use x11rb::connection::Connection;
use x11rb::connection::RequestConnection;
use x11rb::protocol::Event;
use x11rb::protocol::composite;
use x11rb::protocol::composite::ConnectionExt as _;
use x11rb::protocol::damage;
use x11rb::protocol::damage::ConnectionExt as _;
use x11rb::protocol::xfixes;
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::ChangeWindowAttributesAux;
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::protocol::xproto::EventMask;
use x11rb::protocol::xproto::ImageOrder;
use x11rb::protocol::xproto::MapState;
use x11rb::protocol::xproto::Pixmap;
use x11rb::protocol::xproto::Setup;
use x11rb::protocol::xproto::VisualClass;
use x11rb::protocol::xproto::Visualid;
use x11rb::protocol::xproto::Window;
use x11rb::protocol::xproto::WindowClass;
use x11rb::rust_connection::RustConnection;

use crate::cursor::Cursor;
use crate::error::Trouble;
use crate::error::X11Error;
use crate::reader::Reader;
use crate::region;

/// What of a display is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// All that is to be seen on the screen the display's name ends with, `.0` if it names none.
    Root,
    /// One window and what is in it, by its number.
    Window(u32),
}

/// Frames from an X display or one of its windows.
///
/// # What a capture says
///
/// | the display | the capture |
/// |---|---|
/// | nothing was drawn, the cursor stands still | `Unchanged` |
/// | something was drawn, or the cursor moved or changed | `Frame`, with these areas |
/// | the first capture; the size changed; the server has no DAMAGE | `Frame`, damage unknown |
/// | the window is not shown, or is larger than a frame can be | `Paused`, after one more `Frame` if the masks changed |
/// | the window was closed, or the display is gone | `Gone`, for good |
///
/// What is drawn between two captures is never left out of the areas. The masks are looked at before
/// the pixels and after; where they differ, both are applied.
///
/// # Waiting
///
/// A capture waits for the server's answer, on a local display a fraction of a millisecond. While
/// another client has grabbed the server it waits until the grab is over; so give it a thread that
/// may wait.
///
/// # Cost on the server
///
/// A shared window is drawn to memory of its own from then on, as with a compositing manager. All
/// of it is undone when the source is dropped.
pub struct X11Source {
    conn: RustConnection,
    window: Window,
    root: Window,
    /// For one window, the memory it draws to.
    pixmap: Option<Pixmap>,
    is_root: bool,
    reader: Reader,
    changes: Option<Changes>,
    has_cursor: bool,
    draws_cursor: bool,
    masks: MaskHandle,
    size: Size,
    /// The cursor that is drawn in the last frame.
    cursor: Option<Cursor>,
    shown_masks: Option<MaskState>,
    /// Whether all has to be read, because what was read before is of no use.
    stale: bool,
    /// Whether the window draws to other memory than before, because it was resized or hidden.
    moved_out: bool,
    gone: bool,
}

/// What the server uses to tell where was drawn.
#[derive(Clone, Copy, Debug)]
struct Changes {
    damage: damage::Damage,
    region: xfixes::Region,
}

/// What a look at the server found.
enum Look {
    Hidden,
    Same,
    Changed(Damage),
}

impl X11Source {
    /// Connects to a display, `$DISPLAY` if none is named, and makes sure that it can be read.
    ///
    /// The masks are asked for at every capture; as long as the handle knows none, every frame is
    /// sent blank. Names of displays are like `:1` or `host:0.1`.
    ///
    /// # Errors
    ///
    /// [`X11Error`] says what is missing, and what helps.
    pub fn open(
        display: Option<&str>,
        target: Target,
        masks: MaskHandle,
    ) -> Result<Self, X11Error> {
        let (conn, screen) =
            RustConnection::connect(display).map_err(|error| X11Error::connect(display, error))?;
        let Some(screen) = conn.setup().roots.get(screen) else {
            // The connection was made for this screen.
            return Err(X11Error::Refused { source: "there is no such screen".into() });
        };
        let root = screen.root;
        let window = match target {
            Target::Root => root,
            Target::Window(window) => window,
        };
        let attributes = match conn.get_window_attributes(window).map_err(Trouble::from)?.reply() {
            Ok(attributes) => attributes,
            Err(error) => {
                return Err(match Trouble::from(error) {
                    Trouble::Refused(_) => X11Error::NoSuchWindow { window },
                    Trouble::Lost(source) => X11Error::Lost { source },
                });
            }
        };
        if attributes.class == WindowClass::INPUT_ONLY {
            return Err(X11Error::InputOnly { window });
        }
        let geometry = conn.get_geometry(window).map_err(Trouble::from)?.reply();
        let geometry = geometry.map_err(Trouble::from)?;
        check_format(conn.setup(), geometry.depth, attributes.visual)?;
        let size = Size::new(geometry.width, geometry.height);
        if !size.is_valid() {
            return Err(X11Error::TooLarge { size });
        }
        let is_root = window == root;
        if !is_root {
            redirect(&conn, window)?;
        }
        let has_cursor = has_xfixes(&conn)?;
        let changes = if has_cursor { watch(&conn, window)? } else { None };
        let reader = Reader::new(&conn)?;
        Ok(Self {
            conn,
            window,
            root,
            pixmap: None,
            is_root,
            reader,
            changes,
            has_cursor,
            draws_cursor: true,
            masks,
            size,
            cursor: None,
            shown_masks: None,
            stale: true,
            moved_out: true,
            gone: false,
        })
    }

    /// Draws the cursor into the frames or leaves it out. It is drawn unless this is called, if the
    /// server tells how it looks.
    #[must_use]
    pub fn with_cursor(mut self, drawn: bool) -> Self {
        self.draws_cursor = drawn;
        self.stale = true;
        self
    }

    /// The size of the last frame; before the first, that of the window or the display when the
    /// source was opened.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Whether pixels come through shared memory rather than through the socket.
    #[must_use]
    pub fn shares_memory(&self) -> bool {
        self.reader.shares_memory()
    }

    /// Whether the server says where it drew.
    #[must_use]
    pub const fn knows_damage(&self) -> bool {
        self.changes.is_some()
    }

    /// Looks at the server once and brings the frame up to date.
    fn look(&mut self, into: &mut Frame) -> Result<Look, Trouble> {
        // All questions go out together: one round trip.
        let attributes = self.conn.get_window_attributes(self.window)?;
        let geometry = self.conn.get_geometry(self.window)?;
        let place = self.conn.translate_coordinates(self.window, self.root, 0, 0)?;
        let cursor = if self.draws_cursor && self.has_cursor {
            Some(self.conn.xfixes_get_cursor_image()?)
        } else {
            None
        };
        let region = match self.changes {
            Some(Changes { damage, region }) => {
                // Takes what has been drawn so far out of the server's account. What is drawn from
                // here on, even before the pixels are read, is in the next one.
                self.conn.damage_subtract(damage, x11rb::NONE, region)?;
                Some(self.conn.xfixes_fetch_region(region)?)
            }
            None => None,
        };
        let (attributes, geometry) = match (attributes.reply(), geometry.reply()) {
            (Ok(attributes), Ok(geometry)) => (attributes, geometry),
            // A window that does not answer has been closed.
            (Err(error), _) | (_, Err(error)) => return Err(lost(error.into())),
        };
        let place = place.reply().map_err(|error| lost(error.into()))?;
        let cursor = match cursor.map(|cursor| cursor.reply().map_err(Trouble::from)) {
            Some(Ok(cursor)) => Some(cursor),
            Some(Err(Trouble::Lost(error))) => return Err(Trouble::Lost(error)),
            // A server may keep to itself what the cursor looks like.
            Some(Err(Trouble::Refused(_))) | None => None,
        };
        let region = region.map(|region| region.reply()).transpose()?;
        self.read_events()?;

        let size = Size::new(geometry.width, geometry.height);
        if attributes.map_state != MapState::VIEWABLE || !size.is_valid() {
            self.stale = true;
            return Ok(Look::Hidden);
        }
        if !self.is_root && (self.moved_out || size != self.size) {
            self.stale = true;
            self.move_in(size, geometry.border_width)?;
        }
        if size != self.size || into.size() != size {
            self.stale = true;
        }
        let origin = (place.dst_x, place.dst_y);
        let cursor = cursor.and_then(|cursor| Cursor::new(cursor, origin, size));
        let border = if self.is_root { 0 } else { geometry.border_width };
        let drawn = match &region {
            Some(region) if !self.stale => self.changed(region::areas(region, size), &cursor),
            Some(_) | None => vec![size.rect()],
        };
        if drawn.is_empty() && cursor == self.cursor {
            return Ok(Look::Same);
        }
        let known = region.is_some() && !self.stale;
        // If an answer is missing the frame has not been touched, and all is read next time.
        self.stale = true;
        let drawable = self.pixmap.unwrap_or(self.window);
        let pixels = self.reader.read(&self.conn, drawable, (border, border), &drawn)?;
        into.resize(size).map_err(|error| Trouble::Refused(error.into()))?;
        let mut rest = pixels;
        for &area in &drawn {
            let (own, after) = rest.split_at(area.pixels() * Frame::PIXEL_BYTES);
            crate::pixels::put(into, area, own);
            rest = after;
        }
        self.stale = false;
        self.size = size;
        let mut areas = drawn;
        if let Some(cursor) = &cursor {
            // What it is drawn over has just been read, or shows no cursor.
            let is_drawn = self.cursor.as_ref() == Some(cursor)
                && !areas.iter().any(|area| meet(*area, cursor.area()));
            if !is_drawn {
                cursor.draw(into);
                areas.push(cursor.area());
            }
        }
        self.cursor = cursor;
        Ok(Look::Changed(if known { Damage::Areas(areas) } else { Damage::Unknown }))
    }

    /// What has to be read: what was drawn, and what is below the cursor if that has to be drawn
    /// anew. A cursor may be half transparent, so it must never be drawn over itself.
    fn changed(&self, mut areas: Vec<Rect>, cursor: &Option<Cursor>) -> Vec<Rect> {
        if let Some(before) = &self.cursor {
            let area = before.area();
            if cursor.as_ref() != Some(before) || areas.iter().any(|drawn| meet(*drawn, area)) {
                areas.push(area);
            }
        }
        let all: usize = areas.iter().map(|area| area.pixels()).sum();
        if all >= self.size.pixels() { vec![self.size.rect()] } else { areas }
    }

    /// Whether the last frame, if there was one, was given with the masks as they are now.
    fn covers_as_shown(&self) -> bool {
        self.shown_masks.as_ref().is_none_or(|shown| *shown == self.masks.state())
    }

    /// Finds the memory that the window draws to.
    fn move_in(&mut self, size: Size, border: u16) -> Result<(), Trouble> {
        if let Some(pixmap) = self.pixmap.take() {
            self.conn.free_pixmap(pixmap)?;
        }
        let pixmap = self.conn.generate_id()?;
        self.conn.composite_name_window_pixmap(self.window, pixmap)?.check()?;
        self.pixmap = Some(pixmap);
        let found = self.conn.get_geometry(pixmap)?.reply()?;
        let whole = |inner: u16| inner.saturating_add(border.saturating_mul(2));
        if (found.width, found.height) != (whole(size.width), whole(size.height)) {
            // It was resized since it was asked for its size.
            return Err(Trouble::Refused("the window is being resized".into()));
        }
        self.moved_out = false;
        Ok(())
    }

    /// Takes what the server has told by itself. It came before the answers.
    fn read_events(&mut self) -> Result<(), Trouble> {
        while let Some(event) = self.conn.poll_for_event()? {
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "the events of all extensions, of which two are of interest"
            )]
            match event {
                Event::MapNotify(_) | Event::UnmapNotify(_) => self.moved_out = true,
                Event::ConfigureNotify(event) => {
                    self.moved_out |=
                        (event.width, event.height) != (self.size.width, self.size.height);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl FrameSource for X11Source {
    fn capture(&mut self, into: &mut Frame) -> Capture {
        if self.gone {
            return Capture::Gone;
        }
        let before = self.masks.state();
        let damage = match self.look(into) {
            Ok(Look::Changed(damage)) => Some(damage),
            Ok(Look::Same) | Err(Trouble::Refused(_)) => None,
            // The frame before stands still; what is to be covered in it may be more by now.
            Ok(Look::Hidden) if self.covers_as_shown() => return Capture::Paused,
            Ok(Look::Hidden) => None,
            Err(Trouble::Lost(_)) => {
                self.gone = true;
                return Capture::Gone;
            }
        };
        let masks = both(before, self.masks.state(), self.size);
        let known = self.shown_masks.as_ref() == Some(&masks);
        match damage {
            None if known || self.shown_masks.is_none() => Capture::Unchanged,
            damage => {
                self.shown_masks = Some(masks.clone());
                let damage = damage.unwrap_or_else(|| Damage::Areas(Vec::new()));
                Capture::Frame { damage, masks }
            }
        }
    }
}

impl fmt::Debug for X11Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X11Source")
            .field("window", &self.window)
            .field("size", &self.size)
            .field("reader", &self.shares_memory())
            .field("gone", &self.gone)
            .finish_non_exhaustive()
    }
}

/// The only pixels that are read: those of nearly every display there is.
fn check_format(setup: &Setup, depth: u8, visual: Visualid) -> Result<(), X11Error> {
    let format = setup.pixmap_formats.iter().find(|format| format.depth == depth);
    let bits_per_pixel = format.map_or(0, |format| format.bits_per_pixel);
    let visual = setup
        .roots
        .iter()
        .flat_map(|screen| &screen.allowed_depths)
        .flat_map(|depth| &depth.visuals)
        .find(|known| known.visual_id == visual);
    let class = visual.map_or("no visual", |visual| match visual.class {
        VisualClass::STATIC_GRAY => "StaticGray",
        VisualClass::GRAY_SCALE => "GrayScale",
        VisualClass::STATIC_COLOR => "StaticColor",
        VisualClass::PSEUDO_COLOR => "PseudoColor",
        VisualClass::TRUE_COLOR => "TrueColor",
        VisualClass::DIRECT_COLOR => "DirectColor",
        _ => "an unknown class",
    });
    let masks = visual.map(|visual| (visual.red_mask, visual.green_mask, visual.blue_mask));
    let (red, green, blue) = masks.unwrap_or_default();
    let lowest_first = setup.image_byte_order == ImageOrder::LSB_FIRST;
    if matches!(depth, 24 | 32)
        && bits_per_pixel == 32
        && class == "TrueColor"
        && (red, green, blue) == (0x00FF_0000, 0x0000_FF00, 0x0000_00FF)
        && lowest_first
    {
        return Ok(());
    }
    let order = if lowest_first { "lowest" } else { "highest" };
    Err(X11Error::Unsupported { depth, bits_per_pixel, class, red, green, blue, order })
}

/// Makes the window draw to memory of its own, and the server tell when that is another.
fn redirect(conn: &RustConnection, window: Window) -> Result<(), X11Error> {
    let known = conn.extension_information(composite::X11_EXTENSION_NAME).map_err(Trouble::from)?;
    if known.is_none() {
        return Err(X11Error::NoComposite);
    }
    let version = conn.composite_query_version(0, 4).map_err(Trouble::from)?.reply();
    version.map_err(Trouble::from)?;
    let redirected = conn.composite_redirect_window(window, composite::Redirect::AUTOMATIC);
    redirected.map_err(Trouble::from)?.check().map_err(Trouble::from)?;
    let events = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
    let selected = conn.change_window_attributes(window, &events).map_err(Trouble::from)?;
    selected.check().map_err(Trouble::from)?;
    Ok(())
}

fn has_xfixes(conn: &RustConnection) -> Result<bool, Trouble> {
    if conn.extension_information(xfixes::X11_EXTENSION_NAME)?.is_none() {
        return Ok(false);
    }
    // Cursor images are there since the first version, regions since the second.
    Ok(conn.xfixes_query_version(2, 0)?.reply()?.major_version >= 2)
}

/// Lets the server keep account of where it draws.
fn watch(conn: &RustConnection, window: Window) -> Result<Option<Changes>, Trouble> {
    if conn.extension_information(damage::X11_EXTENSION_NAME)?.is_none() {
        return Ok(None);
    }
    conn.damage_query_version(1, 1)?.reply()?;
    let changes = Changes { damage: conn.generate_id()?, region: conn.generate_id()? };
    conn.xfixes_create_region(changes.region, &[])?.check()?;
    // Of the levels there are, this one sends the fewest events: the region is asked for anyway.
    let level = damage::ReportLevel::NON_EMPTY;
    conn.damage_create(changes.damage, window, level)?.check()?;
    Ok(Some(changes))
}

/// Whatever broke, there is nothing to come back to.
fn lost(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Lost(error) | Trouble::Refused(error) => Trouble::Lost(error),
    }
}

fn meet(one: Rect, other: Rect) -> bool {
    !one.intersection(other).is_empty()
}

/// The masks for pixels that were read between two looks at the handle. An app that covers
/// something, or uncovers it, in the meantime may have done so before the pixels or after.
fn both(before: MaskState, after: MaskState, size: Size) -> MaskState {
    if before == after {
        return after;
    }
    match (before, after) {
        (MaskState::Known(before), MaskState::Known(after))
            if before.fit(size) && after.fit(size) =>
        {
            let mut list = before.list().to_vec();
            list.extend(after.list().iter().filter(|mask| !before.list().contains(mask)).cloned());
            Masks::new(size, list).map_or(MaskState::Unknown, MaskState::Known)
        }
        (MaskState::Known(_) | MaskState::Unknown, MaskState::Known(_) | MaskState::Unknown) => {
            MaskState::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use coview_screen::Mask;

    use super::*;

    const SIZE: Size = Size::new(100, 100);

    fn masks(places: &[u16]) -> MaskState {
        let mask = |&at: &u16| Mask::new(Rect::new(at, at, 5, 5), "Field");
        MaskState::Known(Masks::new(SIZE, places.iter().map(mask).collect()).unwrap())
    }

    #[test]
    fn masks_that_change_meanwhile_all_count() {
        assert_eq!(both(masks(&[1, 2]), masks(&[2, 3]), SIZE), masks(&[1, 2, 3]));
        assert_eq!(both(masks(&[]), masks(&[3]), SIZE), masks(&[3]));
        assert_eq!(both(MaskState::Known(Masks::none()), masks(&[3]), SIZE), masks(&[3]));
        assert_eq!(both(masks(&[3]), MaskState::Known(Masks::none()), SIZE), masks(&[3]));
    }

    #[test]
    fn masks_not_known_at_either_time_are_not_known() {
        assert_eq!(both(MaskState::Unknown, masks(&[1]), SIZE), MaskState::Unknown);
        assert_eq!(both(masks(&[1]), MaskState::Unknown, SIZE), MaskState::Unknown);
        assert_eq!(both(masks(&[1]), masks(&[2]), Size::new(9, 9)), MaskState::Unknown);
        let many: Vec<u16> = (0..200).collect();
        let more: Vec<u16> = (200..400).collect();
        assert_eq!(both(masks(&many), masks(&more), SIZE), MaskState::Unknown);
    }

    #[test]
    fn masks_that_stay_are_left_as_they_are() {
        assert_eq!(both(masks(&[1]), masks(&[1]), Size::new(9, 9)), masks(&[1]));
        assert_eq!(both(MaskState::Unknown, MaskState::Unknown, SIZE), MaskState::Unknown);
    }
}
