//! A display of a test's own, and a client that draws on it.

use std::io::BufRead;
use std::io::BufReader;
use std::io::ErrorKind;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use coview_screen::Frame;
use coview_screen::Rect;
use coview_screen::Size;
use x11rb::connection::Connection;
use x11rb::protocol::render;
use x11rb::protocol::render::ConnectionExt as _;
use x11rb::protocol::xproto::ChangeGCAux;
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::protocol::xproto::CreateGCAux;
use x11rb::protocol::xproto::CreateWindowAux;
use x11rb::protocol::xproto::Cursor;
use x11rb::protocol::xproto::Drawable;
use x11rb::protocol::xproto::Gcontext;
use x11rb::protocol::xproto::ImageFormat;
use x11rb::protocol::xproto::Rectangle;
use x11rb::protocol::xproto::Window;
use x11rb::protocol::xproto::WindowClass;
use x11rb::rust_connection::RustConnection;

/// An X server without a screen, which ends with the test.
pub(crate) struct Display {
    server: Child,
    pub(crate) name: String,
}

impl Display {
    /// Starts one with a screen like `800x600x24`; nothing if this machine has no Xvfb.
    ///
    /// # Panics
    ///
    /// If there is no Xvfb although `COVIEW_X11_TESTS` says that there is.
    pub(crate) fn start(screen: &str, args: &[&str]) -> Option<Self> {
        let server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-screen", "0", screen])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut server = match server {
            Ok(server) => server,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(
                    std::env::var_os("COVIEW_X11_TESTS").is_none_or(|value| value != "1"),
                    "COVIEW_X11_TESTS=1 promises an Xvfb, and there is none: apt-get install xvfb"
                );
                eprintln!("NOT TESTED: there is no Xvfb on this machine (apt-get install xvfb)");
                return None;
            }
            Err(error) => panic!("Xvfb does not start: {error}"),
        };
        // The server writes its number once it is ready for clients.
        let mut number = String::new();
        let stdout = server.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut number).unwrap();
        assert!(!number.trim().is_empty(), "Xvfb ended before it was ready");
        Some(Self { server, name: format!(":{}", number.trim()) })
    }

    /// Ends the server, with whoever is connected.
    pub(crate) fn stop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    pub(crate) fn painter(&self) -> Painter {
        let (conn, screen) = RustConnection::connect(Some(&self.name)).unwrap();
        let root = conn.setup().roots[screen].root;
        let gc = conn.generate_id().unwrap();
        conn.create_gc(gc, root, &CreateGCAux::new()).unwrap();
        Painter { conn, root, gc }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A client that draws.
pub(crate) struct Painter {
    pub(crate) conn: RustConnection,
    pub(crate) root: Window,
    pub(crate) gc: Gcontext,
}

impl Painter {
    /// Waits until the server has done all it was told.
    pub(crate) fn sync(&self) {
        self.conn.get_input_focus().unwrap().reply().unwrap();
    }

    pub(crate) fn foreground(&self, rgb: u32) {
        self.conn.change_gc(self.gc, &ChangeGCAux::new().foreground(rgb)).unwrap();
    }

    pub(crate) fn fill(&self, drawable: Drawable, area: (i16, i16, u16, u16), rgb: u32) {
        let (x, y, width, height) = area;
        self.foreground(rgb);
        let rectangle = Rectangle { x, y, width, height };
        self.conn.poly_fill_rectangle(drawable, self.gc, &[rectangle]).unwrap();
        self.sync();
    }

    pub(crate) fn text(&self, drawable: Drawable, x: i16, y: i16, text: &str, rgb: u32) {
        let font = self.id();
        self.conn.open_font(font, b"fixed").unwrap().check().unwrap();
        let look = ChangeGCAux::new().foreground(rgb).background(0x0010_2030).font(font);
        self.conn.change_gc(self.gc, &look).unwrap();
        self.conn.image_text8(drawable, self.gc, x, y, text.as_bytes()).unwrap().check().unwrap();
        self.conn.close_font(font).unwrap();
        self.sync();
    }

    /// A window that no manager frames, in one colour.
    pub(crate) fn window(&self, area: (i16, i16, u16, u16), border: u16, rgb: u32) -> Window {
        let (x, y, width, height) = area;
        let window = self.id();
        let look = CreateWindowAux::new().background_pixel(rgb).border_pixel(0x00FF_00FF);
        let class = WindowClass::INPUT_OUTPUT;
        self.conn
            .create_window(0, window, self.root, x, y, width, height, border, class, 0, &look)
            .unwrap()
            .check()
            .unwrap();
        self.conn.map_window(window).unwrap();
        self.sync();
        window
    }

    pub(crate) fn pointer_to(&self, x: i16, y: i16) {
        self.conn.warp_pointer(x11rb::NONE, self.root, 0, 0, 0, 0, x, y).unwrap();
        self.sync();
    }

    /// A cursor of 16 by 16 pixels that lets half of what is below it through, with its spot at 4, 4.
    pub(crate) fn half_transparent_cursor(&self) -> Cursor {
        let formats = self.conn.render_query_pict_formats().unwrap().reply().unwrap().formats;
        let argb = formats.iter().find(|format| {
            format.depth == 32 && (format.direct.alpha_shift, format.direct.red_shift) == (24, 16)
        });
        let (pixmap, picture, cursor) = (self.id(), self.id(), self.id());
        self.conn.create_pixmap(32, pixmap, self.root, 16, 16).unwrap();
        let look = render::CreatePictureAux::new();
        self.conn.render_create_picture(picture, pixmap, argb.unwrap().id, &look).unwrap();
        let half = render::Color { red: 0x8000, green: 0x2000, blue: 0x4000, alpha: 0x8000 };
        let all = Rectangle { x: 0, y: 0, width: 16, height: 16 };
        self.conn.render_fill_rectangles(render::PictOp::SRC, picture, half, &[all]).unwrap();
        self.conn.render_create_cursor(cursor, picture, 4, 4).unwrap().check().unwrap();
        cursor
    }

    /// A number for something new.
    pub(crate) fn id(&self) -> u32 {
        self.conn.generate_id().unwrap()
    }

    /// What the server itself says that a drawable looks like.
    pub(crate) fn image(&self, drawable: Drawable, size: Size) -> Frame {
        let format = ImageFormat::Z_PIXMAP;
        let (width, height) = (size.width, size.height);
        let image = self.conn.get_image(format, drawable, 0, 0, width, height, !0).unwrap();
        let image = image.reply().unwrap();
        let pixels = image.data.chunks_exact(4).flat_map(|bgrx| [bgrx[2], bgrx[1], bgrx[0], 255]);
        Frame::new(size, pixels.collect()).unwrap()
    }
}

/// The colour of a pixel as the server writes it.
pub(crate) fn color(rgb: u32) -> [u8; 3] {
    let [_, red, green, blue] = rgb.to_be_bytes();
    [red, green, blue]
}

/// Where two frames of one size differ first.
pub(crate) fn difference(one: &Frame, other: &Frame) -> Option<(u16, u16)> {
    assert_eq!(one.size(), other.size());
    if one == other {
        return None;
    }
    let size = one.size();
    (0..size.height)
        .flat_map(|y| (0..size.width).map(move |x| (x, y)))
        .find(|&(x, y)| one.pixel(x, y) != other.pixel(x, y))
}

/// Copies an area of one frame into another of the same size.
pub(crate) fn patch(into: &mut Frame, from: &Frame, area: Rect) {
    assert!(area.is_within(from.size()), "{area} reaches over the edge");
    let width = usize::from(from.size().width);
    for row in 0..area.height {
        let at = (usize::from(area.y + row) * width + usize::from(area.x)) * Frame::PIXEL_BYTES;
        let end = at + usize::from(area.width) * Frame::PIXEL_BYTES;
        into.pixels_mut()[at..end].copy_from_slice(&from.pixels()[at..end]);
    }
}
