//! What happens on the page by itself.

use super::document::Field;
use super::words;

/// Something the page does for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing moves, so that a viewer's picture comes to rest.
    Rest,
    /// A field gets the focus, and one more character at every second step.
    Type(Field, &'static str),
    /// Both columns move by so many rows a step.
    Scroll(i32),
    /// The left and the right column move by so many rows a step.
    Columns(i32, i32),
    /// The gallery moves sideways by so many columns a step.
    Reel(i32),
    /// The dialog opens.
    Open,
    /// The dialog closes.
    Close,
    /// The clip plays in the place of the large picture.
    Play,
    /// The small window is dragged over the page.
    Drag,
    /// The small window closes.
    PutAway,
    /// The page is as it was in the beginning.
    Home,
}

/// One round of the story: what, and for how many steps. Typing takes as long as its text.
pub(super) const STORY: &[(Act, u32)] = &[
    (Act::Rest, 40),
    (Act::Type(Field::Name, "Nadia Lindqvist"), 0),
    (Act::Type(Field::Email, "nadia@lindqvist.example"), 0),
    (Act::Rest, 15),
    (Act::Type(Field::Card, "4929 1200 5518 7316"), 0),
    (Act::Type(Field::Expiry, "11 / 29"), 0),
    (Act::Type(Field::Code, "417"), 0),
    (Act::Type(Field::Password, "seven grey herons"), 0),
    (Act::Rest, 15),
    (Act::Type(Field::Message, words::MESSAGE), 0),
    (Act::Rest, 40),
    (Act::Open, 50),
    (Act::Close, 40),
    (Act::Scroll(24), 20),
    (Act::Rest, 30),
    (Act::Reel(8), 60),
    (Act::Rest, 30),
    (Act::Scroll(3), 80),
    (Act::Rest, 30),
    (Act::Columns(24, 0), 20),
    (Act::Columns(-12, 9), 40),
    (Act::Rest, 40),
    (Act::Drag, 80),
    (Act::Rest, 30),
    (Act::PutAway, 20),
    (Act::Columns(0, -9), 40),
    (Act::Scroll(-24), 30),
    (Act::Rest, 20),
    (Act::Play, 80),
    (Act::Rest, 60),
    (Act::Home, 20),
];

/// For how many steps an act goes on.
pub(super) fn steps((act, steps): (Act, u32)) -> u32 {
    match act {
        Act::Type(_, text) => 2 * text.chars().count() as u32 + 6,
        Act::Rest
        | Act::Scroll(_)
        | Act::Columns(..)
        | Act::Reel(_)
        | Act::Open
        | Act::Close
        | Act::Play
        | Act::Drag
        | Act::PutAway
        | Act::Home => steps,
    }
}
