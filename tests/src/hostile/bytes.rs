//! What comes in as bytes or text: frames, messages, editions, tokens, bundles, enrollments.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use wasl_protocol::bundle::{BundleError, Reader};
use wasl_protocol::codec;
use wasl_protocol::edition::{
    AgentVersion, Checks, Edition, OfficeSettings, Serial, SignedEdition, Trust, check,
};
use wasl_protocol::entry::{Edit, Genesis};
use wasl_protocol::frame::Frame;
use wasl_protocol::id::{
    Dot, EpochId, FormNumber, GroupName, Head, JournalId, OfficeId, Position, RecordId,
};
use wasl_protocol::join::{JoinRequest, JoinToken, TransportKey, decode_answer, encode_answer};
use wasl_protocol::json::{self, Json};
use wasl_protocol::keys::{DataKey, SignKey, UnwrapKey};
use wasl_protocol::limits;
use wasl_protocol::pack::{Codec, Packer, Unpacker};
use wasl_protocol::receipt::Receipt;
use wasl_protocol::record::{Correction, Draft, Token};
use wasl_protocol::units::{Seq, UnixMs};
use wasl_protocol::wire::{Assembler, Message};

use super::{comes_back, state};

/// The journal that the golden frames are of, and the secrets of the golden files.
const JOURNAL: JournalId = JournalId(0x0102_0304_0506_0708);
const DATA_KEY: [u8; 32] = [3; 32];
const SIGN_KEY: [u8; 32] = [1; 32];
const WRAP_KEY: [u8; 32] = [2; 32];

/// When it is.
const NOW: UnixMs = UnixMs(1_452_585_600_000);

fn office() -> OfficeId {
    "nasr".parse().expect("an office's id")
}

/// A bundle that comes in two parts, wherever it is cut: sealed and signed with the keys of the
/// golden files, so that what is changed behind the seal is read too.
pub(super) fn bundle(bytes: &[u8]) {
    let whole = read_bundle(&[bytes]);
    for cut in [1, bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let (one, two) = bytes.split_at(cut.min(bytes.len()));
        assert!(read_bundle(&[one, two]) == whole, "cut at {cut} it is another");
    }
}

fn read_bundle(parts: &[&[u8]]) -> (Vec<Message>, Result<(), BundleError>) {
    let mut messages = Vec::new();
    let ended = try_read_bundle(parts, &mut messages);
    (messages, ended)
}

fn try_read_bundle(parts: &[&[u8]], read: &mut Vec<Message>) -> Result<(), BundleError> {
    let (mut reader, mut opened) = (Reader::default(), false);
    let (author, with) = (SignKey::from_secret(&SIGN_KEY), UnwrapKey::from_secret(&WRAP_KEY));
    for part in parts {
        reader.feed(part);
        if !opened && let Some(signed) = reader.head()? {
            reader.open(signed, &author.verify_key(), &with)?;
            opened = true;
        }
        while let Some(message) = reader.next_message()? {
            read.push(message);
        }
    }
    reader.end()
}

/// Frames, one behind the other: from the start of a journal, and from its very last number.
pub(super) fn frame(bytes: &[u8]) {
    let mut at = Position::start(JOURNAL);
    let mut rest = bytes;
    while let Ok(frame) = Frame::parse(rest) {
        one_frame(&frame, rest);
        let last = Position { seq: Seq(u64::MAX), head: at.head };
        assert!(frame.follow(&last).is_err(), "it continues a log behind its last number");
        at = frame.follow(&at).unwrap_or(at);
        rest = &rest[frame.bytes().len()..];
    }
    unpacked(bytes);
}

