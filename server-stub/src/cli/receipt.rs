//! `receipt verify`.

use std::io::Read as _;

use wasl_protocol::receipt::Receipt;

use crate::console::{ReceiptDocument, Verdict};

use super::args::ReceiptCommand;
use super::ask::Asker;
use super::failure::{FAILED, Failure};
use super::table::{facts, moment};

/// The most that is read of stdin, in bytes: a receipt's text, and some lines that wrap it.
const READ_BYTES: u64 = 4096;

const WHAT: &str = "receipt verify";

/// Says whether HQ has the entry that a receipt names.
pub(super) async fn receipt(asker: &Asker, command: ReceiptCommand) -> Result<(), Failure> {
    let ReceiptCommand::Verify { text } = command;
    let text = if text == "-" { typed()? } else { text };
    let receipt: Receipt = text.parse().map_err(|e| {
        Failure::new(FAILED, WHAT, e).help("scan the QR code again, or type the line under it")
    })?;
    let told: ReceiptDocument = asker.get(&format!("/v1/receipts/{receipt}")).await?;
    asker.show(&told, people)?;
    let help = match told.verdict {
        Verdict::Stored => return Ok(()),
        Verdict::WrittenAgain => "compare the form number with the one on the paper",
        Verdict::NotYet => "the office has not sent it yet: `wasl-hq status` shows how it is",
        Verdict::UnknownJournal => {
            "the office has not sent anything of it yet, or its machine was replaced"
        }
        Verdict::OtherHead => "keep the paper, and compare: `wasl-hq journal verify OFFICE`",
        Verdict::OtherOffice | Verdict::UnknownOffice => {
            "no office of this HQ wrote it: is it another headquarters' receipt?"
        }
    };
    Err(Failure::new(FAILED, WHAT, &told.text).help(help))
}

fn typed() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(READ_BYTES).read_to_string(&mut text);
    read.map_err(|e| Failure::new(FAILED, "stdin", e))?;
    Ok(text)
}

fn people(told: &ReceiptDocument) -> String {
    let verdict = match told.verdict {
        Verdict::Stored if told.held => "STORED, HELD",
        Verdict::Stored => "STORED",
        Verdict::WrittenAgain => "WRITTEN AGAIN",
        Verdict::NotYet => "NOT HERE YET",
        Verdict::OtherHead => "ANOTHER ENTRY IS THERE",
        Verdict::OtherOffice => "ANOTHER OFFICE'S JOURNAL",
        Verdict::UnknownJournal => "UNKNOWN JOURNAL",
        Verdict::UnknownOffice => "UNKNOWN OFFICE",
    };
    let mut rows = vec![
        ("verdict", format!("{verdict} (as of {})", moment(told.as_of))),
        ("office", told.office.to_string()),
        ("entry", format!("{} of journal {}", told.seq, told.journal)),
        ("head", told.head.to_string()),
    ];
    rows.extend(
        told.written_again
            .map(|dot| ("written again", format!("{} of journal {}", dot.seq, dot.journal))),
    );
    rows.extend(told.form_number.as_ref().map(|number| ("form number", number.to_string())));
    rows.extend(told.record.map(|record| ("record", record.to_string())));
    rows.extend(
        told.written_at.map(|at| ("written at", format!("{} (office's clock)", moment(at)))),
    );
    facts(rows)
}
