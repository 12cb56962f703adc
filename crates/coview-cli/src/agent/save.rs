//! The received picture as a PNG file.

use core::time::Duration;
use std::fs;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use coview_screen::Frame;
use coview_wire::SessionId;
use smol::Timer;

use crate::failure::Failure;

/// The file is written at most as often while the picture changes.
const EVERY: Duration = Duration::from_secs(1);

/// Where the newest picture of a session is kept, and when it is due to be written.
pub(super) struct Keep {
    place: Option<PathBuf>,
    /// Whether the picture changed since it was written.
    stale: bool,
    written: Option<Instant>,
}

impl Keep {
    /// Keeps pictures in this file, or in this directory; nowhere if there is none.
    pub(super) fn new(place: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(place) = &place {
            let wrong = |why: &dyn core::fmt::Display| {
                Failure::usage(format_args!("--save-png {}: {why}", place.display()))
            };
            // Told now, and not when the first picture comes.
            let folder = if place.is_dir() { place } else { folder_of(place) };
            match fs::metadata(folder) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(wrong(&format_args!("{} is no directory", folder.display()))),
                Err(error) => return Err(wrong(&error)),
            }
            if place.file_name().is_none() && !place.is_dir() {
                return Err(wrong(&"it names no file"));
            }
        }
        Ok(Self { place, stale: false, written: None })
    }

    /// Another session begins, and nothing of it is written yet.
    pub(super) const fn begin(&mut self) {
        self.stale = false;
        self.written = None;
    }

    /// The picture changed.
    pub(super) const fn changed(&mut self) {
        self.stale = true;
    }

    /// Waits until the picture is to be written; for ever while it is not.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn due(&self) {
        match self.written {
            _ if !self.stale || self.place.is_none() => core::future::pending().await,
            None => {}
            Some(at) => {
                Timer::at(at + EVERY).await;
            }
        }
    }

    /// Writes the picture if it changed since it was written, and says where; `None` if there is
    /// nothing to do.
    pub(super) fn write(
        &mut self,
        session: SessionId,
        picture: &Frame,
    ) -> Option<Result<PathBuf, String>> {
        let place = self.place.as_ref().filter(|_| self.stale)?;
        let file = if place.is_dir() {
            place.join(format!("session-{session}.png"))
        } else {
            place.clone()
        };
        // A picture that cannot be written is not tried again before it changes.
        self.stale = false;
        self.written = Some(now());
        Some(write(&file, picture).map(|()| file))
    }
}

/// Writes a picture to a file. Whoever reads the file finds the picture before or this one, never
/// half of one.
pub(super) fn write(file: &Path, picture: &Frame) -> Result<(), String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let part = folder_of(file).join(format!(".{name}.{}.part", std::process::id()));
    let written = write_part(&part, picture).and_then(|()| fs::rename(&part, file));
    written.map_err(|error| {
        // It may never have come to be.
        let _ = fs::remove_file(&part);
        format!("{}: {error}", file.display())
    })
}

fn write_part(part: &Path, picture: &Frame) -> io::Result<()> {
    let mut file = BufWriter::new(fs::File::create(part)?);
    file.write_all(&png(picture)?)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// The picture as PNG. A frame is opaque, so its fourth byte is left out.
fn png(picture: &Frame) -> io::Result<Vec<u8>> {
    let size = picture.size();
    let rgb: Vec<u8> =
        picture.pixels().as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width.into(), size.height.into());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rgb)?;
    writer.finish()?;
    Ok(bytes)
}

/// The directory a file is in; a name alone is in the current one.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

#[expect(clippy::disallowed_methods, reason = "how often a file is written is told by the clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use coview_screen::Size;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("coview-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn picture(rgba: [u8; 4]) -> Frame {
        Frame::new(Size::new(3, 2), rgba.repeat(6)).unwrap()
    }

    fn read(file: &Path) -> Vec<u8> {
        let mut reader = png::Decoder::new(io::BufReader::new(fs::File::open(file).unwrap()))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height, info.color_type), (3, 2, png::ColorType::Rgb));
        pixels
    }

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = folder("replaced");
        let file = folder.join("newest.png");
        write(&file, &picture([1, 2, 3, 0])).unwrap();
        assert_eq!(read(&file), [1, 2, 3].repeat(6));
        write(&file, &picture([9, 8, 7, 255])).unwrap();
        assert_eq!(read(&file), [9, 8, 7].repeat(6));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);

        let told = write(&folder, &picture([0; 4])).unwrap_err();
        assert!(told.starts_with(&format!("{}: ", folder.display())), "{told}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn every_session_has_a_file_of_its_own_in_a_directory() {
        let folder = folder("sessions");
        let mut keep = Keep::new(Some(folder.clone())).unwrap_or_else(|_| panic!("it is there"));
        let session = SessionId::new(7);
        assert!(keep.write(session, &picture([0; 4])).is_none(), "nothing changed");
        keep.changed();
        let file = keep.write(session, &picture([4, 5, 6, 0])).unwrap().unwrap();
        assert_eq!(file, folder.join("session-7.png"));
        assert_eq!(read(&file), [4, 5, 6].repeat(6));
        assert!(keep.write(session, &picture([0; 4])).is_none(), "it is written");
        fs::remove_dir_all(folder).unwrap();
    }
}
