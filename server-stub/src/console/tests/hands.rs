//! One record in several hands: the routes over what two offices wrote.

use wasl_protocol::entry::{Edit, Genesis, Log, Opening};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{Dot, JournalId, Position, RecordId};
use wasl_protocol::json::{self as text, Json};
use wasl_protocol::keys::DataKey;
use wasl_protocol::pack::Packer;
use wasl_protocol::record::VersionVector;
use wasl_protocol::wire::Entries;

use super::*;
use crate::store::Office;

/// An HQ, the office nasr, which has opened one record, and the office rifai.
struct Desk {
    console: Console,
    office: Pen,
    other: Pen,
    record: RecordId,
    opened: Dot,
    _dir: TempDir,
}

/// Writes an office's journal, and sends each entry.
struct Pen {
    office: Office,
    sign: SignKey,
    journal: JournalId,
    key: DataKey,
    at: Position,
}

impl Pen {
    async fn join(console: &Console, keys: &HqKeys, id: &str) -> Self {
        let (_, added) = post(console, "/v1/offices", json!({"id": id})).await;
        let token: JoinToken = added["token"].as_str().unwrap().parse().unwrap();
        let seed = *blake3::hash(id.as_bytes()).as_bytes();
        let (sign, transport) = (SignKey::from_secret(&seed), TransportKey(seed));
        let wrap = UnwrapKey::from_secret(&seed).wrap_key();
        let request = JoinRequest::new(&token, transport, &sign, wrap, "0.1.0");
        let now = console.world.clock.unix();
        let office = console.store.join(&request, transport, now).await.unwrap().unwrap();
        let journal = JournalId(u64::from(seed[0]) + 1);
        let (key, at) = (DataKey::new(seed), Position::start(journal));
        let readers = [(keys.unwrap_key().wrap_key(), [3; 32])];
        let (log, by, verify) = (Log::Journal, office.id.clone(), sign.verify_key());
        let genesis = Genesis::new(log, by, UnixMs(0), verify, (&key, journal), &readers).unwrap();
        let mut frames = Vec::new();
        let to = genesis.link(journal, &mut frames);
        let mut pen = Self { office, sign, journal, key, at };
        pen.send(console, frames, to).await;
        pen
    }

    async fn send(&mut self, console: &Console, frames: Vec<u8>, to: Position) {
        let entries = Entries::new(self.journal, self.at, frames, to, &self.sign);
        console.store.append(&self.office, entries).await.unwrap();
        self.at = to;
    }

    /// Writes an edit that saw these dots; its own.
    async fn put(&mut self, console: &Console, edit: &Edit, saw: &[Dot]) -> Dot {
        let (plain, mut packer) = (edit.encode(), Packer::new());
        let sealed = Sealed::new(self.journal, Kind::EDIT, &plain, &self.key, &mut packer, [4; 32]);
        let mut frames = Vec::new();
        let saw = VersionVector::of(saw.iter().copied());
        let to = sealed.link(&self.at, &saw, &mut frames);
        self.send(console, frames, to).await;
        Dot { journal: self.journal, seq: to.seq }
    }
}

/// An edit of one group.
fn edit(record: RecordId, group: &str, value: &Value) -> Edit {
    let value = Json::of(&text::parse(value.to_string().as_bytes()).unwrap());
    let operator = Some(Private("زينب".to_owned()));
    let groups = [(group.parse().unwrap(), value)].into();
    Edit { record, at: UnixMs(5), operator, opening: None, groups }
}

impl Desk {
    async fn new() -> Self {
        let (console, keys, dir) = console_and_keys(true).await;
        let mut office = Pen::join(&console, &keys, "nasr").await;
        let other = Pen::join(&console, &keys, "rifai").await;
        let (record, opened) = enroll(&console, &mut office, "f-1").await;
        Self { console, office, other, record, opened, _dir: dir }
    }

    fn path(&self) -> String {
        format!("/v1/records/{}", self.record)
    }

    async fn record(&self) -> Value {
        get(&self.console, &self.path()).await.1
    }

    /// What the office writes, having seen no more than its own first entry.
    async fn office_writes(&mut self, group: &str, value: &Value) -> Dot {
        let (edit, saw) = (edit(self.record, group, value), [self.opened]);
        self.office.put(&self.console, &edit, &saw).await
    }

