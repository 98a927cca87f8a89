//! Bytes are frozen on the day they are born: each frame, message and token against
//! `tests/golden/v1`. A change here is a new format with a new version or codec byte, never an edit
//! of these files. `WASL_GOLDEN=write` writes a file that does not exist yet, and only such a file.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use data_encoding::HEXLOWER;
use std::path::Path;
use std::{env, fs, vec};

use crate::bundle::{Answered, Reader, Writer};
use crate::edition::{
    AgentVersion, Edition, EditionHash, FleetId, OfficeSettings, Phase, Probation, Scope, Serial,
    SignedEdition, Step, Trust,
};
use crate::entry::{Cursor, Decision, Edit, Genesis, Log, Verdict};
use crate::frame::{Frame, Kind, Sealed};
use crate::id::{BundleId, Dot, EpochId, JournalId, OfficeId, Position, RecordId};
use crate::join::{
    JoinFile, JoinRefusal, JoinRequest, JoinToken, Joined, TransportKey, answer_file,
    decode_answer, encode_answer, read_answer_file,
};
use crate::keys::{DataKey, SignKey, UnwrapKey};
use crate::news::{Fate, Held, News, Says, SignedNews, What};
use crate::pack::{Packer, Unpacker};
use crate::private::Private;
use crate::receipt::Receipt;
use crate::record::{Draft, Origin, RecordState, Value, VersionVector};
use crate::units::{FeedNo, Seq, UnixMs};
use crate::wire::{
    Abort, Ack, Assembler, Audit, Buckets, Bye, ByeCode, Differing, Entries, Fetch, Fetched, Hello,
    Level, Listing, Message, Offer, Report, Returned, Standing, States, StatesAck, Welcome,
};

const J: JournalId = JournalId(0x0102_0304_0506_0708);
const EPOCH: EpochId = EpochId(0x1112_1314_1516_1718);
const AT: UnixMs = UnixMs(1_452_585_600_000);
const SETTINGS: &str = r#"{"day":{"capacity":120},"link":{"heartbeat_s":30}}"#;
const POSTED: &str = r#"{"form_number":"nasr-20160112-0001","person":{"given_name":"آيات",
    "father_name":"حسن","grandfather_name":"زيد","sex":"F","birth_date":"1945-09-20"}}"#;

fn frozen(name: &str, bytes: &[u8]) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/v1");
    let path = dir.join(name).with_extension("hex");
    if !path.exists() && env::var_os("WASL_GOLDEN").is_some_and(|v| v == "write") {
        let lines: Vec<String> = bytes.chunks(32).map(|c| HEXLOWER.encode(c) + "\n").collect();
        fs::write(&path, lines.concat()).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let golden = HEXLOWER.decode(text.replace('\n', "").as_bytes()).unwrap();
    assert!(golden == bytes, "{name}: the bytes are no longer those that shipped");
}

fn office() -> OfficeId {
    "nasr".parse().unwrap()
}

fn sign_key() -> SignKey {
    SignKey::from_secret(&[1; 32])
}

fn reader() -> UnwrapKey {
    UnwrapKey::from_secret(&[2; 32])
}

fn data_key() -> DataKey {
    DataKey::new([3; 32])
}

fn edit() -> Edit {
    Draft::parse(POSTED.as_bytes()).unwrap().into_edit(&office(), AT)
}

/// A journal of a Genesis and an edit that saw something.
fn journal() -> (Vec<u8>, Position) {
    let readers = [(reader().wrap_key(), [4; 32])];
    let keys = (&data_key(), J);
    let sign = sign_key().verify_key();
    let genesis = Genesis::new(Log::Journal, office(), AT, sign, keys, &readers).unwrap();
    let mut bytes = vec![];
    let at = genesis.link(J, &mut bytes);
    let plain = edit().encode();
    let mut packer = Packer::new();
    let sealed = Sealed::new(J, Kind::EDIT, &plain, &data_key(), &mut packer, [5; 32]);
    let context = VersionVector::of([Dot { journal: JournalId(9), seq: Seq(300) }]);
    let at = sealed.link(&at, &context, &mut bytes);
    (bytes, at)
}

