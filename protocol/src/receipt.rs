//! The receipt over the counter: what a citizen takes home names the entry that opened the record.
//!
//! The text fits a QR code of letters and digits. It proves nothing by itself: whoever holds the
//! journal compares the head, which nobody can guess. No personal data and no form number is in it.
//! It knows nothing of pages, of pictures or of who checks it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use bincode::{Decode, Encode};
use data_encoding::BASE32_NOPAD;

use crate::codec;
use crate::id::{JournalId, OfficeId, Position};
use crate::limits;

/// Which entry of which office's journal a citizen was answered with. Its text is `WASL1:` and
/// letters and digits in RFC 4648's base 32; the case and spaces in it do not matter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    /// The office whose journal it is.
    pub office: OfficeId,
    /// The journal.
    pub journal: JournalId,
    /// The entry's number, and the head after it.
    pub at: Position,
}

/// Text that is not a receipt, or was mistyped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReceipt {
    /// It does not begin as a receipt's text does.
    #[error("a receipt's text begins with {PREFIX}")]
    NoPrefix,
    /// A character is wrong, missing or one too many.
    #[error("mistyped or cut short: its check digits do not fit")]
    Mistyped,
}

/// The form of the text: a later one gets another number.
const PREFIX: &str = "WASL1:";

/// How many bytes of check digits follow.
const CHECK_BYTES: usize = 4;

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = codec::encode(self);
        let check = check(&bytes);
        bytes.extend(check);
        write!(f, "{PREFIX}{}", BASE32_NOPAD.encode(&bytes))
    }
}

impl FromStr for Receipt {
    type Err = NotAReceipt;

    fn from_str(text: &str) -> Result<Self, NotAReceipt> {
        let typed =
            text.chars().filter(|c| !c.is_whitespace()).take(limits::RECEIPT_TEXT_BYTES + 1);
        let text: String = typed.map(|c| c.to_ascii_uppercase()).collect();
        let digits = text.strip_prefix(PREFIX).ok_or(NotAReceipt::NoPrefix)?;
        if text.len() > limits::RECEIPT_TEXT_BYTES {
            return Err(NotAReceipt::Mistyped);
        }
        let bytes: Vec<u8> =
            BASE32_NOPAD.decode(digits.as_bytes()).map_err(|_| NotAReceipt::Mistyped)?;
        let (body, sum) = bytes.split_last_chunk().ok_or(NotAReceipt::Mistyped)?;
        if check(body) != *sum {
            return Err(NotAReceipt::Mistyped);
        }
        codec::decode(body).map_err(|_| NotAReceipt::Mistyped)
    }
}

fn check(body: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = blake3::Hasher::new().update(b"wasl receipt/1\0").update(body).finalize();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash.as_bytes()[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Head;
    use crate::units::Seq;
    use std::string::ToString;

    fn receipt() -> Receipt {
        Receipt {
            office: "suq-al-shuyukh".parse().unwrap(),
            journal: JournalId(0x00c1_a5b2_d3e4_f506),
            at: Position { seq: Seq(1_234), head: Head([0xab; 32]) },
        }
    }

    #[test]
    fn a_receipt_survives_being_read_aloud_and_wrapped() {
        let text = receipt().to_string();
        assert!(text.len() <= limits::RECEIPT_TEXT_BYTES);
        assert_eq!(text.parse(), Ok(receipt()));
        let lower = text.to_lowercase();
        let (first, second) = lower.split_at(40);
        assert_eq!(std::format!(" {first}\n  {second}\r\n").parse(), Ok(receipt()));
    }

    #[test]
    fn the_text_stays_within_what_a_qr_code_calls_alphanumeric() {
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ':';
        assert!(receipt().to_string().chars().all(allowed));
    }

    #[test]
    fn no_single_wrong_character_passes() {
        let text = receipt().to_string();
        for at in PREFIX.len()..text.len() {
            let mut wrong = text.clone();
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            wrong.replace_range(at..=at, other);
            assert_eq!(wrong.parse::<Receipt>(), Err(NotAReceipt::Mistyped), "{at}");
        }
        assert_eq!(text[..text.len() - 1].parse::<Receipt>(), Err(NotAReceipt::Mistyped));
    }

    #[test]
    fn what_is_no_receipt_is_told_from_a_mistyped_one() {
        for other in ["", "https://example.org", "wasl1.AAAA", "WASL2:AAAA"] {
            assert_eq!(other.parse::<Receipt>(), Err(NotAReceipt::NoPrefix), "{other:?}");
        }
        let long = PREFIX.to_string() + &"A".repeat(100_000);
        for bad in ["WASL1:", "WASL1:A", "WASL1:AAAAAAAA", "WASL1:10", &long] {
            assert_eq!(bad.parse::<Receipt>(), Err(NotAReceipt::Mistyped));
        }
    }
}
