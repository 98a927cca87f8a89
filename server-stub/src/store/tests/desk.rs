//! An office with one record, folded by the same rules as the real office's.

use wasl_protocol::news::{Fate, News, Says};
use wasl_protocol::record::{Origin, RecordState, Value};
use wasl_protocol::units::FeedNo;

use super::*;

const PLENTY: usize = 1 << 20;

/// An office, its journal, and its replica of the record that the test is about.
pub(super) struct Desk {
    pub office: Office,
    pub pen: Pen,
    pub state: RecordState<Value>,
    cursor: FeedNo,
}

impl Desk {
    /// An office that knows nothing of the record `form` of `owner`.
    pub async fn join(hq: &Hq, id: &str, owner: &str, form: &str) -> Self {
        let (office, pen) = hq.join(id).await;
        let (owner, form_number) = (owner.parse().unwrap(), form.parse().unwrap());
        let state = RecordState::new(Origin { office: owner, form_number });
        Self { office, pen, state, cursor: FeedNo(0) }
    }

    /// An office that opened the record, and HQ knows.
    pub async fn open(hq: &Hq, id: &str, form: &str) -> Self {
        let mut desk = Self::join(hq, id, id, form).await;
        desk.put(&desk.pen.opening(form));
        desk.send(hq).await;
        desk
    }

    pub fn record(&self) -> RecordId {
        self.state.origin.id()
    }

    /// Writes an edit that saw all that this office has of the record; its dot.
    pub fn put(&mut self, edit: &Edit) -> Dot {
        let seen = self.state.seen.clone();
        let dot = self.pen.put(edit, seen.dots());
        let value = |(group, json): (GroupName, Json)| {
            let (by, at, operator) = (self.office.id.clone(), edit.at, edit.operator.clone());
            (group, Value { json, by, at, operator, tag: self.pen.at.head.tag() })
        };
        let posted = edit.opening.as_ref().map(|opening| opening.posted);
        self.state.apply(dot, &seen, posted, edit.groups.clone().into_iter().map(value));
        dot
    }

    /// Writes `text` into a group; the dot.
    pub fn set(&mut self, group: &str, text: &str) -> Dot {
        self.put(&edit(self.record(), group, text))
    }

    /// Sends what it has written; how many of its entries are held.
    pub async fn send(&mut self, hq: &Hq) -> u64 {
        self.pen.send(hq, &self.office).await.unwrap().held
    }

    /// Takes what HQ has for it.
    pub async fn take(&mut self, hq: &Hq) -> Vec<News> {
        let own = [self.pen.journal];
        let run = hq.store.feed(&self.office.id, &own, self.cursor, PLENTY).await.unwrap();
        self.cursor = run.upto;
        for news in &run.news {
            if let Says::State(state) = &news.says
                && state.origin == self.state.origin
            {
                self.state.merge(state);
            }
        }
        run.news
    }

    /// What it is told of its entries.
    pub async fn fates(&mut self, hq: &Hq) -> Vec<Fate> {
        let fate =
            |news| if let News { says: Says::Fate(fate), .. } = news { Some(fate) } else { None };
        self.take(hq).await.into_iter().filter_map(fate).collect()
    }

    /// What stands in a group here.
    pub fn texts(&self, group: &str) -> Vec<String> {
        texts(&self.state, group)
    }
}

/// What stands in a group of a state, in order.
pub(super) fn texts(state: &RecordState<Value>, group: &str) -> Vec<String> {
    let values = state.groups.get(&group.parse::<GroupName>().unwrap());
    let text = |value: &Value| {
        let json = value.json.to_value().unwrap();
        json["given_name"].as_str().unwrap().to_owned()
    };
    let mut texts: Vec<_> = values.into_iter().flat_map(|v| v.values().map(text)).collect();
    texts.sort();
    texts
}
