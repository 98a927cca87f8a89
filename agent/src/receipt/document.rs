//! The document `wasl.receipt/1`: what a receipt says, for programs.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::{FormNumber, Head, JournalId, OfficeId, RecordId};
use wasl_protocol::receipt::Receipt;
use wasl_protocol::units::{Seq, UnixMs};

use crate::engine::Opened;
use crate::facts::{clock_trust, timestamp};

/// The office that hands receipts out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its id.
    pub office: OfficeId,
    /// Its name in Arabic.
    pub name_ar: String,
    /// Its name in English.
    pub name_en: String,
}

/// What is known of the office's clock when the receipt is made. An entry does not say how far off
/// the clock was when it was written, so that nothing is claimed of that moment.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ClockSaid {
    /// `unknown`, `ok` or `off`, against headquarters' clock.
    pub trust: String,
    /// The office's clock minus headquarters', in milliseconds; null: not compared.
    pub offset_ms: Option<i64>,
}

impl ClockSaid {
    /// Of a clock that is this far off headquarters', of which `warn_s` seconds are too many.
    pub fn of(offset_ms: Option<i64>, warn_s: u64) -> Self {
        Self { trust: clock_trust(offset_ms, warn_s).to_owned(), offset_ms }
    }
}

/// A receipt over the counter.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ReceiptReport {
    /// `wasl.receipt/1`.
    pub schema: String,
    /// What the QR code holds; `wasl-hq receipt verify` takes it.
    pub text: String,
    /// The office that wrote the entry.
    pub office: OfficeId,
    /// Its name in Arabic.
    pub name_ar: String,
    /// Its name in English.
    pub name_en: String,
    /// The record.
    pub record: RecordId,
    /// The number on the form: the citizen's handle.
    pub form_number: FormNumber,
    /// The journal that holds the entry.
    pub journal: JournalId,
    /// The entry's number in it.
    pub seq: Seq,
    /// The head after it.
    pub head: Head,
    /// When it was written, by the office's clock.
    pub at: Timestamp,
    /// The office's clock when this receipt was made.
    pub clock: ClockSaid,
    /// Has headquarters the entry? `pending`, `stored` or `stable`, when this receipt was made.
    pub hq: String,
    /// When this receipt was made, by the office's clock.
    pub made_at: Timestamp,
}

impl ReceiptReport {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.receipt/1";

    /// The receipt for an entry, made `now`.
    pub fn new(opened: Opened, counter: &Counter, clock: ClockSaid, now: UnixMs) -> Self {
        let Opened { record, form_number, journal, position, at, stored, stable } = opened;
        let office = counter.office.clone();
        let text = Receipt { office: office.clone(), journal, at: position }.to_string();
        let hq = match (stored, stable) {
            (_, true) => "stable",
            (true, false) => "stored",
            (false, false) => "pending",
        };
        Self {
            schema: Self::SCHEMA.to_owned(),
            text,
            office,
            name_ar: counter.name_ar.clone(),
            name_en: counter.name_en.clone(),
            record,
            form_number,
            journal,
            seq: position.seq,
            head: position.head,
            at: timestamp(at),
            clock,
            hq: hq.to_owned(),
            made_at: timestamp(now),
        }
    }
}
