//! `wasl doctor`: what is wrong with this machine, and what to do.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::client::{Client, NoDaemon, talk};
use super::{Exit, Failure, Place, block_on, print, print_json};
use crate::doctor::{Answer, Finding, Findings, Level, Patient, examine};
use crate::seam::World;
use crate::status::{Status, harmless};

/// How long the daemon may take to answer before it counts as silent.
const PATIENCE: Duration = Duration::from_secs(3);

/// Examines this machine; exit 1 if a check fails.
pub fn doctor(place: &Place) -> Result<(), Failure> {
    let findings = block_on(async { Ok(findings(place).await) })?;
    if place.json {
        print_json(&findings)?;
    } else {
        print(&table(&findings))?;
    }
    let failed = findings.items.iter().filter(|f| f.level == Level::Fail).count();
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new(Exit::Failed, "doctor: one check failed")),
        many => Err(Failure::new(Exit::Failed, format!("doctor: {many} checks failed"))),
    }
}

/// What the doctor finds.
pub(super) async fn findings(place: &Place) -> Findings {
    let (world, dir) = (World::real(), &place.data_dir);
    let daemon = asked(dir).await;
    examine(&Patient { world: &world, dir, key_file: place.key_file.as_deref(), daemon }).await
}

/// What the daemon says.
async fn asked(dir: &Path) -> Answer {
    let ask = async |mut client: Client| client.document::<Status>("doctor", "/v1/status").await;
    match tokio::time::timeout(PATIENCE, talk(dir, ask)).await {
        Ok(Ok(Ok(status))) => Answer::Running(Box::new(status)),
        Ok(Err(NoDaemon::Stopped(_))) => Answer::Stopped,
        Ok(Ok(Err(failure)) | Err(NoDaemon::Failed(failure))) => Answer::Closed(failure.message),
        Err(_) => Answer::Silent,
    }
}

/// The findings for people: one line each, and what to do under it.
fn table(findings: &Findings) -> String {
    let width = findings.items.iter().map(|finding| finding.code.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { code, level, what, fix } in &findings.items {
        let _ = writeln!(text, "{:<7}  {code:<width$}  {}", level.word(), harmless(what));
        if let Some(fix) = fix {
            let _ = writeln!(text, "{:<7}  {:<width$}  fix: {}", "", "", harmless(fix));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_stands_under_what_is_wrong() {
        let finding = |code: &str, level, fix: Option<&str>| Finding {
            code: code.to_owned(),
            level,
            what: format!("about {code}"),
            fix: fix.map(ToOwned::to_owned),
        };
        let items = vec![
            finding("key", Level::Ok, None),
            finding("data-dir", Level::Fail, Some("chmod it")),
            finding("unit", Level::Skipped, None),
        ];
        let schema = Findings::SCHEMA.to_owned();
        let told = table(&Findings { schema, failed: true, items });
        let want = "OK       key       about key\n\
                    FAIL     data-dir  about data-dir\n\
                    \u{20}                  fix: chmod it\n\
                    SKIPPED  unit      about unit\n";
        assert_eq!(told, want);
    }
}
