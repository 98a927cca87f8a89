//! One flipped bit, a page of zeros, a tail cut off, an empty file, none at all: in every kind of
//! file of an office that was stopped, and of HQ. Named, or made good from a copy; never silently
//! wrong, and never a panic.
//!
//! One table a machine. HQ is not there when the office starts: what it can fetch back from HQ is
//! another test's subject.

use crate::district::{District, enroll, ids, listed, synced};
use crate::folder::copy;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wasl_tests::clock;
use wasl_tests::fleet::{Hq, Installation, Office};
use wasl_tests::http::Http;
use wasl_tests::process::Binary;

/// So many are enrolled at once, until the journal has a second segment.
const BATCH: usize = 3_000;

/// One record of so many is compared in full.
const COMPARED: usize = 400;

/// How long a daemon may take to be ready, or to refuse.
const DECIDES: Duration = Duration::from_secs(40);

/// What a program that writes to a disk does not expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Flip,
    Zeros,
    Cut,
    Empty,
    Gone,
}

use Harm::{Cut, Empty, Flip, Gone, Zeros};

const ALL: [Harm; 5] = [Flip, Zeros, Cut, Empty, Gone];

impl Harm {
    /// Does it to a file, in the middle of what is used of it.
    fn befall(self, path: &Path) {
        self.befall_at(path, used(&fs::read(path).unwrap()) / 2);
    }

    /// The same; what harms one place harms this one.
    fn befall_at(self, path: &Path, middle: usize) {
        if self == Gone {
            return fs::remove_file(path).unwrap();
        }
        let bytes = fs::read(path).unwrap();
        let used = used(&bytes);
        let file = File::options().write(true).open(path).unwrap();
        match self {
            Flip => file.write_all_at(&[bytes[middle] ^ 4], middle as u64).unwrap(),
            Zeros => {
                let len = (used - middle).min(4096);
                file.write_all_at(&vec![0; len], middle as u64).unwrap();
            }
            Cut => file.set_len(used as u64 * 2 / 3).unwrap(),
            Empty => file.set_len(0).unwrap(),
            Gone => {}
        }
    }
}

/// How many bytes there are up to the last that is not zero.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Where in HQ's database an entry of this office lies: what is harmed elsewhere may be a page that
/// nobody needs.
fn amid_an_entry(hq: &Hq, office: &Office) -> usize {
    let journals = office.at.dir().join("journal");
    let journal = fs::read_dir(journals).unwrap().next().unwrap().unwrap().path();
    let segment = fs::read(journal.join("00000001.seg")).unwrap();
    let database = fs::read(hq.at.dir().join("hq.db")).unwrap();
    let frames = &segment[used(&segment) / 2..];
    let mut places = frames
        .chunks_exact(32)
        .filter_map(|piece| database.windows(piece.len()).position(|window| window == piece));
    places.next().expect("HQ keeps frames as they came") + 16
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The daemon starts, and everything is there.
    Whole,
    /// It starts; what cannot be read is named when it is asked for, and `journal verify` names the
    /// file.
    Named,
    /// It starts and says that HQ's news is lacking until HQ sends it anew; all records are there.
    Renewed,
    /// It does not start: with this exit code, the file or its folder, and what to do.
    Refused(i32),
}

use Then::{Named, Refused, Renewed, Whole};

/// What was answered, and what some of the records say.
struct Truth {
    ids: BTreeSet<String>,
    states: BTreeMap<String, Value>,
}

impl Truth {
    fn of(at: &Installation) -> Self {
        let ids = listed(at, &[]);
        let mut http = at.http().unwrap();
        let some = ids.iter().step_by((ids.len() / COMPARED).max(1));
        let states = some.map(|id| (id.clone(), state(&mut http, id).unwrap())).collect();
        Self { ids, states }
    }

