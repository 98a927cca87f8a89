//! Headquarters' page: how HQ and its offices stand, for whoever looks, in Arabic or in English.
//!
//! Pure: the status document and the newest rollout in, HTML out. No script, nothing from
//! elsewhere, no write action. It knows nothing of HTTP or SQL.

mod fleet; // the document's facts, said in one language
mod words; // the two languages

use std::sync::LazyLock;

use askama::Template as _;
use wasl_protocol::edition::Language;

use crate::rollout::RolloutFacts;
use crate::status::Status;

/// The page's style, served beside it: what both programs' pages share, and what is this one's.
pub static CSS: LazyLock<String> =
    LazyLock::new(|| [wasl_shown::words::CSS, include_str!("page.css")].concat());

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// How HQ and its offices stand.
    pub status: &'a Status,
    /// The newest rollout; none if no edition was pushed.
    pub rollout: Option<&'a RolloutFacts>,
    /// In which language.
    pub language: Language,
}

impl Page<'_> {
    /// The page.
    ///
    /// # Panics
    /// Never: what is rendered are strings, into a string.
    pub fn html(self) -> String {
        fleet::Html::of(self).render().expect("strings go into a string")
    }
}

#[cfg(test)]
mod tests;