fn news(record: Option<RecordId>, says: Says) -> News {
    News { epoch: EPOCH, office: office(), feed: FeedNo(70_000), record, says }
}

fn state() -> SignedNews {
    let edit = edit();
    let opening = edit.opening.unwrap();
    let mut state = RecordState::new(Origin { office: office(), form_number: opening.form_number });
    let value =
        |json| Value { json, by: office(), at: AT, operator: None, tag: journal().1.head.tag() };
    let groups: Vec<_> = edit.groups.into_iter().map(|(g, json)| (g, value(json))).collect();
    let dot = Dot { journal: J, seq: Seq(2) };
    state.apply(dot, &VersionVector::default(), Some(opening.posted), groups);
    SignedNews::sign(&news(Some(edit.record), Says::State(state)), &sign_key())
}

#[test]
fn frames_are_frozen_and_still_read() {
    let (bytes, end) = journal();
    frozen("journal", &bytes);
    let genesis = Frame::parse(&bytes).unwrap();
    let first = genesis.follow(&Position::start(J)).unwrap();
    let key = Genesis::read(&genesis).unwrap().data_key(J, &reader()).unwrap();
    let frame = Frame::parse(&bytes[genesis.bytes().len()..]).unwrap();
    assert_eq!(frame.follow(&first), Ok(end));
    let plain = frame.open(J, &key, &mut Unpacker::new()).unwrap();
    assert_eq!(Edit::decode(&plain).unwrap(), edit());
    frozen("edit-plaintext", &plain);
}

#[test]
fn states_are_frozen_and_still_read() {
    let bytes = crate::codec::encode(&state());
    frozen("signed-state", &bytes);
    let back: SignedNews = crate::codec::decode(&bytes).unwrap();
    let back = back.verify(&sign_key().verify_key()).unwrap();
    assert_eq!(back.record, Some(edit().record));
    assert!(matches!(back.says, Says::State(_)));
}

#[test]
fn other_news_is_frozen_and_still_read() {
    let dot = Dot { journal: J, seq: Seq(300) };
    let fate = |what| Says::Fate(Fate { dot, at: AT, what });
    let refused = What::Refused { reason: Private(String::from("مكرر")) };
    let all = [
        ("withdrawn", Says::Withdrawn),
        ("held", fate(What::Held(Held::WaitsFor(dot)))),
        ("unauthorised", fate(What::Held(Held::Unauthorised))),
        ("released", fate(What::Released)),
        ("refused", fate(refused)),
        ("newer", Says::Newer(vec![200, 1, 2])),
    ];
    for (name, says) in all {
        let news = news(Some(edit().record), says);
        let bytes = crate::codec::encode(&SignedNews::sign(&news, &sign_key()));
        frozen(&alloc::format!("news-{name}"), &bytes);
        let back: SignedNews = crate::codec::decode(&bytes).unwrap();
        assert_eq!(back.verify(&sign_key().verify_key()).unwrap(), news);
    }
}

fn signed_edition() -> SignedEdition {
    // Fixed text: what is built in may grow.
    let settings = crate::json::Json::of(&crate::json::parse(SETTINGS.as_bytes()).unwrap());
    let edition = Edition {
        fleet: FleetId::of(&sign_key().verify_key()),
        serial: Serial(7),
        scope: Scope {
            all: false,
            groups: [(String::from("north"), [office()].into())].into(),
            offices: [office()].into(),
            except: ["batha".parse().unwrap()].into(),
        },
        issued_at: AT,
        not_after: UnixMs(AT.0 + 86_400_000),
        min_agent: AgentVersion(0, 1, 0),
        settings,
        probation: Probation::default(),
        previous: Some(EditionHash([9; 32])),
        revert_of: Some(Serial(5)),
        author: Private(String::from("amal")),
        reason: String::from("longer day"),
    };
    SignedEdition::sign(&edition, &sign_key())
}

