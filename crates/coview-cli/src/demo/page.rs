//! What the visitor of the story shows: a page with private fields, frame by frame as an app pushes
//! it.

use coview_screen::AppFrames;
use coview_screen::AppSource;
use coview_screen::Mask;
use coview_screen::Size;
use coview_screen::app_frames;
use coview_screen::generated::GeneratedPage;
use coview_screen::generated::Scene;
use coview_smol::ScreenViewer;

use super::story::Told;

const SIZE: Size = Size::new(1280, 720);

/// The page, and the app's end of what is shown of it.
pub(super) struct Page {
    page: GeneratedPage,
    app: AppFrames,
}

impl Page {
    /// A page with a form in which everything is filled in, and the source it is shown by.
    pub(super) fn open() -> Told<(Self, AppSource)> {
        let mut page = GeneratedPage::new(SIZE, 42)?;
        page.pin(Scene::Scroll { lines: 24 });
        let (app, source) = app_frames();
        let page = Self { page, app };
        page.push();
        Ok((page, source))
    }

    /// Scrolls, and shows every frame of it.
    pub(super) fn scroll(&mut self) {
        for _ in 0..3 {
            self.page.step();
            self.push();
        }
    }

    fn push(&self) {
        self.app.push(self.page.frame().clone(), self.page.masks().clone());
    }

    /// How many pixels it has.
    pub(super) fn pixels(&self) -> usize {
        self.page.size().pixels()
    }

    /// What is covered, in words.
    pub(super) fn labels(&self) -> String {
        let labels: Vec<_> =
            self.page.masks().list().iter().map(|mask| mask.label.as_str()).collect();
        labels.join(", ")
    }

    /// Whether a viewer sees the page as it is now: every pixel is the same but those under a mask,
    /// which have one colour for each mask; and there was something to cover.
    pub(super) fn is_seen_by(&self, viewer: &ScreenViewer) -> bool {
        let Some(seen) = viewer.picture() else { return false };
        let mut expected = self.page.frame().clone();
        for Mask { area, label } in self.page.masks().list() {
            let is_it = |mask: &Mask| mask.area == *area && mask.label == *label;
            let listed = viewer.masks().iter().any(is_it);
            let Some(cover) = seen.pixel(area.x, area.y).filter(|_| listed) else { return false };
            expected.fill(*area, cover);
        }
        expected.shows_same(seen) && !expected.shows_same(self.page.frame())
    }
}
