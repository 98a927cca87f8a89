//! `wasl explain`: what a constant word means, why it comes, and what to do.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::plain::rows;
use super::{Exit, Failure, Place, print, print_json};
use crate::status::codes::{Code, Kind};

/// `explain --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ExplainedCodes {
    /// `wasl.explain/1`.
    schema: &'static str,
    /// The codes that are this word, or all.
    items: Vec<&'static Code>,
}

impl ExplainedCodes {
    /// The name of this document.
    const SCHEMA: &str = "wasl.explain/1";
}

/// Which word.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The word, such as `link-down`; without it all are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// Explains one word, or lists all.
pub fn explain(place: &Place, args: &Args) -> Result<(), Failure> {
    let codes = match &args.code {
        None => Code::all().collect(),
        Some(word) => Code::named(word),
    };
    match &args.code {
        Some(word) if codes.is_empty() => Err(unknown(word)),
        _ if place.json => {
            print_json(&ExplainedCodes { schema: ExplainedCodes::SCHEMA, items: codes })
        }
        Some(_) => print(&codes.into_iter().map(page).collect::<Vec<_>>().join("\n")),
        None => print(&list(&codes)),
    }
}

fn unknown(word: &str) -> Failure {
    let failure = Failure::new(Exit::Failed, format!("explain: there is no code {word:?}"));
    match Code::near(word).as_slice() {
        [] => failure.help("`wasl explain` lists all codes"),
        near => failure.help(format!("did you mean {}? `wasl explain` lists all", near.join(", "))),
    }
}

/// One word for people.
fn page(code: &Code) -> String {
    let Code { code: word, kind, title, means, why, action, .. } = code;
    let mut text = format!("{word}: {title}\n");
    for (name, says) in [("means", *means), ("comes", *why), ("do", *action)] {
        let _ = writeln!(text, "  {name:<6} {says}");
    }
    let met = match kind {
        Kind::Warning => {
            let severity: Vec<_> = code.severity.iter().map(|s| format!("{s:?}")).collect();
            format!("a warning of `wasl status` ({})", severity.join(" or ").to_lowercase())
        }
        Kind::Link => "why there is no link: `link.last_error` of `wasl status`".to_owned(),
        Kind::Config => "what became of an edition: `wasl config show`".to_owned(),
    };
    let _ = writeln!(text, "  met    {met}");
    if !code.depends_on.is_empty() {
        let _ = writeln!(text, "  after  {}, where told too", code.depends_on.join(", "));
    }
    if code.by_time {
        text += "  when   not in a daemon's first minute\n";
    }
    text
}

fn list(codes: &[&Code]) -> String {
    let line = |code: &&Code| [code.code, &code.kind.to_string(), code.title].map(str::to_owned);
    rows(codes.iter().map(line)) + "\none of them: wasl explain CODE\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wasl_protocol::edition::{AgentVersion, Gate, Rejection, Serial};
    use wasl_protocol::wire::{Bye, ByeCode};

    use super::*;
    use crate::config::ImportError;
    use crate::engine::Refused;
    use crate::link::Failure as LinkFailure;

    fn words(kind: Kind) -> BTreeSet<&'static str> {
        Code::all().filter(|code| code.kind == kind).map(|code| code.code).collect()
    }

    /// All that can go wrong between an office and HQ, but for our own keys.
    fn failures() -> Vec<LinkFailure> {
        use LinkFailure as F;
        let all = [
            F::Name { host: String::new(), why: String::new() },
            F::Route(([127, 0, 0, 1], 1).into(), String::new()),
            F::Timeout,
            F::WrongKey,
            F::Version,
            F::Fault(String::new()),
            F::Fork,
            F::Broken(String::new()),
            F::Engine(Refused::DiskFull),
        ];
        for failure in &all {
            // A new way to fail does not compile before it stands here and above.
            match failure {
                F::Identity(_)
                | F::Name { .. }
                | F::Route(..)
                | F::Timeout
                | F::WrongKey
                | F::Version
                | F::Closed(_)
                | F::Fault(_)
                | F::Fork
                | F::Broken(_)
                | F::Engine(_) => {}
            }
        }
        let byes = (0..=u8::MAX).map(|byte| F::Closed(Bye::now(ByeCode::from_byte(byte))));
        all.into_iter().chain(byes).collect()
    }

    #[test]
    fn every_code_of_the_link_is_explained() {
        let mut told: BTreeSet<_> = failures().iter().map(LinkFailure::code).collect();
        told.insert("identity");
        assert_eq!(told, words(Kind::Link));
    }

    #[test]
    fn every_code_of_config_is_explained() {
        let text = String::new;
        let serial = Serial(1);
        let rejections = [
            Rejection::Signature,
            Rejection::Fleet,
            Rejection::Scope,
            Rejection::OldSerial { serial, floor: serial },
            Rejection::OldAgent(AgentVersion(9, 0, 0)),
            Rejection::Schema(text()),
            Rejection::Expired,
            Rejection::Malformed,
            Rejection::Settings(text()),
            Rejection::Endpoint(text()),
            Rejection::Storage,
        ];
        let mut told: BTreeSet<String> = rejections.iter().map(|r| r.code().to_owned()).collect();
        let gates = [Gate::Ready, Gate::Fsync, Gate::Intake, Gate::Listener];
        told.extend(gates.map(|gate| gate.as_str().to_owned()));
        let imports =
            [ImportError::Superseded { by: serial }, ImportError::Waits, ImportError::Stopped];
        told.extend(imports.iter().map(|e| e.code().to_owned()));
        told.insert("no-trial".to_owned());
        // Why an edition goes back stands in the machine itself.
        for source in [
            include_str!("../../../protocol/src/edition/office.rs"),
            include_str!("../../../protocol/src/edition/trial.rs"),
        ] {
            for begin in ["roll_back(now, \"", "code: \"", "let code = \""] {
                let parts = source.split(begin).skip(1);
                told.extend(parts.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
        }
        for word in ["starts", "apply", "lost", "aborted", "operator", "no_session"] {
            assert!(told.contains(word), "{word} is not found in the source any more");
        }
        assert_eq!(told, words(Kind::Config).into_iter().map(str::to_owned).collect());
    }

    #[test]
    fn a_word_is_explained_and_an_unknown_one_names_its_like() {
        let text = page(Code::named("unacked")[0]);
        assert!(text.starts_with("unacked: HQ has not had everything for long\n  means  "));
        assert!(text.contains("\n  do     bring the link up"), "{text}");
        assert!(text.contains("(warn or crit)\n  after  link-down, refused"), "{text}");
        let e = unknown("unaked");
        assert!(e.help.unwrap().starts_with("did you mean unacked"));
        assert!(list(&Code::all().collect::<Vec<_>>()).lines().count() > 60);
    }
}