fn one_frame(frame: &Frame<'_>, from: &[u8]) {
    let bytes = frame.bytes();
    assert!(bytes.len() <= limits::FRAME_BYTES && from.starts_with(bytes));
    assert_eq!(Frame::length(from), Ok(bytes.len()));
    assert!(Frame::parse(bytes).as_ref() == Ok(frame), "what follows a frame does not matter");
    comes_back!(&frame.context, wasl_protocol::record::VersionVector, bytes.len());
    if let Ok(plain) = frame.open(JOURNAL, &DataKey::new(DATA_KEY), &mut Unpacker::new()) {
        assert!(plain.len() <= limits::PLAIN_BYTES);
    }
    if let Ok(genesis) = Genesis::read(frame) {
        comes_back!(&genesis, Genesis, frame.body.len());
        // Opened or not: no panic.
        let _ = genesis.data_key(JOURNAL, &UnwrapKey::from_secret(&WRAP_KEY));
    }
}

/// What a seal that holds may have in it: anybody with the key can pack anything.
fn unpacked(bytes: &[u8]) {
    for codec in [Codec::Plain, Codec::ZstdDict1] {
        let Ok(plain) = Unpacker::new().unpack(codec, bytes.to_vec()) else { continue };
        assert!(plain.len() <= limits::PLAIN_BYTES.max(bytes.len()), "a bomb went off");
        let (how, packed) = Packer::new().pack(&plain);
        let again = Unpacker::new().unpack(how, packed);
        assert!(again.as_ref() == Ok(&plain), "packed again, it is something else");
        state::says(&plain);
    }
}

/// A stream of messages, whole and in pieces.
pub(super) fn message(bytes: &[u8]) {
    let whole = assembled(bytes, bytes.len().max(1));
    let piece = 1 + bytes.first().map_or(0, |first| usize::from(first % 64));
    assert!(assembled(bytes, piece) == whole, "pieces say what the whole says");
    for message in &whole.0 {
        let sent = message.encode();
        let (again, broken) = assembled(&sent, sent.len());
        assert!(again[..] == [message.clone()] && !broken, "sent again, it is another message");
        inside(message);
    }
}