    /// What HQ writes, of a record read when it had this token.
    async fn patch(&self, token: &str, groups: Value) -> (StatusCode, Value) {
        let request = Request::patch(self.path()).header("if-match", token);
        let body = json!({"groups": groups, "operator": "clerk-2"});
        ask(&self.console, request, &body).await
    }

    async fn token(&self) -> String {
        self.record().await["token"].as_str().unwrap().to_owned()
    }

    /// The phone, written by HQ and by the office, neither knowing of the other: the office's dot.
    async fn conflict(&mut self) -> Dot {
        let (status, _) = self.patch(&self.token().await, json!({"contact": {"phone": "2"}})).await;
        assert_eq!(status, StatusCode::OK);
        self.office_writes("contact", &json!({"phone": "1"})).await
    }

    /// A face that the office took, and another that rifai took at the same time.
    async fn two_faces(&mut self) -> Dot {
        let granted = self.post("grants", json!({"office": "rifai"})).await;
        assert_eq!(granted.0, StatusCode::OK);
        let (face, saw) = (edit(self.record, "face", &json!({"quality": 61})), [self.opened]);
        self.other.put(&self.console, &face, &saw).await;
        self.office_writes("face", &json!({"quality": 88})).await
    }

    /// A number that the office gave the record, and an edit of another group after it.
    async fn overstep(&mut self) -> (Dot, Dot) {
        let number = edit(self.record, "national_number", &json!({"value": 666}));
        let first = self.office.put(&self.console, &number, &[self.opened]).await;
        let then = edit(self.record, "address", &json!({"house": "3"}));
        (first, self.office.put(&self.console, &then, &[first]).await)
    }

    async fn post(&self, deed: &str, body: Value) -> (StatusCode, Value) {
        post(&self.console, &format!("{}/{deed}", self.path()), body).await
    }

    async fn decide(&self, dot: Dot, deed: &str, body: Value) -> (StatusCode, Value) {
        post(&self.console, &format!("/v1/held/{dot}/{deed}"), body).await
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        get(&self.console, path).await.1["items"].as_array().unwrap().clone()
    }

    async fn warnings(&self) -> Vec<Value> {
        get(&self.console, "/v1/status").await.1["warnings"].as_array().unwrap().clone()
    }
}

/// A record that an office opens; the dot that opened it.
async fn enroll(console: &Console, office: &mut Pen, form: &str) -> (RecordId, Dot) {
    let record = RecordId::of(&office.office.id, &form.parse().unwrap());
    let opening = Some(Opening { form_number: form.parse().unwrap(), posted: [1; 16] });
    let first = edit(record, "contact", &json!({"phone": "0"}));
    let dot = office.put(console, &Edit { opening, ..first }, &[]).await;
    (record, dot)
}

fn code(answer: &(StatusCode, Value)) -> (u16, &str) {
    (answer.0.as_u16(), answer.1["code"].as_str().unwrap_or("-"))
}

#[tokio::test]
async fn an_edit_replaces_only_what_its_caller_has_read() {
    let mut desk = Desk::new().await;
    let stale = desk.token().await;
    desk.office_writes("contact", &json!({"phone": "1"})).await;
    let before = desk.record().await;
    let refused = desk.patch(&stale, json!({"contact": {"phone": "2"}})).await;
    assert_eq!(code(&refused), (412, "stale"));
    assert!(refused.1["help"].as_str().unwrap().contains("record get"));
    assert_eq!(desk.record().await, before);
    let other = desk.patch(&stale, json!({"address": {"house": "3"}})).await;
    assert_eq!(other.0, StatusCode::OK, "nobody wrote the address meanwhile");
    let quoted = format!("\"{}\"", desk.token().await);
    let (status, record) = desk.patch(&quoted, json!({"contact": {"phone": "2"}})).await;
    assert_eq!(
        (status, &record["groups"]["contact"]["value"]["phone"]),
        (StatusCode::OK, &json!("2"))
    );
    assert_eq!(record, desk.record().await);
}

