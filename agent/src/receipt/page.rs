//! The page: self-contained, without a script, for A5 paper and for rolls 80 mm wide.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use qrcode::types::QrError;
use sha2::{Digest, Sha256};

use super::document::ReceiptReport;
use super::square::Square;

/// The time of day in Iraq is UTC+3 all the year round, in hours.
const OFFICE_OFFSET_H: i8 = 3;

/// How many hex digits stand together, for reading aloud.
const GROUP_DIGITS: usize = 4;

/// A page that cannot be made. Never the operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The text is too long for a QR code.
    #[error("no QR code holds the receipt: {0}")]
    Square(QrError),
    /// The template.
    #[error("the page cannot be written: {0}")]
    Template(#[from] askama::Error),
}

/// How the page looks. It stands in the page as it is: the policy names its hash.
const STYLE: &str = include_str!("page.css");

#[derive(Template)]
#[template(path = "receipt.html")]
struct Page<'a> {
    receipt: &'a ReceiptReport,
    policy: String,
    style: &'static str,
    written: String,
    made: String,
    head: Vec<String>,
    clock: Both,
    hq: Both,
    square: Square,
}

/// A sentence in both languages.
struct Both {
    ar: String,
    en: String,
}

/// The receipt as one HTML page.
///
/// # Errors
/// If it cannot be made; nothing that an operator typed can be why.
pub fn page(receipt: &ReceiptReport) -> Result<String, PageError> {
    let page = Page {
        receipt,
        policy: policy(),
        style: STYLE,
        written: moment(receipt.at),
        made: moment(receipt.made_at),
        head: groups(&receipt.head.to_string()),
        clock: clock(receipt),
        hq: hq(receipt),
        square: Square::of(&receipt.text).map_err(PageError::Square)?,
    };
    Ok(page.render()?)
}

/// What a browser may do with the page: show it in its own style, and nothing else.
pub fn policy() -> String {
    let hash = data_encoding::BASE64.encode(&Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

/// A moment to the minute, by the clocks on the wall.
fn moment(at: Timestamp) -> String {
    let zoned = at.to_zoned(TimeZone::fixed(offset(OFFICE_OFFSET_H)));
    zoned.strftime("%Y-%m-%d %H:%M").to_string()
}

fn groups(hex: &str) -> Vec<String> {
    let digits: Vec<char> = hex.chars().collect();
    digits.chunks(GROUP_DIGITS).map(|group| group.iter().collect()).collect()
}

fn both(ar: impl Into<String>, en: impl Into<String>) -> Both {
    Both { ar: ar.into(), en: en.into() }
}

fn clock(receipt: &ReceiptReport) -> Both {
    let clock = &receipt.clock;
    match (clock.trust.as_str(), clock.offset_ms) {
        ("ok", _) => both("مطابقة لساعة المقر العام", "agrees with headquarters' clock"),
        ("off", Some(ms)) => {
            let minutes = ms.unsigned_abs().div_ceil(60_000);
            let (ar, en) =
                if ms < 0 { ("متأخرة", "behind") } else { ("متقدمة", "ahead of") };
            both(
                format!("{ar} عن ساعة المقر العام، الفرق بالدقائق: {minutes}"),
                format!("{en} headquarters' clock; minutes off: {minutes}"),
            )
        }
        _ => both("لم تُقارن بساعة المقر العام", "not compared with headquarters' clock"),
    }
}

fn hq(receipt: &ReceiptReport) -> Both {
    match receipt.hq.as_str() {
        "stable" => both(
            "محفوظ في المقر العام وفي نسخة خارجه",
            "stored at headquarters and in a copy elsewhere",
        ),
        "stored" => both("محفوظ في المقر العام", "stored at headquarters"),
        _ => both(
            "محفوظ في هذه الدائرة، وسيُرسل إلى المقر العام",
            "stored at this office; on its way to headquarters",
        ),
    }
}
