//! The office's page: how the office stands, for whoever looks, in Arabic or in English.
//!
//! Pure: the status document and the counts in, HTML out. No script, nothing from elsewhere, no
//! write action. It knows nothing of HTTP, of the engine's turns or of sockets.

mod office; // the document's facts, said in one language
mod days; // hours of UTC, made days of the office
mod words; // the two languages

use std::sync::LazyLock;

use askama::Template as _;
use wasl_protocol::edition::Language;

use crate::engine::Hours;
use crate::status::Status;

/// The page's style, served beside it: what both programs' pages share, and what is this one's.
pub static CSS: LazyLock<String> =
    LazyLock::new(|| [wasl_shown::words::CSS, include_str!("page.css")].concat());

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// How the office stands.
    pub status: &'a Status,
    /// Its enrollments by hour; none if they are not known now.
    pub hours: Option<&'a Hours>,
    /// In which language.
    pub language: Language,
    /// How far local time is ahead of UTC, in minutes.
    pub utc_offset_min: i16,
}

impl Page<'_> {
    /// The page.
    ///
    /// # Panics
    /// Never: what is rendered are strings, into a string.
    pub fn html(self) -> String {
        let html = office::Html::of(self);
        html.render().expect("strings go into a string")
    }
}

#[cfg(test)]
mod tests;