#[test]
fn editions_and_their_steps_are_frozen_and_still_read() {
    let signed = signed_edition();
    frozen("signed-edition", &signed.encode());
    let back = SignedEdition::decode(&signed.encode()).unwrap();
    assert!(back.is_signed(&Trust::in_one(sign_key().verify_key())));
    let edition = back.edition().unwrap().unwrap();
    let settings = OfficeSettings::read(&edition.settings).unwrap();
    assert_eq!((settings.day.capacity, settings.link.heartbeat_s), (120, 30));
    let (code, message) = (String::from("no_session"), String::from("why"));
    let why = Private(String::from("exam day"));
    let phases = [
        ("fetched", Phase::Fetched),
        ("probation", Phase::Probation { linked: true }),
        ("committed", Phase::Committed),
        ("rolled-back", Phase::RolledBack { to: Serial(5), code, message }),
        ("held", Phase::Held { until: AT, why }),
    ];
    for (name, phase) in phases {
        let step = Step { serial: Serial(7), hash: signed.hash(), at: AT, phase };
        frozen(&alloc::format!("step-{name}"), &step.encode());
        assert_eq!(Step::decode(&step.encode()).unwrap(), step);
    }
}

#[test]
fn decisions_are_frozen_and_still_read() {
    let dot = Dot { journal: J, seq: Seq(300) };
    let all = [
        ("release", Verdict::Release { as_is: false }),
        ("release-as-is", Verdict::Release { as_is: true }),
        ("refuse", Verdict::Refuse { reason: Private(String::from("مكرر")) }),
    ];
    for (name, verdict) in all {
        let operator = Some(Private(String::from("hq-1")));
        let decision = Decision { dot, at: AT, operator, verdict };
        frozen(&alloc::format!("decision-{name}"), &decision.encode());
        assert_eq!(Decision::decode(&decision.encode()).unwrap(), decision);
    }
}

#[test]
fn messages_are_frozen_and_still_read() {
    let (frames, last) = journal();
    let start = Position::start(J);
    let (journals, clock) = (vec![(J, last)], AT);
    let cursor = Cursor { epoch: EPOCH, feed: FeedNo(70_000) };
    let (stable, version) = (Some(start), String::from("0.1.0"));
    let ack = Ack::new(EPOCH, J, last, stable, 1, &sign_key());
    let standing = Standing { journal: J, top: last, ladder: vec![last, start], stable };
    let messages = [
        (
            "hello",
            Message::Hello(Hello {
                journals,
                cursor: Some(cursor),
                acked: Some(Box::new(ack)),
                edition: 3,
                clock,
                backlog: 12,
                version,
            }),
        ),
        (
            "welcome",
            Message::Welcome(Welcome {
                epoch: EPOCH,
                journals: vec![standing],
                clock,
                credit_bytes: 1 << 20,
            }),
        ),
        ("entries", Message::Entries(Entries::new(J, start, frames, last, &sign_key()))),
        ("ack", Message::Ack(ack)),
        ("states", Message::States(States { states: vec![state()], upto: cursor })),
        ("states-ack", Message::StatesAck(StatesAck { upto: cursor })),
        (
            "report",
            Message::Report(Report { number: 5, clock, head: last, backlog: 1, records: 9 }),
        ),
        ("bye", Message::Bye(Bye { code: ByeCode::Busy, retry_after_ms: 30_000 })),
        ("level", Message::Level(Level { report: 5 })),
        ("edition", Message::Edition(Offer { bytes: signed_edition().encode() })),
        ("abort", Message::Abort(Abort::new(Serial(7), &sign_key()))),
        (
            "fetch",
            Message::Fetch(Fetch { journal: JournalId(7), after: Position::start(JournalId(7)) }),
        ),
        (
            "fetched",
            Message::Fetched(Fetched {
                journal: JournalId(7),
                after: Position::start(JournalId(7)),
                frames: vec![1, 2, 3],
            }),
        ),
        ("returned", Message::Returned(Returned { states: vec![state()], last: true })),
    ];
    messages.into_iter().for_each(frozen_message);
}

