//! Folds what the view lacks: the rest of the inbox, then the rest of the journals. Two threads
//! open entries, segment by segment; this one folds them in order.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use wasl_protocol::id::Position;
use wasl_protocol::keys::DataKey;
use wasl_protocol::pack::Unpacker;
use wasl_protocol::units::Seq;

use super::EngineError;
use super::fold::{Undecided, decide, fold};
use super::item::{self, Item};
use super::replica::{Logs, Older};
use super::rows::Rows;
use crate::journal::{JournalError, Log};

/// How many threads open entries.
const OPENERS: usize = 2;

/// How many entries are handed over at once, and how many rows go into the view at once.
const BATCH: usize = 1000;

/// How many batches an opener may be ahead.
const AHEAD: usize = 4;

type Batch = Result<Vec<(Position, Item)>, JournalError>;

/// Folds everything that `rows` lacks; says how many of how many entries are done.
pub(super) fn replay(
    logs: &mut Logs,
    rows: &mut Rows,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, EngineError> {
    let meta = rows.meta();
    let of_inbox = logs.inbox.head().seq - meta.inbox.seq;
    // A view that has anything of the newest journal has all of those before it.
    let older = if meta.journal.seq == Seq(0) { &logs.older[..] } else { &[] };
    let of_older: u64 = older.iter().map(|older| older.end.seq.0).sum();
    let total = of_inbox + of_older + (logs.journal.head().seq - meta.journal.seq);
    let mut undecided = BTreeSet::new();
    let mut tally = |done: u64, left: Option<Undecided>| {
        undecided.extend(left);
        progress(done, total);
    };
    let (ours, office) = (logs.ours.clone(), logs.office.clone());
    let mut lacks = Vec::new();
    let inbox_gap = each(&logs.inbox, &logs.inbox_key, meta.inbox, &mut |i, at, item| {
        rows.inbox_folded(at);
        tally(i, fold(rows, &office, &ours, item)?);
        if rows.waiting() >= BATCH { rows.advance() } else { Ok(()) }
    })?;
    let mut done = of_inbox;
    for Older { log, key, end } in older {
        let gap = each(log, key, Position::start(log.id()), &mut |i, at, item| {
            if at.seq > end.seq {
                return Ok(()); // what diverged: it is written again in the next journal
            }
            tally(done + i, fold(rows, &office, &ours, item)?);
            if rows.waiting() >= BATCH { rows.advance() } else { Ok(()) }
        })?;
        lacks.extend(gap.filter(|gap| *gap < end.seq).map(|gap| (log.id(), gap)));
        done += end.seq.0;
    }
    let journal_gap = each(&logs.journal, &logs.journal_key, meta.journal, &mut |i, at, item| {
        rows.journal_folded(at);
        tally(done + i, fold(rows, &office, &ours, item)?);
        if rows.waiting() >= BATCH { rows.advance() } else { Ok(()) }
    })?;
    rows.inbox_folded(logs.inbox.head());
    rows.journal_folded(logs.journal.head());
    rows.inbox_lacks = inbox_gap.is_some();
    lacks.extend(journal_gap.map(|gap| (logs.journal.id(), gap)));
    rows.lacks_after = lacks;
    for left in undecided {
        decide(logs, rows, left)?;
    }
    rows.settle()?;
    Ok(total)
}

/// Calls `f` with each entry after `after`, in order, counted from 1. Entries that cannot be read
/// are passed over; answers the last one before the first of them, if there are any.
fn each(
    log: &Log,
    key: &DataKey,
    after: Position,
    f: &mut dyn FnMut(u64, Position, Item) -> Result<(), crate::view::ViewError>,
) -> Result<Option<Seq>, EngineError> {
    if after.seq >= log.head().seq {
        return Ok(None);
    }
    let first = log.segment_of(after.seq);
    let count = log.segments();
    let (mut last, mut gap) = (after, None);
    thread::scope(|scope| {
        let open = |nth: usize| {
            let (send, receive) = sync_channel(AHEAD);
            let segments = (first + nth..count).step_by(OPENERS);
            scope.spawn(move || open_segments(log, key, after, (segments, send)));
            receive
        };
        let openers: Vec<Receiver<Option<Batch>>> = (0..OPENERS).map(open).collect();
        for segment in first..count {
            let opener = &openers[(segment - first) % OPENERS];
            while let Some(batch) = opener.recv().ok().flatten() {
                for (at, item) in batch? {
                    f(at.seq - after.seq, at, item)?;
                    last = at;
                }
            }
            let end = log.end_of(segment);
            if last != end && end.seq >= after.seq {
                tracing::error!(seq = %last.seq.next(), until = %end.seq, "entries cannot be read");
                gap = gap.or(Some(last.seq));
                last = end;
            }
        }
        Ok::<(), EngineError>(())
    })?;
    Ok(gap)
}

/// Opens the entries of some segments, and hands them over; `None` after each segment.
fn open_segments(
    log: &Log,
    key: &DataKey,
    after: Position,
    (segments, send): (impl Iterator<Item = usize>, SyncSender<Option<Batch>>),
) {
    let mut unpacker = Unpacker::new();
    for segment in segments {
        let loaded = match log.load(segment) {
            Ok(loaded) => loaded,
            Err(e) => {
                let _ = send.send(Some(Err(e)));
                return;
            }
        };
        let mut steps = loaded.walk().skip_while(|step| step.after.seq <= after.seq).peekable();
        while steps.peek().is_some() {
            let open = |step| {
                let item = item::open(&step, log.id(), key, &mut unpacker);
                (step.after, item)
            };
            let batch: Vec<(Position, Item)> = steps.by_ref().take(BATCH).map(open).collect();
            if send.send(Some(Ok(batch))).is_err() {
                return;
            }
        }
        if send.send(None).is_err() {
            return;
        }
    }
}
