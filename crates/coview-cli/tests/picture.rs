//! The picture between processes: what the visitor shares is what the agent's files hold.

mod support;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;

use coview_screen::Frame;
use coview_screen::Mask;
use coview_screen::Rect;
use coview_screen::Size;
use coview_screen::generated::GeneratedPage;
use coview_screen::generated::Scene;
use serde_json::json;
use support::Done;
use support::GROUP;
use support::Running;
use support::Serve;
use support::coview;
use support::done;
use support::serve;

const SIZE: Size = Size::new(1280, 720);

/// A directory of this test that is empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("cargo made the directory above");
    folder
}

fn read(file: &Path) -> Frame {
    let file = BufReader::new(File::open(file).expect("the file is there"));
    let mut reader = png::Decoder::new(file).read_info().expect("it is a PNG");
    let mut rgb = vec![0; reader.output_buffer_size().expect("it fits into memory")];
    let info = reader.next_frame(&mut rgb).expect("it is whole");
    assert_eq!(info.color_type, png::ColorType::Rgb);
    let side = |pixels: u32| u16::try_from(pixels).expect("it is as small as a frame");
    let rgba = rgb.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    Frame::new(Size::new(side(info.width), side(info.height)), rgba).expect("four bytes a pixel")
}

/// The page of `--screen generated:still`, under its masks and one more.
fn still(more: &Mask) -> (Frame, Vec<Mask>) {
    const COVER: [u8; 3] = [0x2b, 0x2f, 0x36];
    let mut page = GeneratedPage::new(SIZE, 1).expect("a frame can be as large");
    page.pin(Scene::Still);
    let masks: Vec<_> = page.masks().list().iter().chain([more]).cloned().collect();
    let mut frame = page.frame().clone();
    for mask in &masks {
        frame.fill(mask.area, COVER);
    }
    assert!(!frame.shows_same(page.frame()), "there is something to cover");
    (frame, masks)
}

/// Lets the agent join the session the visitor starts.
fn join(visitor: &mut Running, agent: &mut Running) {
    visitor.say("share");
    let key = visitor.event("sharing")["key"].as_str().expect("it is shown").to_owned();
    agent.say(&format!("join {key}"));
    agent.event("joined");
}

/// Lets the agent write the picture until it is the expected one: each time it is asked, it answers
/// with what it has by then.
fn saves(agent: &mut Running, file: &Path, expected: &Frame) {
    for _ in 0..1000 {
        agent.say(&format!("save \"{}\"", file.display()));
        let saved = loop {
            let saved = agent.event("saved");
            if saved["file"] == json!(file) {
                break saved;
            }
        };
        assert_eq!((&saved["width"], &saved["height"]), (&json!(1280), &json!(720)));
        if read(file).shows_same(expected) {
            return;
        }
    }
    panic!("{} never shows what it should", file.display());
}

#[test]
fn a_saved_picture_is_the_page_under_its_masks() {
    let folder = folder("page");
    let (newest, once) = (folder.join("newest.png"), folder.join("on ce.png"));
    let mine = Mask::new(Rect::new(600, 500, 37, 21), "Mine: that");
    let (expected, masks) = still(&mine);

    let server = serve();
    let screen = ["--screen", "generated:still", "--mask", "600,500,37x21:Mine: that"];
    let mut visitor = server.share(&screen);
    let mut ada = server.agent_with(0, &["--save-png", newest.to_str().unwrap()]);
    join(&mut visitor, &mut ada);
    let started = visitor.event("screen_started");
    assert_eq!((&started["screen"], &started["masks"]), (&json!("generated:still"), &json!(1)));
    let picture = ada.event("picture");
    assert_eq!((&picture["width"], &picture["height"]), (&json!(1280), &json!(720)));
    let told = ada.event("masks")["masks"].as_array().unwrap().clone();
    assert_eq!(told.len(), masks.len());
    for Mask { area, label } in &masks {
        let Rect { x, y, width, height } = *area;
        let mask = json!({"x": x, "y": y, "width": width, "height": height, "label": label});
        assert!(told.contains(&mask), "{mask} is not in {told:?}");
    }
    saves(&mut ada, &once, &expected);

    visitor.say("stop");
    assert_eq!(visitor.event("screen_stopped")["state"], "Anonymous");
    assert_eq!(ada.event("kept")["file"], json!(newest));
    assert!(read(&newest).shows_same(&expected));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "nothing is left beside them");
    ada.say(&format!("save {}", folder.join("late.png").display()));
    assert_eq!(ada.event("error")["message"], "there is no picture yet");
}

#[test]
fn every_session_has_a_picture_and_a_file_of_its_own() {
    let folder = folder("sessions");
    let server = serve();
    let mut visitor = server.share(&["--screen", "generated", "--fps", "30"]);
    let mut ada = server.agent_with(0, &["--save-png", folder.to_str().unwrap()]);
    for _ in 0..2 {
        join(&mut visitor, &mut ada);
        visitor.event("screen_started");
        ada.event("picture");
        visitor.say("stop");
        visitor.event("screen_stopped");
        let file = PathBuf::from(ada.event("kept")["file"].as_str().unwrap());
        assert_eq!(file.parent(), Some(folder.as_path()));
        assert_eq!(read(&file).size(), SIZE);
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn the_picture_stands_still_while_the_app_is_in_the_background() {
    let server = serve();
    let mut visitor = server.share(&["--screen", "generated"]);
    let mut ada = server.agent(0);
    visitor.say("login customer-42\nonline");
    ada.event("visitor_online");
    ada.say("ask customer-42");
    visitor.event("terms");
    visitor.say("accept");
    visitor.event("screen_started");
    ada.event("picture");
    visitor.say("background");
    visitor.event("screen_paused");
    ada.event("picture_paused");
    visitor.say("foreground");
    visitor.event("screen_resumed");
    ada.event("picture_live");
    visitor.say("background\nstop");
    visitor.event("screen_stopped");

    // Still in the background, so the next picture begins paused.
    ada.event("ended");
    ada.say("ask customer-42");
    visitor.event("terms");
    visitor.say("accept");
    visitor.event("screen_started");
    visitor.event("screen_paused");
    ada.event("picture_paused");
}

#[test]
fn without_a_screen_it_is_said_that_nothing_is_shared() {
    let Serve { url, .. } = &serve();
    let mut visitor = Running::start(coview(&["share", "--server", url, "--group", GROUP]));
    visitor.say("share");
    visitor
        .line(|line| line == "● nothing is shared: start with --screen x11 or --screen generated");
}

#[cfg(unix)]
#[test]
fn a_display_that_is_not_there_is_told_before_anybody_waits_for_it() {
    for args in [
        &["share", "--server", "ws://127.0.0.1:1", "--group", GROUP, "--screen", "x11"][..],
        &["demo", "--screen", "x11"],
    ] {
        let mut command = coview(args);
        command.env_remove("DISPLAY");
        let Done { code, out, err } = done(command);
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert_eq!(
            err,
            "error: --screen x11: no X display: DISPLAY is not set, and none was named\n \
             help: give --screen generated to share a page that draws itself\n"
        );
    }
}