    /// How a running daemon compares: nothing, or what is wrong or cannot be had. An error must say
    /// that something is damaged.
    fn against(&self, at: &Installation) -> Result<bool, String> {
        let list = at.output(&["record", "list", "--json"], b"").unwrap();
        let said = String::from_utf8_lossy(&list.stderr).into_owned();
        let mut whole = list.status.success();
        if whole && ids(&String::from_utf8_lossy(&list.stdout)) != self.ids {
            return Err("another list of records".to_owned());
        }
        if !whole && !names_damage(&said) {
            return Err(format!("the list failed, and did not say of what: {said}"));
        }
        let mut http = at.http().unwrap();
        for (id, before) in &self.states {
            match state(&mut http, id) {
                Ok(now) if now == *before => {}
                Ok(_) => return Err(format!("record {id} says something else")),
                Err(said) if names_damage(&said) || log_names_damage(at) => whole = false,
                Err(said) => return Err(format!("record {id}: {said}")),
            }
        }
        Ok(whole)
    }
}

fn state(http: &mut Http, id: &str) -> Result<Value, String> {
    let (status, body) = http.send("GET", &format!("/v1/records/{id}"), Vec::new().into()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    if status.is_success() { Ok(body["groups"].clone()) } else { Err(body.to_string()) }
}

fn names_damage(said: &str) -> bool {
    ["damaged", "malformed", "missing", "not a database"].iter().any(|word| said.contains(word))
}

/// Does the daemon say in its log that it could not read the journal?
fn log_names_damage(at: &Installation) -> bool {
    let said = fs::read_to_string(at.log()).unwrap_or_default();
    said.lines().any(|line| line.contains("the journal could not be read"))
}

/// Did anything of ours panic? Sled does so at some harms; that is caught, and the view is made
/// again.
fn panics(said: &str) -> bool {
    said.lines().any(|line| line.contains("panicked at") && !line.contains("/sled-"))
}

/// Does the daemon say that its inbox was damaged, or cut where a write might have been torn? It has
/// an older cursor then, and HQ sends anew what came after it.
fn says_renewed(at: &Installation) -> bool {
    let said = fs::read_to_string(at.log()).unwrap_or_default();
    said.contains("the inbox was damaged: HQ sends its news anew")
        || said.lines().any(|line| line.contains("unfinished bytes") && line.contains("/inbox/"))
}

/// The one file beneath `dir` whose path ends so; `NAME/*END` is the last such one in a folder.
fn file(dir: &Path, pattern: &str) -> PathBuf {
    let mut found: Vec<_> =
        files(dir).into_iter().filter(|path| fits(dir, path, pattern)).collect();
    found.sort();
    found.pop().unwrap_or_else(|| panic!("{pattern}: no such file"))
}

fn fits(dir: &Path, path: &Path, pattern: &str) -> bool {
    let own = path.strip_prefix(dir).unwrap().to_str().unwrap();
    match pattern.split_once('*') {
        Some((begin, end)) => own.starts_with(begin) && own.ends_with(end),
        None => own == pattern,
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// How its daemon takes it: ready, or how it refused.
fn start(at: &mut Installation) -> Result<(), (i32, String)> {
    at.start().unwrap();
    let ended = clock::until(DECIDES, || match (at.status(), at.ended()) {
        (Ok(_), _) => Some(None),
        (_, Some(status)) => Some(Some(status.code().unwrap_or(-1))),
        _ => None,
    });
    let said = fs::read_to_string(at.log()).unwrap_or_default();
    match ended {
        Some(None) => Ok(()),
        Some(Some(code)) => Err((code, said)),
        None => panic!("neither ready nor refused: {said}"),
    }
}

/// What came of one harm to one file of an office: a copy of `office` in a folder of its own.
fn office_after(office: &Office, truth: &Truth, pattern: &str, harm: Harm) -> Result<Then, String> {
    let top = tempfile::tempdir().unwrap();
    let binary = Binary::at(env!("CARGO_BIN_EXE_wasl-demo"));
    let mut hurt = Office::stranger(&binary, top.path(), &office.id, office.link.clone());
    copy(office.at.dir(), hurt.at.dir());
    let key = format!("{}.key", office.id);
    fs::copy(office.at.dir().with_file_name(&key), top.path().join(&key)).unwrap();
    let path = if pattern == "KEY" { top.path().join(&key) } else { file(hurt.at.dir(), pattern) };
    harm.befall(&path);
    let then = match start(&mut hurt.at) {
        Err((code, said)) => {
            let folder = path.parent().unwrap();
            let named = said.contains("error: ") && said.contains("help: ");
            let place = said.contains(&*path.to_string_lossy())
                || said.contains(&*folder.to_string_lossy());
            if named && place { Ok(Refused(code)) } else { Err(format!("{code}: {said}")) }
        }
        Ok(()) if says_renewed(&hurt.at) => {
            let list = hurt.at.call(&["record", "list", "--json"]).unwrap();
            if ids(&list) == truth.ids { Ok(Renewed) } else { Err("another list".to_owned()) }
        }
        Ok(()) => truth.against(&hurt.at).and_then(|whole| {
            let verified = hurt.at.output(&["journal", "verify"], b"").unwrap();
            let said = String::from_utf8_lossy(&verified.stderr).into_owned();
            match (whole, verified.status.success()) {
                (true, true) => Ok(Whole),
                (_, false) if said.contains(&*path.to_string_lossy()) => Ok(Named),
                _ => Err(format!("whole: {whole}; verify: {said}")),
            }
        }),
    };
    hurt.at.kill();
    let said = fs::read_to_string(hurt.at.log()).unwrap_or_default();
    if panics(&said) { Err(format!("it panicked: {said}")) } else { then }
}

/// The files of an office, and what comes of each harm, in the order of [`ALL`].
const OFFICE: [(&str, [Then; 5]); 14] = [
    // In the middle of the journal: told to whoever reads there, in the log, and by `journal verify`;
    // enrolling goes on. At its end: known by what the view, or HQ's receipt, knows to have been
    // there.
    ("journal/*00000001.seg", [Named, Named, Named, Refused(1), Refused(1)]),
    ("journal/*00000002.seg", [Named, Named, Refused(1), Refused(1), Refused(1)]),
    ("inbox/*.seg", [Renewed; 5]),
    // Without what joining taught, and without the keys, it is nobody.
    ("office.json", [Refused(1), Refused(1), Refused(1), Refused(1), Refused(1)]),
    ("identity.sealed", [Refused(78), Refused(78), Refused(78), Refused(1), Refused(1)]),
    ("KEY", [Refused(78), Refused(78), Refused(78), Refused(78), Refused(78)]),
    ("format", [Refused(78), Refused(78), Whole, Refused(78), Whole]),
    // Shadows and notes: made again, or told again by HQ.
    ("view/sled/db", [Whole; 5]),
    ("view/sled/conf", [Whole; 5]),
    ("view/clean", [Whole; 5]),
    ("acks", [Whole; 5]),
    ("status.json", [Whole; 5]),
    ("pause.json", [Whole; 5]),
    ("lock", [Whole; 5]),
];

#[test]
fn no_harm_to_any_file_of_an_office_goes_unnoticed_or_costs_what_another_copy_has() {
    let mut district = District::new();
    let mut office = district.office("nasr");
    let second = |path: &PathBuf| fits(office.at.dir(), path, "journal/*00000002.seg");
    let mut enrolled = 0;
    while !files(office.at.dir()).iter().any(second) {
        enroll(&office, enrolled..enrolled + BATCH);
        enrolled += BATCH;
    }
    synced(&office);
    let id = listed(&office.at, &[]).pop_first().unwrap();
    let set = ["record", "set", &id, "contact.phone=\"+9647800000000\""];
    district.hq.at.call(&set).unwrap();
    crate::district::until(&office, "told of HQ's edit", |_| {
        let record = crate::district::record(&mut office.at.http().unwrap(), &id);
        record["groups"]["contact"]["value"]["phone"] == "+9647800000000"
    });
    assert!(district.hq.at.stop());
    enroll(&office, enrolled..enrolled + 30);
    office.at.call(&["pause", "--for", "30m", "--why", "a pause"]).unwrap();
    let truth = Truth::of(&office.at);
    assert!(office.at.stop());
    let mut wrong = String::new();
    for (pattern, thens) in OFFICE {
        for (harm, then) in ALL.into_iter().zip(thens) {
            if fs::metadata(office.at.dir().join(pattern)).is_ok_and(|m| m.len() == 0)
                && harm != Gone
            {
                continue;
            }
            let came = office_after(&office, &truth, pattern, harm);
            if came != Ok(then) {
                writeln!(wrong, "{pattern}: {harm:?}: {came:?} instead of {then:?}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What came of one harm to HQ: refused and named, or running, and right or named.
fn hq_after(hq: &Hq, truth: &Truth, harm: impl Fn(&Path)) -> Result<Then, String> {
    let top = tempfile::tempdir().unwrap();
    let binary = Binary::at(env!("CARGO_BIN_EXE_wasl-demo"));
    let mut hurt = Hq::again(&binary, top.path(), "hq", hq.address());
    copy(hq.at.dir(), hurt.at.dir());
    harm(hurt.at.dir());
    let then = match start(&mut hurt.at) {
        Err((code, said)) => {
            let place = said.contains(&*hurt.at.dir().to_string_lossy());
            let named = said.contains("error: ") && said.contains("help: ");
            if named && place { Ok(Refused(code)) } else { Err(format!("{code}: {said}")) }
        }
        Ok(()) => truth.against(&hurt.at).map(|whole| {
            let verified = hurt.at.output(&["journal", "verify", "nasr"], b"").unwrap();
            if whole && verified.status.success() { Whole } else { Named }
        }),
    };
    hurt.at.kill();
    let said = fs::read_to_string(hurt.at.log()).unwrap_or_default();
    if panics(&said) { Err(format!("it panicked: {said}")) } else { then }
}

/// The files of HQ, and what comes of each harm, in the order of [`ALL`].
const HQ: [(&str, [Then; 5]); 3] = [
    ("hq.keys", [Refused(78); 5]),
    ("hq.toml", [Refused(78), Refused(78), Refused(78), Refused(78), Refused(78)]),
    ("hq.db", [Named, Named, Refused(1), Refused(1), Refused(1)]),
];

#[test]
fn no_harm_to_any_file_of_hq_goes_unnoticed() {
    let mut district = District::new();
    let office = district.office("nasr");
    enroll(&office, 0..400);
    synced(&office);
    let truth = Truth::of(&district.hq.at);
    assert!(district.hq.at.stop());
    let amid = amid_an_entry(&district.hq, &office);
    let mut wrong = String::new();
    for (name, thens) in HQ {
        for (harm, then) in ALL.into_iter().zip(thens) {
            let came = hq_after(&district.hq, &truth, |dir| match name {
                "hq.db" => harm.befall_at(&dir.join(name), amid),
                _ => harm.befall(&dir.join(name)),
            });
            if came != Ok(then) {
                writeln!(wrong, "{name}: {harm:?}: {came:?} instead of {then:?}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn no_flipped_bit_in_hqs_database_is_believed() {
    const FLIPS: usize = 40;
    let mut district = District::new();
    let office = district.office("nasr");
    enroll(&office, 0..100);
    synced(&office);
    let truth = Truth::of(&district.hq.at);
    assert!(district.hq.at.stop());
    let len = fs::metadata(district.hq.at.dir().join("hq.db")).unwrap().len();
    let mut dice = fastrand::Rng::with_seed(7);
    let (mut wrong, mut noticed) = (String::new(), 0);
    for _ in 0..FLIPS {
        let bit = dice.u64(0..len * 8);
        let came = hq_after(&district.hq, &truth, |dir| {
            let path = dir.join("hq.db");
            let file = File::options().read(true).write(true).open(path).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, bit / 8).unwrap();
            file.write_all_at(&[byte[0] ^ 1 << (bit % 8)], bit / 8).unwrap();
        });
        match came {
            Ok(Whole) => {}
            Ok(_) => noticed += 1,
            Err(why) => writeln!(wrong, "bit {bit} of {}: {why}", len * 8).unwrap(),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(noticed > FLIPS / 8, "{noticed} of {FLIPS} were noticed");
}
