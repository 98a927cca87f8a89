//! `journal verify`.

use crate::console::{JournalReport, VerifyReport};

use super::args::JournalCommand;
use super::ask::Asker;
use super::failure::{FAILED, Failure};

/// Walks an office's journals as HQ has them.
pub(super) async fn journal(asker: &Asker, command: JournalCommand) -> Result<(), Failure> {
    let JournalCommand::Verify { office } = command;
    let report: VerifyReport = asker.get(&format!("/v1/offices/{office}/verify")).await?;
    asker.show(&report, |r| match &r.items[..] {
        [] => format!("{}: HQ has no journal of it yet", r.office),
        journals => journals.iter().map(line).collect::<Vec<_>>().join("\n"),
    })?;
    let Some(bad) = report.items.iter().find_map(|j| j.bad_entry.map(|seq| (j, seq))) else {
        return Ok(());
    };
    let (journal, seq) = bad;
    let why = journal.reason.as_deref().unwrap_or("not whole");
    Err(Failure::new(FAILED, &format!("journal {} of {office}, entry {seq}", journal.journal), why)
        .help("restore HQ's database; the office still has the entry"))
}

fn line(j: &JournalReport) -> String {
    match j.bad_entry {
        None => format!("journal {}: {} entries, whole", j.journal, j.entries),
        Some(seq) => format!("journal {}: {} entries, broken at {seq}", j.journal, j.entries),
    }
}
