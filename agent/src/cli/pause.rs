//! `wasl pause` and `wasl resume`: the link held back, for a time.

use axum::body::Body;
use axum::http::Method;
use jiff::SignedDuration;
use serde_json::json;

use super::client::{Client, talk};
use super::plain::minute;
use super::wait::until;
use super::{Failure, Place, block_on, print, print_json};
use crate::facts::LinkPhase;
use crate::intake::PauseReport;
use crate::pause::LONGEST_S;
use crate::status::{Status, harmless};

/// How long the link may take to hang up, in seconds.
const HANGS_UP_S: u64 = 10;

const PATH: &str = "/v1/pause";

/// For how long, and why.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// For how long, such as 30m or 2h; at most a week
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = span)]
    for_s: u64,
    /// Why: whoever comes next wants to know
    #[arg(long, value_name = "TEXT", required_unless_present = "show")]
    why: Option<String>,
    /// Change nothing: say whether the link is paused, until when and why
    #[arg(long, conflicts_with_all = ["for_s", "why"])]
    show: bool,
}

fn span(text: &str) -> Result<u64, String> {
    let want = || "write a time such as 30m or 2h, at most a week".to_owned();
    let span: SignedDuration = text.parse().map_err(|_| want())?;
    let s = u64::try_from(span.as_secs()).map_err(|_| want())?;
    (1..=LONGEST_S).contains(&s).then_some(s).ok_or_else(want)
}

/// Holds the link back, or says whether it is.
pub fn pause(place: &Place, args: &Args) -> Result<(), Failure> {
    let body = (!args.show).then(|| json!({ "for_s": args.for_s, "why": args.why }));
    let method = if args.show { Method::GET } else { Method::POST };
    let report = ask(place, "pause", method, body)?;
    if !args.show {
        // The link hangs up first: whoever looks next finds it paused.
        let paused = |status: &Status| status.link.state == LinkPhase::Paused;
        block_on(until(place, "pause", HANGS_UP_S, paused))?;
    }
    if place.json {
        return print_json(&report);
    }
    let until = report.until.map(minute).unwrap_or_default();
    let why = report.why.as_ref().map(|why| harmless(why)).unwrap_or_default();
    print(&match (report.paused, args.show) {
        (true, true) => format!("the link is paused until {until}: {why}\n"),
        (true, false) => format!(
            "the link is paused until {until}; enrolling goes on; end it sooner: wasl resume\n"
        ),
        (false, _) => "the link is not paused\n".to_owned(),
    })
}

/// Lets the link go on.
pub fn resume(place: &Place) -> Result<(), Failure> {
    let report = ask(place, "resume", Method::DELETE, None)?;
    if place.json {
        return print_json(&report);
    }
    print(&match report.until {
        Some(until) => format!("the link goes on; it was paused until {}\n", minute(until)),
        None => "the link was not paused\n".to_owned(),
    })
}

fn ask(
    place: &Place,
    what: &str,
    method: Method,
    body: Option<serde_json::Value>,
) -> Result<PauseReport, Failure> {
    let work = async |mut client: Client| {
        let body = body.map(|body| ("application/json", Body::from(body.to_string())));
        let response = client.send(method, PATH, body).await?;
        client.read(what, response).await
    };
    block_on(async { Ok(talk(&place.data_dir, work).await) })??
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_time_is_written_as_people_write_it_and_ends() {
        assert_eq!([span("30m"), span("2h"), span("1h30m")], [Ok(1800), Ok(7200), Ok(5400)]);
        for bad in ["", "2", "0s", "-1h", "8d", "200h", "soon"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
