#![deny(unused_must_use)]

use coview_lifecycle::Link;
use coview_lifecycle::TermsRequested;
use coview_lifecycle::Visitor;

fn show<L: Link>(asked: Visitor<TermsRequested, L>) {
    asked.terms_displayed();
}

fn main() {}
