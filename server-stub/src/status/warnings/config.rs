//! What is wrong with config: rollouts that stopped, and offices that went back.

use wasl_protocol::edition::Serial;

use crate::rollout::{OfficeRollout, RolloutFacts};

use super::super::codes;
use super::super::document::{Severity, Warning};
use super::{count, named, since, timestamp, warning};

/// The words of a rollout that is over and has nothing to say.
const OVER: [&str; 2] = ["COMPLETE", "SUPERSEDED"];

/// A rollout that waits for offices to come.
const WAITING: &str = "PAUSED";

/// What the newest rollout gives cause to say. While HQ warms up offices are still coming back.
pub(super) fn warnings(rollout: &RolloutFacts, warming_up: bool) -> Vec<Warning> {
    let refused: Vec<_> = rollout.offices.iter().filter(|o| went_back(o)).collect();
    let mut all = Vec::new();
    let comes_back = warming_up && rollout.stage == WAITING;
    if !comes_back && !OVER.contains(&&*rollout.stage) {
        all.push(since(under_way(rollout), Some(timestamp(rollout.since))));
    }
    if !refused.is_empty() {
        all.push(refusals(&refused));
    }
    all
}

/// Did the last edition that it tried not stay there?
fn went_back(office: &OfficeRollout) -> bool {
    office.last_attempt.as_ref().is_some_and(|attempt| attempt.code.is_some())
}

fn under_way(rollout: &RolloutFacts) -> Warning {
    let RolloutFacts { serial, stage, offices, .. } = rollout;
    let have = offices.iter().filter(|o| o.running == *serial).count() as u64;
    let text = format!("edition {serial}, {stage}: in force at {}", count(have, "office"));
    match &rollout.stopped {
        None => warning(&codes::ROLLOUT, Severity::Info, text),
        Some(why) => warning(&codes::ROLLOUT_STOPPED, Severity::Warn, format!("{text}; {why}")),
    }
}

fn refusals(offices: &[&OfficeRollout]) -> Warning {
    let told: Vec<_> = offices.iter().filter_map(|o| refusal(o)).collect();
    // With a floor and nothing but what is built in, even its last good edition failed there.
    let bare = |o: &&OfficeRollout| o.running == Serial::BUILT_IN && o.floor > Serial::BUILT_IN;
    let severity = if offices.iter().any(bare) { Severity::Crit } else { Severity::Warn };
    warning(&codes::CONFIG_NOT_KEPT, severity, named(&told, ", "))
}

fn refusal(office: &OfficeRollout) -> Option<String> {
    let attempt = office.last_attempt.as_ref()?;
    let (what, code) = (attempt.phase.replace('_', " "), attempt.code.as_deref()?);
    Some(format!("{} {what} edition {} ({code})", office.office, attempt.serial))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::AttemptFacts;
    use wasl_protocol::units::UnixMs;

    fn office(id: &str, running: u64, code: Option<&str>) -> OfficeRollout {
        let attempt = AttemptFacts {
            serial: Serial(2),
            phase: if code.is_some() { "rolled_back" } else { "committed" },
            code: code.map(ToOwned::to_owned),
            message: code.map(|_| "a gate failed".to_owned()),
            at: UnixMs(0),
        };
        OfficeRollout {
            office: id.parse().unwrap(),
            stage: if code.is_some() { "ROLLED_BACK" } else { "COMMITTED" },
            running: Serial(running),
            desired: Some(Serial(2)),
            last_attempt: Some(attempt),
            floor: Serial(1),
            connected: true,
        }
    }

    fn told(stage: &str, stopped: Option<&str>, offices: Vec<OfficeRollout>) -> Vec<Warning> {
        let stopped = stopped.map(ToOwned::to_owned);
        let (serial, since, stage) = (Serial(2), UnixMs(0), stage.to_owned());
        warnings(&RolloutFacts { serial, stage, since, stopped, now: false, offices }, false)
    }

    #[test]
    fn a_rollout_is_a_remark_and_one_that_stopped_a_warning_and_one_that_is_over_nothing() {
        let all = told("WAVE 1", None, vec![office("nasr", 2, None), office("rifai", 1, None)]);
        let [one] = &all[..] else { panic!("{all:?}") };
        assert_eq!((one.severity, &*one.code), (Severity::Info, "rollout"));
        assert_eq!(one.text, "edition 2, WAVE 1: in force at 1 office");
        let all = told("PAUSED", Some("not connected: nasr"), vec![]);
        assert_eq!((all[0].severity, &*all[0].code), (Severity::Warn, "rollout-stopped"));
        assert!(all[0].text.ends_with("not connected: nasr"), "{}", all[0].text);
        assert_eq!(told("COMPLETE", None, vec![office("nasr", 2, None)]), vec![]);
    }

    #[test]
    fn offices_that_went_back_are_named_with_the_code_even_once_all_is_over() {
        let back =
            |running| vec![office("nasr", running, Some("intake")), office("rifai", 2, None)];
        let all = told("COMPLETE", None, back(1));
        let [one] = &all[..] else { panic!("{all:?}") };
        assert_eq!(
            (one.severity, &*one.text),
            (Severity::Warn, "nasr rolled back edition 2 (intake)")
        );
        assert_eq!(told("COMPLETE", None, back(0))[0].severity, Severity::Crit, "nothing is left");
        let many = (0..7).map(|n| office(&format!("office-{n}"), 1, Some("ready"))).collect();
        assert!(told("COMPLETE", None, many)[0].text.ends_with("and 2 more"));
    }
}
