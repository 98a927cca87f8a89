//! Opening the entries of one message: what only costs time. No SQL, no waiting.

use std::cell::RefCell;
use std::ops::Range;

use wasl_protocol::edition::Step;
use wasl_protocol::entry::{Edit, Genesis, Inadmissible, Log};
use wasl_protocol::frame::{FORMAT, Frame, Kind};
use wasl_protocol::id::{Dot, JournalId, OfficeId, Position, RecordId};
use wasl_protocol::keys::{DataKey, UnwrapKey, VerifyKey};
use wasl_protocol::news::Held;
use wasl_protocol::pack::Unpacker;
use wasl_protocol::units::Seq;
use wasl_protocol::wire::Entries;

use super::append::AppendError;
use super::offices::Office;
use super::touched::Placed;

thread_local! {
    /// Costly to make: one for each thread that opens entries.
    static UNPACKER: RefCell<Unpacker> = RefCell::new(Unpacker::new());
}

/// One entry, opened as far as it goes.
pub(super) struct Item {
    /// The position after it.
    pub at: Position,
    /// Where its frame lies among the message's frames.
    pub frame: Range<usize>,
    /// What it says.
    pub says: Says,
}

/// What an entry says.
pub(super) enum Says {
    /// A journal is born.
    Genesis(Box<Genesis>),
    /// An edit that may be applied.
    Edit(Box<Placed>),
    /// A step of a config edition's way through the office.
    Config(Box<Step>),
    /// Nothing that this version applies.
    Held(Held, Option<RecordId>),
}

/// The new entries of one message whose signature and chain hold.
pub(super) struct Opened {
    /// The frames, as they came.
    pub frames: Vec<u8>,
    /// The last position of the message that lies within what HQ has.
    pub common: Position,
    /// The entries that HQ does not have.
    pub items: Vec<Item>,
    /// The journal's data key.
    pub key: DataKey,
}

/// Checks a message of `office`, signed by `signer`, and opens those of its entries that lie after
/// `have`. The data key comes from the message's Genesis where HQ has none.
pub(super) fn open(
    (office, signer): (&Office, VerifyKey),
    entries: Entries,
    have: Position,
    key: Option<DataKey>,
    unwrap: &UnwrapKey,
) -> Result<Opened, AppendError> {
    let fault =
        |what: &str, why: &dyn std::fmt::Display| AppendError::Fault(format!("{what}: {why}"));
    entries.verify(&signer).map_err(|e| fault("entries", &e))?;
    let walked = entries.walk().map_err(|e| fault("entries", &e))?;
    let journal = entries.journal;
    let mut common = entries.after;
    let mut key = key;
    let mut items = Vec::with_capacity(walked.len());
    let mut end = 0;
    for (frame, at) in walked {
        let range = end..end + frame.bytes().len();
        end = range.end;
        if at.seq <= have.seq {
            common = at;
            continue;
        }
        let says = if at.seq == Seq(1) {
            let genesis = genesis(&frame, office)?;
            let opened = genesis.data_key(journal, unwrap);
            key = Some(opened.map_err(|e| fault("the journal's data key", &e))?);
            Says::Genesis(Box::new(genesis))
        } else {
            let key = key.as_ref().ok_or_else(|| fault("entries", &"no Genesis before them"))?;
            says(&frame, at, journal, &office.id, key)
        };
        items.push(Item { at, frame: range, says });
    }
    let key = key.ok_or_else(|| fault("entries", &"a message without entries"))?;
    Ok(Opened { frames: entries.frames, common, items, key })
}

/// What a frame behind the first says.
fn says(frame: &Frame<'_>, at: Position, journal: JournalId, by: &OfficeId, key: &DataKey) -> Says {
    if frame.kind == Kind::CONFIG {
        return match step(frame, journal, key) {
            Ok(step) => Says::Config(Box::new(step)),
            Err(why) => Says::Held(why, None),
        };
    }
    match edit(frame, at, journal, by, key) {
        Ok(edit) => match admit(&edit) {
            Ok(()) => Says::Edit(Box::new(edit)),
            Err(why) => Says::Held(why, Some(edit.edit.record)),
        },
        Err(why) => Says::Held(why, None),
    }
}

fn step(frame: &Frame<'_>, journal: JournalId, key: &DataKey) -> Result<Step, Held> {
    let plain = UNPACKER.with_borrow_mut(|u| frame.open(journal, key, u));
    let plain = plain.map_err(|_| Held::Undecodable)?;
    Step::decode(&plain).map_err(|_| Held::Undecodable)
}

/// Opens the frame of an edit, or says why it cannot be read. What it says is not admitted yet.
pub(super) fn edit(
    frame: &Frame<'_>,
    at: Position,
    journal: JournalId,
    by: &OfficeId,
    key: &DataKey,
) -> Result<Placed, Held> {
    if frame.kind != Kind::EDIT {
        return Err(Held::UnknownKind);
    }
    let dot = Dot { journal, seq: at.seq };
    if frame.context.covers(dot) {
        return Err(Held::Undecodable);
    }
    let plain = UNPACKER.with_borrow_mut(|u| frame.open(journal, key, u));
    let plain = plain.map_err(|_| Held::Undecodable)?;
    let edit = Edit::decode(&plain).map_err(|_| Held::Undecodable)?;
    Ok(Placed { dot, tag: at.head.tag(), by: by.clone(), context: frame.context.clone(), edit })
}

/// May this edit be applied, by its form and its author?
pub(super) fn admit(edit: &Placed) -> Result<(), Held> {
    edit.edit.admit(&edit.by).map_err(|why| match why {
        Inadmissible::Undecodable => Held::Undecodable,
        Inadmissible::ForeignRecord => Held::OutOfScope,
        Inadmissible::NotTheOwner { .. } => Held::Unauthorised,
    })
}

fn genesis(frame: &Frame<'_>, office: &Office) -> Result<Genesis, AppendError> {
    let fault = |why: &str| AppendError::Fault(format!("the journal's Genesis: {why}"));
    let genesis = Genesis::read(frame).map_err(|_| fault("malformed"))?;
    if genesis.format != FORMAT {
        return Err(fault("a format that this version does not know"));
    }
    if genesis.log() != Some(Log::Journal) {
        return Err(fault("not of a journal"));
    }
    if genesis.office != office.id {
        return Err(fault("of another office"));
    }
    if genesis.sign_key != office.sign_key {
        return Err(fault("names another key than the office joined with"));
    }
    Ok(genesis)
}