#[tokio::test]
async fn an_edit_that_makes_no_sense_is_refused_and_changes_nothing() {
    let desk = Desk::new().await;
    let (before, token) = (desk.record().await, desk.token().await);
    let groups = json!({"groups": {"contact": {"phone": "2"}}});
    let blind = ask(&desk.console, Request::patch(desk.path()), &groups).await;
    assert_eq!(code(&blind), (428, "no-if-match"));
    for (token, groups, want) in [
        ("xyz", json!({"contact": {}}), (400, "bad-request")),
        (&token, json!({}), (400, "bad-request")),
        (&token, json!({"contact": []}), (400, "bad-request")),
        (&token, json!({"grants": {"offices": []}}), (400, "bad-request")),
        (&token, json!({"void": {"why": ""}}), (400, "bad-request")),
        (&token, json!({"face": {"quality": 1}}), (403, "not-your-group")),
        (&token, json!({"notes": "x".repeat(limits::POSTED_BYTES)}), (413, "too-long")),
    ] {
        assert_eq!(code(&desk.patch(token, groups).await), want);
    }
    let nobodys = format!("/v1/records/{}", "0".repeat(32));
    let unknown = ask(&desk.console, Request::patch(nobodys).header("if-match", &token), &groups);
    assert_eq!(code(&unknown.await), (404, "not-found"));
    assert_eq!(desk.record().await, before);
    let long = "x".repeat(limits::POSTED_BYTES / 2);
    let (status, _) = desk.patch(&token, json!({"notes": long})).await;
    assert_eq!(status, StatusCode::OK, "a record is longer than what else is asked");
}

#[tokio::test]
async fn a_conflict_is_listed_with_both_values_until_one_edit_ends_it() {
    let mut desk = Desk::new().await;
    assert!(desk.items("/v1/conflicts").await.is_empty());
    let dot = desk.conflict().await;
    let listed = desk.items("/v1/conflicts").await;
    let contact = &listed[0]["groups"]["contact"];
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &json!(desk.record)));
    assert_eq!(contact["differs"], json!(["phone"]));
    let siblings = contact["siblings"].as_array().unwrap();
    let of = |office: &str| siblings.iter().find(|s| s["office"] == office).unwrap();
    assert_eq!((&of("nasr")["dot"], &of("nasr")["operator"]), (&json!(dot), &json!("زينب")));
    assert_eq!(
        (&of("hq")["value"]["phone"], &of("hq")["operator"]),
        (&json!("2"), &json!("clerk-2"))
    );
    let warnings = desk.warnings().await;
    assert_eq!(
        (&warnings[0]["code"], &warnings[0]["severity"]),
        (&json!("conflicts"), &json!("info"))
    );
    let chosen = of("nasr")["value"].clone();
    let (_, ended) = desk.patch(&desk.token().await, json!({"contact": chosen})).await;
    assert_eq!(
        (&ended["conflict"], &ended["groups"]["contact"]["value"]["phone"]),
        (&json!(false), &json!("1"))
    );
    assert!(desk.items("/v1/conflicts").await.is_empty() && desk.warnings().await.is_empty());
}

#[tokio::test]
async fn headquarters_chooses_a_face_and_writes_none() {
    let mut desk = Desk::new().await;
    desk.two_faces().await;
    let token = desk.token().await;
    let third = desk.patch(&token, json!({"face": {"quality": 99}})).await;
    assert_eq!(code(&third), (403, "not-your-group"));
    assert!(third.1["detail"].as_str().unwrap().contains("headquarters may only choose"));
    let (status, record) = desk.patch(&token, json!({"face": {"quality": 88}})).await;
    assert_eq!((status, &record["conflict"]), (StatusCode::OK, &json!(false)));
    assert_eq!(record["groups"]["face"]["value"]["quality"], 88);
}

#[tokio::test]
async fn the_list_of_conflicts_and_of_held_entries_comes_in_pages() {
    let mut desk = Desk::new().await;
    desk.conflict().await;
    desk.overstep().await;
    for list in ["/v1/conflicts", "/v1/held"] {
        let whole = desk.items(list).await;
        let (mut walked, mut next) = (Vec::new(), Value::Null);
        loop {
            let after = next.as_str().map(|id| format!("&after={id}")).unwrap_or_default();
            let (_, page) = get(&desk.console, &format!("{list}?limit=1{after}")).await;
            walked.extend(page["items"].as_array().unwrap().iter().cloned());
            next = page["next"].clone();
            if next.is_null() {
                break;
            }
        }
        assert_eq!(walked, whole, "{list}");
        let strange = get(&desk.console, &format!("{list}?page=2")).await;
        assert_eq!(code(&strange), (400, "bad-request"));
    }
}

