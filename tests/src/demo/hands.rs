//! Two hands on one record: its office and headquarters write the same field while the link is cut,
//! both values are kept and shown, and headquarters decides.

use super::board::Board;
use super::interrupt::Interrupt;
use super::proof::Posted;
use super::stages::{DemoError, Stage, check};
use crate::clock;
use crate::fleet::{FleetError, Installation};
use crate::sample;
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

/// What both write.
const GROUP: &str = "contact";
const FIELD: &str = "phone";

/// Who writes what at the office, and who at headquarters.
const OPERATOR: (&str, &str) = ("op-03", "+9647801112233");
const CLERK: (&str, &str) = ("clerk-1", "+9647809998877");

/// How often the demo looks whether the ends have heard of one another, and for how long.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const HEAR_TIMEOUT: Duration = Duration::from_secs(30);

/// What was shown.
pub struct Story {
    /// The office's English name.
    pub office: String,
    /// How long both ends took to show both values, once the link was back.
    pub shown_after: Duration,
    /// How long both ends took to have the one that headquarters chose.
    pub ended_after: Duration,
}

/// Tells the story at one office, which `seed` picks. From then on the record's posted line says
/// what headquarters decided: the proof is held against that.
pub fn tell(
    stage: &Stage,
    posted: &mut [Posted],
    seed: u64,
    (board, interrupt): (&Board, &Interrupt),
) -> Result<Story, DemoError> {
    let index = fastrand::Rng::with_seed(seed).usize(0..stage.offices.len());
    let name = sample::offices().swap_remove(index).name_en;
    let office = &stage.offices[index];
    let of_office = |p: &&mut Posted| p.office == index && p.has(GROUP, FIELD);
    let record = posted.iter_mut().find(of_office).ok_or_else(|| no_conflict(&name, "to edit"))?;
    let ends = [&office.at, &stage.hq.at];
    board.say(&format!("the link of {name} is cut, and two people write the same field:"));
    office.link.cut();
    write(board, ends[0], &record.id, OPERATOR)?;
    write(board, ends[1], &record.id, CLERK)?;
    office.link.restore();
    let back = clock::now();
    let wait = |what: &str, so: &dyn Fn(&[Value; 2]) -> bool| {
        wait(&ends, &record.id, interrupt, so)?.ok_or_else(|| no_conflict(&name, what))
    };
    let shown =
        wait("that both ends show", &|[here, there]| here == there && values(here).len() == 2)?;
    let shown_after = back.elapsed();
    show(board, &name, &shown[0]);
    let dot = values(&shown[0]).iter().find(|v| v["office"] == office.id.as_str()).cloned();
    let dot = dot.unwrap_or_default()["dot"].as_str().unwrap_or_default().to_string();
    let decided = clock::now();
    resolve(board, &stage.hq.at, &record.id, &dot)?;
    wait("that ends", &|[here, there]| here == there && values(here).is_empty())?;
    record.put(GROUP, FIELD, &json!(OPERATOR.1));
    let ended_after = decided.elapsed();
    board.say(&format!("headquarters took {name}'s value; the conflict is over at both ends"));
    Ok(Story { office: name, shown_after, ended_after })
}

/// One of them writes, through the command line.
fn write(
    board: &Board,
    at: &Installation,
    id: &str,
    (by, phone): (&str, &str),
) -> Result<(), FleetError> {
    let setting = format!("{GROUP}.{FIELD}={phone}");
    show_and_run(board, at, &["record", "set", id, &setting, "--by", by])
}

/// Headquarters takes the value that `dot` wrote.
fn resolve(board: &Board, hq: &Installation, id: &str, dot: &str) -> Result<(), FleetError> {
    show_and_run(board, hq, &["conflict", "resolve", id, GROUP, "--take", dot, "--by", CLERK.0])
}

/// Runs a command, and shows it as a person would type it.
fn show_and_run(board: &Board, at: &Installation, words: &[&str]) -> Result<(), FleetError> {
    at.call(words)?;
    board.say(&format!("  {} {}", at.program(), words.join(" ")));
    Ok(())
}

/// Waits until it is so of both ends' view of the group; none if it does not become so.
fn wait(
    ends: &[&Installation; 2],
    id: &str,
    interrupt: &Interrupt,
    so: &dyn Fn(&[Value; 2]) -> bool,
) -> Result<Option<[Value; 2]>, DemoError> {
    let end = clock::now() + HEAR_TIMEOUT;
    while clock::now() < end {
        check(interrupt)?;
        let group = |at: &Installation| {
            Ok::<_, FleetError>(at.get(&format!("/v1/records/{id}"))?["groups"][GROUP].take())
        };
        let both = [group(ends[0])?, group(ends[1])?];
        if so(&both) {
            return Ok(Some(both));
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(None)
}

/// The values of a group in conflict.
fn values(group: &Value) -> &[Value] {
    group["siblings"].as_array().map_or(&[], Vec::as_slice)
}

/// Both values, and what differs.
fn show(board: &Board, name: &str, group: &Value) {
    let differs = group["differs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let differs: Vec<_> = differs.collect();
    board.say(&format!(
        "the link is back: both ends show the conflict in {GROUP}; what differs: {}",
        differs.join(", ")
    ));
    for value in values(group) {
        let text = |field: &Value| field.as_str().unwrap_or("?").to_string();
        let office = text(&value["office"]);
        let place = if office == "hq" { "headquarters" } else { name };
        let (phone, by) = (text(&value["value"][FIELD]), text(&value["operator"]));
        board.say(&format!("  {phone}  {place}, {by}"));
    }
}

fn no_conflict(name: &str, what: &str) -> DemoError {
    DemoError::Story(format!("{name} has no conflict {what}"))
}