fn frozen_message((name, message): (&str, Message)) {
    let bytes = message.encode();
    frozen(name, &bytes);
    let mut assembler = Assembler::default();
    assembler.feed(&bytes);
    assert_eq!(assembler.next_message().unwrap(), Some(message));
}

#[test]
fn messages_of_audits_are_frozen_and_still_read() {
    let (number, records) = (1, vec![(RecordId([9; 16]), 7)]);
    let messages = [
        ("audit", Message::Audit(Audit { number })),
        ("buckets", Message::Buckets(Buckets { number, sums: vec![0, 7, u64::MAX] })),
        ("differing", Message::Differing(Differing { number, buckets: vec![1, 1023] })),
        ("listing", Message::Listing(Listing { number, records, last: true })),
    ];
    messages.into_iter().for_each(frozen_message);
}

#[test]
fn joining_is_frozen_and_still_read() {
    let token = JoinToken {
        office: office(),
        hq: TransportKey([6; 32]),
        endpoints: vec![String::from("hq.example:4433")],
        secret: [7; 16],
    };
    frozen("join-token", alloc::format!("{token}").as_bytes());
    let transport = TransportKey([8; 32]);
    let wrap_key = reader().wrap_key();
    let request = JoinRequest::new(&token, transport, &sign_key(), wrap_key, "0.1.0");
    frozen("join-request", &crate::codec::encode(&request));
    let file = JoinFile { transport, hq: token.hq, request };
    frozen("join-request-file", &file.encode());
    assert_eq!(JoinFile::decode(&file.encode()), Ok(file));
    let joined = Joined {
        office: office(),
        name_ar: String::from("النصر"),
        name_en: String::from("Al-Nasr"),
        epoch: EPOCH,
        hq_sign_key: sign_key().verify_key(),
        hq_wrap_key: wrap_key,
        trust: Trust::in_one(sign_key().verify_key()),
        clock: AT,
    };
    let file = answer_file(&joined, transport, &sign_key());
    frozen("join-answer-file", &file);
    let hq = TransportKey::of_ed25519(&sign_key().verify_key());
    assert_eq!(read_answer_file(&file, transport, hq), Ok(joined.clone()));
    for (name, answer) in [("joined", Ok(joined)), ("join-refused", Err(JoinRefusal::Expired))] {
        let bytes = encode_answer(&answer);
        frozen(name, &bytes);
        assert_eq!(decode_answer(&bytes).unwrap(), answer);
    }
}

#[test]
fn receipts_over_the_counter_are_frozen_and_still_read() {
    let (_, at) = journal();
    let receipt = Receipt { office: office(), journal: J, at };
    let text = alloc::format!("{receipt}");
    frozen("receipt", text.as_bytes());
    assert_eq!(text.parse(), Ok(receipt));
}

#[test]
fn bundles_are_frozen_and_still_read() {
    let cursor = Some(Cursor { epoch: EPOCH, feed: FeedNo(70_000) });
    let answers = Some(Answered { bundle: BundleId::of(&[9; 32]), cursor });
    let draws = [[5; 32], [6; 32], [7; 32]];
    let level = Message::Level(Level { report: 5 });
    for (name, answers) in [("bundle", None), ("bundle-reply", answers)] {
        let mut file = vec![];
        let from = (office(), answers);
        let begun = Writer::begin(from, reader().wrap_key(), &sign_key(), draws, &mut file);
        let (mut writer, id) = begun.unwrap();
        writer.put(&level, &mut file);
        writer.finish(&mut file);
        frozen(name, &file);
        let mut bundle = Reader::default();
        bundle.feed(&file);
        let signed = bundle.head().unwrap().unwrap();
        let head = bundle.open(signed, &sign_key().verify_key(), &reader()).unwrap();
        assert_eq!((head.id, head.answers), (id, answers));
        assert_eq!(bundle.next_message(), Ok(Some(level.clone())));
        assert_eq!(bundle.end(), Ok(()));
    }
}
