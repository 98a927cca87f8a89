//! Receipts over the counter, held against what HQ has.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::{Dot, FormNumber, Head, JournalId, OfficeId, RecordId};
use wasl_protocol::receipt::Receipt;
use wasl_protocol::units::Seq;

use crate::status::timestamp;
use crate::store::{StoredEntry, Traced};

use super::{Console, Problem};

/// `receipt verify --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptDocument {
    /// `wasl-hq.receipt/1`.
    pub schema: String,
    /// What became of the entry.
    pub verdict: Verdict,
    /// The same in one sentence.
    pub text: String,
    /// When this was so.
    pub as_of: Timestamp,
    /// The office that the receipt names.
    pub office: OfficeId,
    /// The journal that it names.
    pub journal: JournalId,
    /// The entry that it names.
    pub seq: Seq,
    /// The head after it, as it says.
    pub head: Head,
    /// Where HQ has it, if it was written again.
    #[serde(default)]
    pub written_again: Option<Dot>,
    /// The record that the entry wrote to; null unless it is stored.
    pub record: Option<RecordId>,
    /// The number on the form, if the entry opened the record.
    pub form_number: Option<FormNumber>,
    /// When the entry was written, by the office's clock.
    pub written_at: Option<Timestamp>,
    /// Is it held, so that it does not count yet?
    pub held: bool,
}

/// What became of a receipt's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// HQ has this very entry.
    Stored,
    /// HQ has it in a later journal of the office, whose disk was put back; its head cannot be checked.
    WrittenAgain,
    /// It is still to come.
    NotYet,
    /// HQ has another entry at its place.
    OtherHead,
    /// Its journal is another office's.
    OtherOffice,
    /// HQ has nothing of its journal.
    UnknownJournal,
    /// HQ knows no such office.
    UnknownOffice,
}

impl ReceiptDocument {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl-hq.receipt/1";

    fn new(receipt: Receipt, traced: Traced, as_of: Timestamp) -> Self {
        let (verdict, text) = told(&receipt, &traced);
        let (written_again, entry) = match traced {
            Traced::Stored(entry) => (None, entry),
            Traced::WrittenAgain(dot, entry) => (Some(dot), entry),
            _ => (None, StoredEntry::default()),
        };
        let StoredEntry { record, form_number, written_at, held } = entry;
        Self {
            schema: Self::SCHEMA.to_owned(),
            verdict,
            text,
            as_of,
            office: receipt.office,
            journal: receipt.journal,
            seq: receipt.at.seq,
            head: receipt.at.head,
            written_again,
            record,
            form_number,
            written_at: written_at.map(timestamp),
            held,
        }
    }
}

fn told(receipt: &Receipt, traced: &Traced) -> (Verdict, String) {
    let Receipt { office, journal, at } = receipt;
    let seq = at.seq;
    match traced {
        Traced::Stored(StoredEntry { held: true, .. }) => {
            let text = "HQ has this entry and holds it: it does not count before staff decide";
            (Verdict::Stored, text.to_owned())
        }
        Traced::Stored(_) => (Verdict::Stored, "HQ has this entry".to_owned()),
        Traced::WrittenAgain(dot, _) => {
            let text = format!(
                "a disk of {office} was put back: the entry was written again, as {} of journal \
                 {}, and its head cannot be checked any more",
                dot.seq, dot.journal
            );
            (Verdict::WrittenAgain, text)
        }
        Traced::NotYet { upto } => {
            let text = format!("not here yet: HQ has that journal up to entry {upto}, not {seq}");
            (Verdict::NotYet, text)
        }
        Traced::OtherHead => {
            let text = format!(
                "HQ has another entry {seq} in journal {journal}: a disk of {office} was restored \
                 or cloned, or this is no receipt of ours"
            );
            (Verdict::OtherHead, text)
        }
        Traced::OtherOffice(other) => {
            (Verdict::OtherOffice, format!("journal {journal} is {other}'s, not {office}'s"))
        }
        Traced::UnknownJournal { office_known: true } => {
            (Verdict::UnknownJournal, format!("HQ has nothing of journal {journal} of {office}"))
        }
        Traced::UnknownJournal { office_known: false } => {
            (Verdict::UnknownOffice, format!("HQ knows no office {office}"))
        }
    }
}

pub(super) async fn verify(
    State(console): State<Arc<Console>>,
    Path(text): Path<String>,
) -> Result<Json<ReceiptDocument>, Problem> {
    let receipt: Receipt = text.parse().map_err(|e| Problem::bad_request(format!("{e}")))?;
    let traced = console.store.trace(&receipt).await?;
    let as_of = timestamp(console.world.clock.unix());
    Ok(Json(ReceiptDocument::new(receipt, traced, as_of)))
}
