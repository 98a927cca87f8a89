//! Offices that are restored, or run twice: their journals end otherwise than at HQ, and are born
//! again. And an HQ that is restored.

use std::collections::BTreeMap;

use wasl_protocol::id::{Dot, Head, JournalId, Position, RecordId};
use wasl_protocol::rebirth::{Rebirth, reborn};
use wasl_protocol::units::Seq;

use crate::world::{Entry, Hq, Mistake, Office, World};

/// One journal of an office.
#[derive(Clone, Debug)]
pub struct Life {
    pub id: JournalId,
    pub written: Vec<Written>,
}

/// One entry of a journal; without an edit it is of another record, or the Genesis.
#[derive(Clone, Debug)]
pub struct Written {
    /// Stands for what the entry says.
    says: u64,
    pub entry: Option<Entry>,
}

impl Life {
    pub fn new(id: JournalId) -> Self {
        Self { id, written: vec![Written { says: id.0, entry: None }] }
    }

    pub fn next(&self) -> Dot {
        Dot { journal: self.id, seq: Seq(self.written.len() as u64 + 1) }
    }

    pub fn push(&mut self, says: u64, entry: Option<Entry>) {
        self.written.push(Written { says, entry });
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.written.iter().filter_map(|written| written.entry.as_ref())
    }
}

/// How many entries two copies of a journal have in common.
pub fn agreed(a: &[Written], b: &[Written]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a.says == b.says).count()
}

type Journals = BTreeMap<JournalId, Vec<Written>>;

impl Office {
    pub fn newest(&self) -> &Life {
        self.lives.last().unwrap()
    }

    pub fn newest_mut(&mut self) -> &mut Life {
        self.lives.last_mut().unwrap()
    }

    /// The first entry of this office that HQ has not, the oldest journal first.
    pub fn lacking(&self, hq: &Journals, mistake: Mistake) -> Option<(JournalId, Written)> {
        let newest = self.lives.len() - 1;
        let first = if mistake == Mistake::OnlyTheNewestJournalOffered { newest } else { 0 };
        self.lives[first..].iter().find_map(|life| {
            let known = hq.get(&life.id).map_or(0, Vec::len);
            Some((life.id, life.written.get(known)?.clone()))
        })
    }
}

/// A position in a journal, as far as these worlds tell one from another.
fn position(written: &[Written]) -> Position {
    let says: Vec<u8> = written.iter().flat_map(|w| w.says.to_le_bytes()).collect();
    Position { seq: Seq(written.len() as u64), head: head(&says) }
}

fn head(says: &[u8]) -> Head {
    let mut head = [0u8; 32];
    for (n, byte) in says.iter().enumerate() {
        head[n % 32] = head[n % 32].wrapping_mul(31).wrapping_add(*byte);
    }
    Head(head)
}

impl World {
    /// An entry of another record.
    pub fn write_elsewhere(&mut self, n: usize) {
        let says = u64::from(u32::MAX) + self.random.u64(1..u64::from(u32::MAX));
        self.offices[n].newest_mut().push(says, None);
    }

    /// The office finds out whether HQ has its journal as it has it; if not, that is born again.
    pub fn agree(&mut self, n: usize) {
        let life = self.offices[n].newest();
        let known = self.hq.journals.get(&life.id).map_or(&[][..], Vec::as_slice);
        let common = agreed(known, &life.written);
        if common < known.len() {
            self.bear(n, common);
        }
    }

    fn bear(&mut self, n: usize, common: usize) {
        assert!(common > 0, "a Genesis is what its id says");
        let diverging = self.offices[n].newest_mut().written.split_off(common);
        let old = self.offices[n].newest();
        let id = match diverging.first() {
            Some(first) if self.mistake != Mistake::RandomRebirthId => {
                reborn(old.id, position(&old.written), head(&first.says.to_le_bytes()))
            }
            _ => JournalId(self.random.u64(..)),
        };
        let mut rebirth = Rebirth::new(old.id, Seq(common as u64), id);
        let (mut life, old) = (Life::new(id), old.id);
        for (was, written) in (common as u64 + 1..).map(Seq).zip(diverging) {
            let entry = written.entry.map(|entry| {
                let mut context = rebirth.context(RecordId([0; 16]), was, &entry.context);
                match self.mistake {
                    Mistake::OriginalContexts => context = entry.context,
                    Mistake::ContextCutAtTheCommonPosition
                        if entry.context.up_to(old) > Seq(common as u64) =>
                    {
                        context.set(old, Seq(common as u64));
                    }
                    _ => {}
                }
                Entry { dot: life.next(), context, ..entry }
            });
            life.push(written.says, entry);
        }
        self.offices[n].lives.push(life);
        self.hq.news[n] = (id, true);
        self.offices[n].state = self.folded(n);
        self.agree(n);
    }

    /// The office is put back to its backup, if nothing is lost with that which HQ has not.
    pub fn restore(&mut self) {
        let Some((n, backup)) = self.office_backup.clone() else { return };
        if self.is_elsewhere(&self.offices[n], &backup) {
            self.put_back(n, backup);
        }
    }

    pub fn put_back(&mut self, n: usize, backup: Office) {
        self.hq.news[n] = (backup.newest().id, true);
        self.offices[n] = backup;
    }

    /// The backup of an office runs beside it.
    pub fn clone_office(&mut self) {
        if self.offices.len() < 5
            && let Some((n, backup)) = self.office_backup.clone()
        {
            self.hq.news.push((backup.newest().id, true));
            self.hq.sent.push(self.hq.sent[n].clone());
            self.offices.push(backup);
        }
    }

    /// Is all that `office` wrote in `backup` or at HQ?
    fn is_elsewhere(&self, office: &Office, backup: &Office) -> bool {
        office.lives.iter().all(|life| {
            let kept = backup.lives.iter().find(|kept| kept.id == life.id);
            let kept = kept.map_or(0, |kept| agreed(&kept.written, &life.written));
            let known = self.hq.journals.get(&life.id);
            let known = known.map_or(0, |known| agreed(known, &life.written));
            kept.max(known) == life.written.len()
        })
    }

    /// HQ is restored from its backup, if nothing of its own is lost with that. The offices send all
    /// they have again; one of them comes first, and staff do not wait for the others.
    pub fn roll_back(&mut self) {
        let Some(backup) = &self.backup else { return };
        let same = |a: &Hq, b: &Hq| (a.written, a.decisions) == (b.written, b.decisions);
        if same(backup, &self.hq) && self.offices_have_what_is_not_in(backup) {
            let sent = std::mem::take(&mut self.hq.sent);
            let news = self.hq.news.iter().map(|(writes, _)| (*writes, true)).collect();
            self.hq = Hq { sent, news, ..(**backup).clone() };
            let first = self.random.usize(..self.offices.len());
            self.give_all(first);
            self.release_as_is();
        }
    }

    /// HQ gets all that an office has and it has not.
    pub fn give_all(&mut self, n: usize) {
        self.agree(n);
        while self.offices[n].lacking(&self.hq.journals, self.mistake).is_some() {
            self.give(n, false);
        }
    }

    /// Is all that a roll-back of HQ to `backup` loses at some office?
    fn offices_have_what_is_not_in(&self, backup: &Hq) -> bool {
        self.hq.journals.iter().all(|(id, known)| {
            let lives = self.offices.iter().flat_map(|office| &office.lives);
            let same = lives.filter(|life| life.id == *id);
            let kept = same.map(|life| agreed(&life.written, known)).max();
            backup.journals.get(id).map_or(0, Vec::len).max(kept.unwrap_or(0)) == known.len()
        })
    }
}
