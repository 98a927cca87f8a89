//! The first inputs of each corpus: what good programs write. `WASL_CORPORA=write` writes those that
//! are not there; what a fuzzer found is put beside them by hand.

use std::env;
use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use fastrand::Rng;
use wasl_protocol::codec;
use wasl_protocol::edition::{OfficeSettings, SignedEdition};
use wasl_protocol::id::{Dot, JournalId};
use wasl_protocol::news::{Says, SignedNews};
use wasl_protocol::pack::Packer;
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::Seq;

use super::replay::corpora;
use crate::sample;

/// How many sequences of dice the session's corpus begins with, and how long each is, in bytes.
const SEQUENCES: u64 = 12;
const SEQUENCE_BYTES: usize = 160;

fn golden(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1");
    let text = fs::read_to_string(dir.join(name).with_extension("hex")).unwrap();
    HEXLOWER.decode(text.replace('\n', "").as_bytes()).unwrap()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_le_bytes()[..], bytes].concat()
}

type Seeds = Vec<(String, Vec<u8>)>;

fn named(all: &[(&str, Vec<u8>)]) -> Seeds {
    all.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect()
}

fn frames() -> Seeds {
    let plain = golden("edit-plaintext");
    let (_, packed) = Packer::new().pack(&plain);
    let zeros = Packer::new().pack(&[0; 5_000]).1;
    named(&[("journal", golden("journal")), ("packed", packed), ("bomb", zeros)])
}

fn messages() -> Seeds {
    let names = [
        "hello",
        "welcome",
        "entries",
        "ack",
        "states",
        "states-ack",
        "report",
        "bye",
        "level",
        "edition",
        "abort",
        "returned",
    ];
    let mut all: Seeds = names.map(|name| (name.to_owned(), golden(name))).to_vec();
    all.push(("all".to_owned(), names.map(golden).concat()));
    all
}

fn states() -> Seeds {
    let tagged = |tag: u8, bytes: &[u8]| [&[tag][..], bytes].concat();
    let news = ["signed-state", "news-held", "news-newer", "news-refused", "news-withdrawn"];
    let says = [
        "edit-plaintext",
        "decision-refuse",
        "decision-release",
        "step-fetched",
        "step-held",
        "step-rolled-back",
    ];
    let news = news.map(|name| (name.to_owned(), tagged(1, &golden(name))));
    let says = says.map(|name| (name.to_owned(), tagged(2, &golden(name))));
    let signed: SignedNews = codec::decode(&golden("signed-state")).unwrap();
    let Says::State(state) = signed.trusted().unwrap().says else { panic!("it is a state") };
    let state = codec::encode(&state);
    let two = [&[0][..], &chunk(&state), &state].concat();
    let edit = chunk(&golden("edit-plaintext"));
    let saw = |seq| {
        let dot = Dot { journal: JournalId(2), seq: Seq(seq) };
        chunk(&codec::encode(&VersionVector::of([dot])))
    };
    let edits = [&[3][..], &chunk(&[0]), &edit, &saw(1), &edit, &saw(9), &edit].concat();
    let more = named(&[("two-states", two), ("edits", edits)]);
    [&news[..], &says, &more].concat()
}