/// The messages in a stream that arrives in pieces, and whether it broke the protocol.
fn assembled(bytes: &[u8], piece: usize) -> (Vec<Message>, bool) {
    let (mut assembler, mut messages) = (Assembler::default(), Vec::new());
    for part in bytes.chunks(piece) {
        assembler.feed(part);
        loop {
            match assembler.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

fn inside(message: &Message) {
    let key = SignKey::from_secret(&SIGN_KEY).verify_key();
    match message {
        Message::Entries(entries) => {
            // Signed or not: what is walked is a chain.
            let _ = entries.verify(&key);
            if let Ok(walked) = entries.walk() {
                let frames = walked.iter().map(|(frame, _)| frame.bytes().len()).sum::<usize>();
                assert_eq!(frames, entries.frames.len(), "every byte is of a frame");
                assert_eq!(walked.last().map_or(entries.after, |(_, at)| *at), entries.last);
            }
        }
        Message::States(states) => states.states.iter().for_each(state::news),
        Message::Ack(ack) => {
            let _ = ack.verify(&key);
        }
        Message::Edition(offer) => edition(&offer.bytes),
        _ => {}
    }
}

/// An edition's file, an edition as somebody with the key may write it, and settings.
pub(super) fn edition(bytes: &[u8]) {
    let key = SignKey::from_secret(&SIGN_KEY);
    let trust = Trust::in_one(key.verify_key());
    if let Ok(signed) = SignedEdition::decode(bytes) {
        let again = signed.encode();
        assert!(again.len() <= bytes.len());
        assert!(SignedEdition::decode(&again).as_ref() == Ok(&signed), "it is another edition");
        assert!(checked(&signed, &trust).is_none() || signed.is_signed(&trust));
        if let Ok(Some(edition)) = signed.edition() {
            checked(&SignedEdition::sign(&edition, &key), &trust);
        }
    }
    if let Ok(edition) = codec::decode::<Edition>(bytes) {
        comes_back!(&edition, Edition, bytes.len());
        checked(&SignedEdition::sign(&edition, &key), &trust);
    }
    if let Ok(node) = json::parse(bytes) {
        settings(&Json::of(&node));
    }
}

/// What an office would take over from it.
fn checked(signed: &SignedEdition, trust: &Trust) -> Option<OfficeSettings> {
    let office = office();
    let (floor, agent) = (Serial(3), AgentVersion(0, 1, 0));
    let checks = Checks { trust, office: &office, floor, agent, now: Some(NOW) };
    let (edition, settings) = check(signed, &checks).ok()?;
    assert!(edition.serial > floor && edition.scope.covers(&office) && edition.not_after >= NOW);
    assert!(settings.check().is_ok(), "settings in force are allowed settings");
    self::settings(&edition.settings);
    Some(settings)
}

fn settings(json: &Json) {
    if let Ok(settings) = OfficeSettings::read(json) {
        let again = OfficeSettings::read(&settings.to_json());
        assert!(again.as_ref() == Ok(&settings), "shown and read again, they are others");
        assert_eq!(again.is_ok_and(|again| again.check().is_ok()), settings.check().is_ok());
    }
}

/// Text that people paste and programs send back, and the one message of a stranger.
pub(super) fn token(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(token) = text.parse::<JoinToken>() {
            assert!(token.to_string().parse::<JoinToken>().is_ok_and(|again| again == token));
        }
        as_text::<Token>(text);
        as_text::<Receipt>(text);
        as_text::<Dot>(text);
        as_text::<Head>(text);
        as_text::<JournalId>(text);
        as_text::<EpochId>(text);
        as_text::<RecordId>(text);
        as_text::<OfficeId>(text);
        as_text::<FormNumber>(text);
        as_text::<GroupName>(text);
        as_text::<AgentVersion>(text);
    }
    // Past the check digits: whoever makes a token makes these too.
    if let Ok(token) = codec::decode::<JoinToken>(bytes) {
        assert!(token.to_string().parse::<JoinToken>().is_ok_and(|again| again == token));
    }
    if let Ok(request) = codec::decode::<JoinRequest>(bytes) {
        comes_back!(&request, JoinRequest, bytes.len());
        assert!(request.verify(TransportKey([9; 32])).is_err(), "proved with another key");
    }
    if let Ok(answer) = decode_answer(bytes) {
        assert!(decode_answer(&encode_answer(&answer)) == Ok(answer));
    }
}

/// A value that is read from text is printed as text that says the same.
fn as_text<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        assert!(printed.parse::<T>().is_ok_and(|again| again == value), "printed, it is another");
        assert!(!printed.chars().any(char::is_control), "it plays with the terminal");
    }
}

/// What an operator, a workstation or a stranger on the socket posts.
pub(super) fn enrollment(bytes: &[u8]) {
    let by = office();
    if let Ok(draft) = Draft::parse(bytes) {
        assert!(bytes.len() <= limits::POSTED_BYTES);
        assert_eq!(Draft::parse(bytes).map(|again| again.digest()), Ok(draft.digest()));
        let form = draft.form_number.clone();
        let edit = draft.into_edit(&by, NOW);
        assert_eq!(edit.record, RecordId::of(&by, &form));
        admissible(&edit, &by);
    }
    for by in [by, OfficeId::hq()] {
        if let Ok(Correction { groups, operator }) = Correction::parse(bytes, &by) {
            let record = RecordId([7; 16]);
            admissible(&Edit { record, at: NOW, operator, opening: None, groups }, &by);
        }
    }
}

/// What the door lets in, HQ takes: an answered enrollment is never held for what it says.
fn admissible(edit: &Edit, by: &OfficeId) {
    assert_eq!(edit.admit(by), Ok(()), "let in at the office, held at HQ");
    let plain = edit.encode();
    assert!(plain.len() <= limits::PLAIN_BYTES, "longer than an entry can be");
    assert!(Edit::decode(&plain).as_ref() == Ok(edit), "journalled, it is another edit");
    for json in edit.groups.values() {
        let node = json::parse(json.as_str().as_bytes()).expect("what is stored is JSON");
        assert!(Json::of(&node) == *json, "a stored value is canonical");
    }
}