#[tokio::test]
async fn a_grant_is_shown_in_the_record_and_ends() {
    let desk = Desk::new().await;
    let grant = |body| desk.post("grants", body);
    let (status, record) = grant(json!({"office": "rifai", "operator": "clerk-2"})).await;
    assert_eq!(
        (status, &record["groups"]["grants"]["value"]),
        (StatusCode::OK, &json!({"offices": ["rifai"]}))
    );
    assert_eq!(code(&grant(json!({"office": "batha"})).await), (404, "not-found"));
    for bad in [
        json!({}),
        json!({"office": "rifai", "for": 3}),
        json!({"office": "rifai", "operator": "a\u{202e}"}),
    ] {
        let refused = grant(bad).await;
        assert!(refused.0.is_client_error(), "{refused:?}");
    }
    let (_, record) = grant(json!({"office": "rifai", "end": true})).await;
    assert_eq!(record["groups"]["grants"]["value"], json!({"offices": []}));
}

#[tokio::test]
async fn the_history_tells_of_every_edit_and_of_those_that_do_not_count() {
    let mut desk = Desk::new().await;
    let (number, _) = desk.overstep().await;
    desk.patch(&desk.token().await, json!({"contact": {"phone": "2"}})).await;
    let (_, history) = get(&desk.console, &format!("{}/history", desk.path())).await;
    assert_eq!(
        (&history["schema"], &history["form_number"]),
        (&json!("wasl.history/1"), &json!("f-1"))
    );
    let items = history["items"].as_array().unwrap();
    let told: Vec<_> = items
        .iter()
        .map(|i| (i["office"].as_str().unwrap(), i["counts"].as_str().unwrap()))
        .collect();
    let counted = |of: (&str, &str)| told.iter().filter(|t| **t == of).count();
    assert_eq!(
        (counted(("nasr", "applied")), counted(("nasr", "held")), counted(("hq", "applied"))),
        (1, 2, 1)
    );
    let hqs = items.iter().find(|i| i["office"] == "hq").unwrap();
    assert_eq!((&hqs["operator"], &hqs["changed"]), (&json!("clerk-2"), &json!(["contact.phone"])));
    desk.decide(number, "refuse", json!({"reason": "no"})).await;
    let (_, history) = get(&desk.console, &format!("{}/history", desk.path())).await;
    let refused = history["items"].as_array().unwrap().iter().find(|i| i["dot"] == json!(number));
    assert_eq!(refused.unwrap()["counts"], "refused");
    let nobodys = format!("/v1/records/{}/history", "0".repeat(32));
    assert_eq!(get(&desk.console, &nobodys).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_overstep_is_held_beside_the_record_alarmed_and_refused() {
    let mut desk = Desk::new().await;
    desk.patch(&desk.token().await, json!({"national_number": {"value": 1}})).await;
    let (first, then) = desk.overstep().await;
    let held = desk.items("/v1/held").await;
    let facts: Vec<_> = held.iter().map(|i| (&i["dot"], &i["reason"], &i["waits_for"])).collect();
    let (waits, none) = (json!("waits"), Value::Null);
    assert_eq!(
        facts,
        [(&json!(first), &json!("unauthorised"), &none), (&json!(then), &waits, &json!(first))]
    );
    assert_eq!(
        (&held[0]["office"], &held[0]["groups"]),
        (&json!("nasr"), &json!(["national_number"]))
    );
    let warnings = desk.warnings().await;
    assert_eq!(
        (&warnings[0]["code"], &warnings[0]["severity"]),
        (&json!("held-unauthorised"), &json!("crit"))
    );
    assert!(warnings[0]["text"].as_str().unwrap().contains("by nasr"));
    assert_eq!((&warnings[1]["code"], &warnings[1]["severity"]), (&json!("held"), &json!("warn")));

    let (_, shown) = get(&desk.console, &format!("/v1/held/{first}")).await;
    let beside = &shown["says"]["national_number"];
    assert_eq!(
        (&beside["held"]["value"]["value"], &beside["now"][0]["value"]["value"]),
        (&json!(666), &json!(1))
    );
    assert_eq!(
        (&beside["held"]["office"], &beside["now"][0]["office"]),
        (&json!("nasr"), &json!("hq"))
    );

    let early = desk.decide(then, "refuse", json!({"reason": "no"})).await;
    assert_eq!(early.0, StatusCode::CONFLICT);
    assert!(early.1["detail"].as_str().unwrap().contains(&first.to_string()), "{}", early.1);
    for bad in [
        json!({}),
        json!({"reason": " "}),
        json!({"reason": "x".repeat(2000)}),
        json!({"reason": "a\u{202e}"}),
    ] {
        assert!(desk.decide(first, "refuse", bad).await.0.is_client_error());
    }
    let body = json!({"reason": "offices give no numbers", "operator": "judge-1"});
    let (status, refused) = desk.decide(first, "refuse", body).await;
    let verdict = json!({"what": "refused", "reason": "offices give no numbers"});
    assert_eq!((status, &refused["verdict"]), (StatusCode::OK, &verdict));
    assert!(desk.items("/v1/held").await.is_empty(), "what waited for it follows");
    let record = desk.record().await;
    assert_eq!(record["groups"]["national_number"]["value"]["value"], 1);
    assert_eq!(record["groups"]["address"]["value"]["house"], "3");
    assert!(desk.warnings().await.is_empty());
    let again = desk.decide(first, "release", json!({})).await;
    assert_eq!(code(&again), (409, "decided"));
}

#[tokio::test]
async fn an_entry_is_released_and_one_that_waits_only_as_it_is() {
    let mut desk = Desk::new().await;
    let (first, then) = desk.overstep().await;
    let (status, released) = desk.decide(first, "release", json!({"operator": "judge-1"})).await;
    assert_eq!(
        (status, &released["verdict"]),
        (StatusCode::OK, &json!({"what": "released", "as_is": false}))
    );
    assert_eq!(desk.record().await["groups"]["national_number"]["value"]["value"], 666);
    assert!(desk.items("/v1/held").await.is_empty(), "what waited for it follows");
    let followed = desk.decide(then, "refuse", json!({"reason": "no"})).await;
    println!("{followed:?}");
    assert_eq!(followed.0, StatusCode::CONFLICT);

    let missing = Dot { journal: desk.other.journal, seq: wasl_protocol::units::Seq(99) };
    let edit = edit(desk.record, "contact", &json!({"phone": "3"}));
    let waits = desk.office.put(&desk.console, &edit, &[desk.opened, missing]).await;
    let refused = desk.decide(waits, "release", json!({})).await;
    assert_eq!(code(&refused), (409, "waits"));
    assert!(refused.1["help"].as_str().unwrap().contains("--as-is"), "{}", refused.1);
    let (status, _) = desk.decide(waits, "release", json!({"as_is": true})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(desk.record().await["groups"]["contact"]["value"]["phone"], "3");
}

#[tokio::test]
async fn what_was_never_held_cannot_be_shown_nor_decided() {
    let desk = Desk::new().await;
    for path in [format!("/v1/held/{}", desk.opened), "/v1/held/00000000000000aa:3".to_owned()] {
        let shown = get(&desk.console, &path).await;
        assert_eq!(code(&shown), (404, "not-found"));
        let released = post(&desk.console, &format!("{path}/release"), json!({})).await;
        assert_eq!(code(&released), (404, "not-found"));
    }
    assert_eq!(code(&get(&desk.console, "/v1/held/3").await), (400, "bad-request"));
}

#[tokio::test]
async fn a_stopped_hq_shows_conflicts_and_held_entries_and_decides_nothing() {
    let mut desk = Desk::new().await;
    desk.conflict().await;
    let (first, _) = desk.overstep().await;
    let before = (desk.record().await, desk.items("/v1/held").await.len());
    desk.console.live = None;
    let patched = desk.patch(&desk.token().await, json!({"contact": {"phone": "1"}})).await;
    let refusals = [
        patched,
        desk.post("grants", json!({"office": "rifai"})).await,
        desk.decide(first, "release", json!({})).await,
        desk.decide(first, "refuse", json!({"reason": "no"})).await,
    ];
    assert!(refusals.iter().all(|r| code(r) == (503, "stopped")), "{refusals:?}");
    assert_eq!((desk.record().await, desk.items("/v1/held").await.len()), before);
    assert_eq!(desk.items("/v1/conflicts").await.len(), 1);
}
