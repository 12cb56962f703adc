//! Bars beside each other, as SVG. Without a background, and in colours that can be told from white and
//! from black paper alike.

use plotters::backend::SVGBackend;
use plotters::drawing::IntoDrawingArea;
use plotters::element::PathElement;
use plotters::element::Rectangle;
use plotters::element::Text;
use plotters::style::Color;
use plotters::style::FontStyle;
use plotters::style::FontTransform;
use plotters::style::IntoFont;
use plotters::style::RGBColor;
use plotters::style::ShapeStyle;
use plotters::style::TextStyle;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;

/// Text and lines: as far from white as from a dark page.
const INK: RGBColor = RGBColor(118, 131, 144);
const GRID: RGBColor = RGBColor(139, 148, 158);
const GOAL: RGBColor = RGBColor(207, 34, 46);

const WIDTH: i32 = 820;
const LEFT: i32 = 250;
const RIGHT: i32 = 170;
const TOP: i32 = 62;
const BOTTOM: i32 = 52;
const BAR: i32 = 20;
const GAP: i32 = 14;

/// Horizontal bars in groups, on one scale that begins at nothing.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What the scale counts, with its unit.
    pub(crate) scale: String,
    pub(crate) groups: Vec<Group>,
    /// A line across, and what it says.
    pub(crate) goal: Option<(f64, String)>,
}

/// Bars that belong together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) label: String,
    pub(crate) bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) colour: RGBColor,
    pub(crate) value: f64,
    /// A paler bar reaches on to here.
    pub(crate) reach: Option<f64>,
    /// What stands behind the bar.
    pub(crate) text: String,
}

impl Chart {
    /// Draws it.
    pub(crate) fn svg(&self) -> Result<String, String> {
        let bars: i32 = self.groups.iter().map(|group| count(group.bars.len())).sum();
        // Each group has its name over it, and a gap below.
        let below = TOP + (bars + count(self.groups.len())) * BAR + count(self.groups.len()) * GAP;
        let height = below + BOTTOM;
        let highest = self.highest();
        let step = step(highest);
        let end = (highest / step).ceil() * step;
        let x = |value: f64| LEFT + (value / end * f64::from(WIDTH - LEFT - RIGHT)).round() as i32;

        let mut svg = String::new();
        {
            let size = (u32::try_from(WIDTH), u32::try_from(height));
            let (Ok(width), Ok(height)) = size else { return Err("too large a chart".to_owned()) };
            let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
            let line = |from, to, style: ShapeStyle| {
                area.draw(&PathElement::new(vec![from, to], style)).map_err(told)
            };
            let text = |text: &str, at, style: TextStyle<'static>| {
                area.draw(&Text::new(text.to_owned(), at, style)).map_err(told)
            };

            text(&self.title, (12, 16), words(17, INK, HPos::Left, true))?;
            let mut tick = 0.0;
            while tick <= end * 1.0001 {
                line((x(tick), TOP - 6), (x(tick), below), GRID.mix(0.35).stroke_width(1))?;
                let label = number(tick, step);
                text(&label, (x(tick), below + 8), words(13, INK, HPos::Center, false))?;
                tick += step;
            }
            let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2;
            text(&self.scale, (middle, below + 28), words(13, INK, HPos::Center, false))?;

            let mut y = TOP;
            for group in &self.groups {
                text(&group.label, (12, y), words(14, INK, HPos::Left, true))?;
                y += BAR;
                for bar in &group.bars {
                    let (top, bottom) = (y + 3, y + BAR - 2);
                    if let Some(reach) = bar.reach {
                        let style = bar.colour.mix(0.35).filled();
                        let corners = [(x(0.0), top), (x(reach), bottom)];
                        area.draw(&Rectangle::new(corners, style)).map_err(told)?;
                    }
                    let corners = [(x(0.0), top), (x(bar.value).max(x(0.0) + 1), bottom)];
                    area.draw(&Rectangle::new(corners, bar.colour.filled())).map_err(told)?;
                    text(&bar.name, (LEFT - 8, y + 5), words(13, INK, HPos::Right, false))?;
                    let after = x(bar.value.max(bar.reach.unwrap_or_default())) + 6;
                    text(&bar.text, (after, y + 5), words(13, INK, HPos::Left, false))?;
                    y += BAR;
                }
                y += GAP;
            }
            if let Some((value, label)) = &self.goal {
                line((x(*value), TOP - 6), (x(*value), below), GOAL.stroke_width(2))?;
                text(label, (x(*value), TOP - 22), words(13, GOAL, HPos::Center, false))?;
            }
            area.present().map_err(told)?;
        }
        svg.push('\n');
        Ok(svg)
    }

    fn highest(&self) -> f64 {
        let bars = self.groups.iter().flat_map(|group| &group.bars);
        let values = bars.flat_map(|bar| [bar.value, bar.reach.unwrap_or_default()]);
        let goal = self.goal.iter().map(|(value, _)| *value);
        values.chain(goal).fold(f64::MIN_POSITIVE, f64::max)
    }
}

fn words(size: u32, colour: RGBColor, side: HPos, bold: bool) -> TextStyle<'static> {
    let weight = if bold { FontStyle::Bold } else { FontStyle::Normal };
    let font = ("sans-serif", size).into_font().style(weight).transform(FontTransform::None);
    TextStyle { font, color: colour.to_backend_color(), pos: Pos::new(side, VPos::Top) }
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// A step of 1, 2 or 5 times a power of ten, of which the scale has at most seven.
fn step(highest: f64) -> f64 {
    let power = 10_f64.powf((highest / 7.0).log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| highest / (power * times) <= 7.0);
    power * times.unwrap_or(10.0)
}

/// A number of the scale, with as many decimals as its steps need.
fn number(value: f64, step: f64) -> String {
    if value > 0.0 && step >= 1000.0 {
        return format!("{}k", (value / 1000.0).round());
    }
    let decimals = if step < 1.0 { (-step.log10()).ceil().max(0.0) as usize } else { 0 };
    format!("{value:.decimals$}")
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_have_few_round_steps() {
        assert_eq!(step(1.0), 0.2);
        assert_eq!(step(7.0), 1.0);
        assert_eq!(step(7.1), 2.0);
        assert_eq!(step(19_546.0), 5_000.0);
        assert_eq!(step(36.0), 10.0);
        assert_eq!(number(0.4, 0.2), "0.4");
        assert_eq!(number(15_000.0, 5_000.0), "15k");
        assert_eq!(number(300.0, 100.0), "300");
    }

    #[test]
    fn what_is_shown_is_written_out_and_the_paper_is_left_alone() {
        let bar = Bar {
            name: "coview".to_owned(),
            colour: RGBColor(1, 2, 3),
            value: 4.0,
            reach: Some(8.0),
            text: "four & eight".to_owned(),
        };
        let chart = Chart {
            title: "Title".to_owned(),
            scale: "things".to_owned(),
            groups: vec![Group { label: "Group".to_owned(), bars: vec![bar] }],
            goal: Some((5.0, "goal".to_owned())),
        };
        let svg = chart.svg().unwrap();
        for words in ["Title", "things", "Group", "coview", "four &amp; eight", "goal", "#010203"] {
            assert!(svg.contains(words), "{words}");
        }
        // The bar, its pale end, and nothing behind them.
        assert_eq!(svg.matches("<rect").count(), 2);
    }
}
