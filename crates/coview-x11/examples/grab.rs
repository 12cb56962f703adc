//! Saves one picture of an X display, or of one of its windows, as a PNG file.
//!
//! ```sh
//! cargo run -p coview-x11 --example grab -- display.png
//! cargo run -p coview-x11 --example grab -- window.png 0x1400003
//! ```

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::fs::File;
    use std::io::BufWriter;

    use coview_screen::Capture;
    use coview_screen::Frame;
    use coview_screen::FrameSource;
    use coview_screen::MaskHandle;
    use coview_screen::Masks;
    use coview_x11::Target;
    use coview_x11::X11Source;

    let mut args = std::env::args().skip(1);
    let Some(path) = args.next() else {
        return Err("say where to save it: grab FILE.png [WINDOW]".into());
    };
    let target = match args.next() {
        Some(window) => Target::Window(match window.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16)?,
            None => window.parse()?,
        }),
        None => Target::Root,
    };

    let mut source = X11Source::open(None, target, MaskHandle::new(Masks::none()))?;
    let mut frame = Frame::blank(source.size())?;
    match source.capture(&mut frame) {
        Capture::Frame { .. } | Capture::Unchanged => {}
        Capture::Paused => return Err("the window is not shown at the moment".into()),
        Capture::Gone => return Err("the window or the display is gone".into()),
    }

    let size = frame.size();
    let file = BufWriter::new(File::create(path)?);
    let mut encoder = png::Encoder::new(file, size.width.into(), size.height.into());
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header()?.write_image_data(frame.pixels())?;
    Ok(())
}

#[cfg(not(unix))]
fn main() {}
