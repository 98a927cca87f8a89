//! `wasl record receipt`: what a citizen takes home.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use wasl_protocol::named::Named;

use super::plain::{apart, rows};
use super::read::{find, no_such_record, read};
use super::{Exit, Failure, Place, print, print_json};
use crate::keystore::Office;
use crate::receipt::{ClockSaid, Counter, ReceiptReport, page};
use crate::seam::World;

const WHAT: &str = "record receipt";

/// Writes the receipt as a page, into `output` or on stdout; on a terminal it tells what the page
/// says instead.
pub(super) fn receipt(place: &Place, id: &Named, output: Option<&Path>) -> Result<(), Failure> {
    let told = read(
        place,
        async |mut client| {
            client.document(WHAT, &format!("/v1/records/{id}/receipt?as=json")).await
        },
        |archive| {
            let id = find(WHAT, archive, id)?;
            let opened = archive.opened(id)?.ok_or_else(|| no_such_record(WHAT))?;
            let world = World::real();
            let Office { id, name_ar, name_en, .. } = Office::as_written(&world, &place.data_dir)?;
            let counter = Counter { office: id, name_ar, name_en };
            // A stopped daemon has compared its clock with nobody's.
            let clock = ClockSaid::of(None, 0);
            Ok(ReceiptReport::new(opened, &counter, clock, world.clock.unix()))
        },
    )?;
    if place.json {
        return print_json(&told);
    }
    if output.is_none() && io::stdout().is_terminal() {
        return print(&lines(&told));
    }
    let page = page(&told).map_err(|e| Failure::new(Exit::Failed, format!("{WHAT}: {e}")))?;
    match output.filter(|path| *path != Path::new("-")) {
        Some(path) => write(path, &page),
        None => print(&page),
    }
}

/// Writes a file that is not there yet: a receipt that was handed out is not replaced.
fn write(path: &Path, page: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(page.as_bytes()));
    written.map_err(|e| {
        let failure = Failure::io(format!("{WHAT}: {}", path.display()), &e);
        let there = e.kind() == io::ErrorKind::AlreadyExists;
        if there { failure.help("name a file that is not there yet") } else { failure }
    })
}

fn lines(told: &ReceiptReport) -> String {
    let hq = match told.hq.as_str() {
        "pending" => "not at headquarters yet",
        "stored" => "stored at headquarters",
        _ => "stored at headquarters, and in a copy declared off-site",
    };
    let line = |name: &str, value: String| [name.to_owned(), value];
    let office = format!("{} ({})", apart(&told.name_ar), apart(&told.name_en));
    let text = rows([
        line("form number", told.form_number.to_string()),
        line("office", office),
        line("written at", format!("{}, by the office's clock ({})", told.at, told.clock.trust)),
        line("entry", format!("{} of journal {}", told.seq, told.journal)),
        line("head", told.head.to_string()),
        line("stored", hq.to_owned()),
    ]);
    let text = text.replace("\n ", "\n").trim_start().to_owned();
    format!(
        "{text}\n{}\n\nthe page to print: wasl record receipt {} -o FILE.html\n",
        told.text, told.record
    )
}