fn editions() -> Seeds {
    let signed = SignedEdition::decode(&golden("signed-edition")).unwrap();
    let edition = codec::encode(&signed.edition().unwrap().unwrap());
    let settings = OfficeSettings::default().to_json().as_str().as_bytes().to_vec();
    named(&[
        ("signed", golden("signed-edition")),
        ("unsigned", edition),
        ("settings", settings),
        ("few-settings", br#"{"day":{"capacity":120},"link":{"heartbeat_s":30}}"#.to_vec()),
    ])
}

fn tokens() -> Seeds {
    let names = ["join-token", "join-request", "joined", "join-refused", "receipt"];
    let mut all: Seeds = names.map(|name| (name.to_owned(), golden(name))).to_vec();
    all.extend(named(&[
        ("dot", b"00c1a5b2d3e4f506:42".to_vec()),
        ("office", b"suq-al-shuyukh".to_vec()),
        ("version", b"0.1.0".to_vec()),
        ("record-token", b"AfsIBwYFBAMCAQI".to_vec()),
    ]));
    all
}

fn bundles() -> Seeds {
    ["bundle", "bundle-reply"].map(|name| (name.to_owned(), golden(name))).to_vec()
}

fn enrollments() -> Seeds {
    let line = sample::lines().next().unwrap().as_bytes().to_vec();
    let change = r#"{"groups":{"contact":{"phone":"+9647811111111"},"person":{"given_name":"آيات",
        "father_name":"حسن","grandfather_name":"زيد","sex":"F","birth_date":"1945-09-20"}},"operator":"op-07"}"#;
    let void = r#"{"groups":{"void":{"why":"twice"},"national_number":{"value":1.5e300}}}"#;
    let least = r#"{"form_number":"a-1","person":{"given_name":"آ","father_name":"\u062d",
        "grandfather_name":"ز","sex":"F","birth_date":"1945-09-20","n":-0.0},"household":[{}]}"#;
    let change = change.as_bytes().to_vec();
    named(&[
        ("line", line),
        ("change", change),
        ("void", void.as_bytes().to_vec()),
        ("least", least.as_bytes().to_vec()),
    ])
}

fn journals() -> Seeds {
    let end = [0, 0];
    let edit = [&[2, 0, 0][..], &[9; 40]].concat();
    let seen = [2, 1, 1, 251, 44, 1, 5, 9, 9];
    let odd = [200, 7, 1, 2, 3];
    let linked = |entries: &[&[u8]], tail: &[u8], second: &[u8]| {
        let entries: Vec<u8> = entries.iter().flat_map(|entry| chunk(entry)).collect();
        let second_one = u8::from(second.is_empty());
        let (tail, second) = (chunk(tail), chunk(second));
        [&[0, second_one][..], &entries, &end, &tail, &second].concat()
    };
    let header = golden("segment-header");
    named(&[
        ("empty", linked(&[], &[], &[])),
        ("entries", linked(&[&edit, &seen, &odd], &[], &[])),
        ("torn", linked(&[&edit], &golden("journal")[..60], &[])),
        ("no-context", linked(&[&[2, 0, 255, 255], &edit], &[], &[])),
        ("unborn", linked(&[&edit], &[], &header)),
        ("raw", [&[1, 1][..], &chunk(&[&header[..], &golden("journal")].concat())].concat()),
    ])
}

fn sessions() -> Seeds {
    let mut all: Seeds = (0..SEQUENCES)
        .map(|seed| {
            let mut dice = Rng::with_seed(seed);
            let bytes = (0..SEQUENCE_BYTES).map(|_| dice.u8(..)).collect();
            (format!("dice-{seed:02}"), bytes)
        })
        .collect();
    let greeted = |machine: u8| vec![machine, 0, 0, 0, 3, 0, 1, 0, 0, 3, 0, 6, 1, 0, 0, 2, 1, 1, 1];
    all.extend(named(&[("office", greeted(0)), ("headquarters", greeted(1))]));
    all
}

#[test]
fn what_good_programs_write_is_in_every_corpus() {
    let all = [
        ("frame", frames()),
        ("message", messages()),
        ("state", states()),
        ("edition", editions()),
        ("token", tokens()),
        ("bundle", bundles()),
        ("enrollment", enrollments()),
        ("journal", journals()),
        ("session", sessions()),
    ];
    let write = env::var_os("WASL_CORPORA").is_some_and(|v| v == "write");
    for (target, seeds) in all {
        for (name, bytes) in seeds {
            let path = corpora().join(target).join(name);
            if write && !path.exists() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &bytes).unwrap();
            }
            let kept = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert!(kept == bytes, "{}: it is another one now", path.display());
        }
    }
}
