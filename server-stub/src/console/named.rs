//! Ids as people name them: whole, or as much of the beginning as tells one from the others.

use axum::http::StatusCode;
use wasl_protocol::id::{Dot, OfficeId, RecordId};
use wasl_protocol::named::{LEAST_DIGITS, MOST_NAMED, Meant, Named};
use wasl_protocol::units::Seq;

use super::{Console, Problem};

/// The record that is named in a path.
pub(super) async fn record_id(console: &Console, text: &str) -> Result<RecordId, Problem> {
    let named: Named = text.parse().map_err(|e| Problem::bad_request(format!("{e}")))?;
    if let Some(id) = named.whole() {
        return Ok(id);
    }
    let limit = u32::try_from(MOST_NAMED).unwrap_or(u32::MAX);
    match named.meant(console.store.record_ids(named.range(), limit).await?) {
        Meant::One(id) => Ok(id),
        Meant::Nothing => Err(Problem::not_found(format!("no record's id begins with {named}"))
            .help("`wasl-hq record list` shows all of them")),
        Meant::Several(ids) => Err(ambiguous(text, &ids)),
    }
}

/// The office that is named in a path; a name that fits none is given back as it is.
pub(super) async fn office_id(console: &Console, text: &str) -> Result<OfficeId, Problem> {
    let named: OfficeId = text.parse().map_err(|e| Problem::bad_request(format!("{e}")))?;
    let mut ids = console.store.office_ids().await?;
    if named.is_hq() || ids.contains(&named) {
        return Ok(named);
    }
    ids.retain(|id| id.as_str().starts_with(text));
    match ids.len() {
        0 => Ok(named),
        1 => Ok(ids.remove(0)),
        _ => Err(ambiguous(text, &ids)),
    }
}

/// The entry that is named in a path: its journal may be cut short, its number not.
pub(super) async fn dot(console: &Console, text: &str) -> Result<Dot, Problem> {
    let malformed = match text.parse() {
        Ok(dot) => return Ok(dot),
        Err(e) => Problem::bad_request(format!("{e}")),
    };
    let Some((begin, seq)) = text.split_once(':') else { return Err(malformed) };
    let Ok(seq) = seq.parse().map(Seq) else { return Err(malformed) };
    if begin.len() < LEAST_DIGITS {
        return Err(malformed);
    }
    let mut ids = console.store.journal_ids().await?;
    ids.retain(|id| id.to_string().starts_with(begin));
    match ids.len() {
        0 => Err(Problem::not_found(format!("no journal's id begins with {begin}"))),
        1 => Ok(Dot { journal: ids[0], seq }),
        _ => Err(ambiguous(begin, &ids)),
    }
}

fn ambiguous(text: &str, ids: &[impl ToString]) -> Problem {
    let first: Vec<_> = ids.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    let more = if ids.len() < MOST_NAMED { "" } else { ", perhaps more" };
    let detail = format!("it is the beginning of {}{more}", first.join(", "));
    Problem::new(StatusCode::CONFLICT, "ambiguous", &format!("`{text}` is ambiguous"), detail)
        .help("give more of it")
}
