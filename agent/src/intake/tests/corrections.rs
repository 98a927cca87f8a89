use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{Dot, JournalId, OfficeId, RecordId, Tag};
use wasl_protocol::json::{self as canonical, Json};
use wasl_protocol::news::{Fate, Held, News, Says, SignedNews, What};
use wasl_protocol::private::Private;
use wasl_protocol::record::{self, RecordState};
use wasl_protocol::units::{FeedNo, Seq};

use super::*;

/// HQ's journal, as it stands in dots.
const HQ_JOURNAL: JournalId = JournalId(77);

const AT: UnixMs = UnixMs(1_452_585_600_000);

impl Desk {
    /// Enrolls one citizen; the record's id and address.
    pub(super) async fn enrolled(&self, form_number: &str) -> (RecordId, String) {
        let (_, posted) = self.post(JSON, enrollment(form_number, "آيات").to_string()).await;
        let id = posted["id"].as_str().unwrap();
        (id.parse().unwrap(), format!("/v1/records/{id}"))
    }

    async fn patch(&self, address: &str, token: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::patch(address).header(header::CONTENT_TYPE, JSON);
        let request = request.header(header::IF_MATCH, token).body(Body::from(body.to_string()));
        told(self.send(request.unwrap()).await).await
    }

    /// Corrects the record as it is now.
    pub(super) async fn correct(&self, address: &str, body: Value) -> (StatusCode, Value) {
        let (_, read) = self.get(address).await;
        self.patch(address, read["token"].as_str().unwrap(), body).await
    }

    /// Hears these news of HQ's, the first of them as number `feed`.
    async fn hear(&self, feed: u64, news: impl IntoIterator<Item = (RecordId, Says)>) {
        let (key, epoch) = (SignKey::from_secret(&[1; 32]), EpochId(9));
        let mut upto = Cursor { epoch, feed: FeedNo(feed) };
        let sign = |(record, says)| {
            let office = "nasr".parse().unwrap();
            let news = News { epoch, office, feed: upto.feed, record: Some(record), says };
            upto.feed.0 += 1;
            SignedNews::sign(&news, &key)
        };
        let signed = news.into_iter().map(sign).collect();
        upto.feed.0 -= 1;
        self.handle.store_news(signed, upto).await.unwrap();
    }

    /// The record as HQ has it after writing `phone` there, having seen what the office had then.
    async fn written_at_hq(&self, id: RecordId, phone: &str) -> RecordState<record::Value> {
        let mut state = self.handle.record(id).await.unwrap().unwrap().state;
        let text = json!({ "phone": phone }).to_string();
        let json = Json::of(&canonical::parse(text.as_bytes()).unwrap());
        let operator = Some(Private("clerk-2".to_owned()));
        let value =
            record::Value { json, by: OfficeId::hq(), at: AT, operator, tag: Tag::default() };
        let (dot, seen) = (Dot { journal: HQ_JOURNAL, seq: Seq(2) }, state.seen.clone());
        state.apply(dot, &seen, None, [("contact".parse().unwrap(), value)]);
        state
    }

    /// A record whose `contact` was written here and at HQ at the same time.
    pub(super) async fn disputed(&self, form_number: &str, feed: u64) -> (RecordId, String) {
        let (id, address) = self.enrolled(form_number).await;
        let theirs = self.written_at_hq(id, "+9647800000002").await;
        let ours = json!({"groups": {"contact": {"phone": "+9647800000001"}}, "operator": "op-06"});
        assert_eq!(self.correct(&address, ours).await.0, StatusCode::OK);
        self.hear(feed, [(id, Says::State(theirs))]).await;
        (id, address)
    }
}

#[tokio::test]
async fn a_correction_needs_the_token_of_what_was_read_and_replaces_whole_groups() {
    let desk = desk().await;
    let (_, posted) = desk.post("application/json", enrollment("nasr-1", "آيات").to_string()).await;
    let address = format!("/v1/records/{}", posted["id"].as_str().unwrap());
    let (_, read) = desk.get(&address).await;
    let token = read["token"].as_str().unwrap().to_owned();
    let patch = async |token: Option<&str>, groups: Value| {
        let request = Request::patch(&address).header(header::CONTENT_TYPE, "application/json");
        let request = token.into_iter().fold(request, |r, t| r.header(header::IF_MATCH, t));
        let body = Body::from(json!({ "groups": groups }).to_string());
        told(desk.send(request.body(body).unwrap()).await).await
    };
    let contact = json!({ "contact": { "phone": "+9647800000001" } });
    assert_eq!(patch(None, contact.clone()).await.0, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(patch(Some("garbage"), contact.clone()).await.0, StatusCode::BAD_REQUEST);
    let hqs = patch(Some(&token), json!({ "national_number": {} })).await;
    assert_eq!((hqs.0, hqs.1["code"].as_str()), (StatusCode::FORBIDDEN, Some("not-your-group")));
    let (status, after) = patch(Some(&format!("\"{token}\"")), contact.clone()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(after["groups"]["contact"]["value"], contact["contact"]);
    assert_eq!(after["groups"]["person"], read["groups"]["person"], "no other group is touched");
    let stale = patch(Some(&token), contact).await;
    assert_eq!(stale.0, StatusCode::PRECONDITION_FAILED);
    assert_eq!(desk.get(&address).await.1, after, "a stale correction changes nothing");
}

#[tokio::test]
async fn a_conflict_is_listed_with_both_values_until_one_correction_saw_them_both() {
    let desk = desk().await;
    desk.enrolled("f-0").await;
    let (id, address) = desk.disputed("f-1", 1).await;
    let (status, list) = desk.get("/v1/conflicts").await;
    assert_eq!((status, &list["schema"]), (StatusCode::OK, &json!("wasl.conflicts/1")));
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["id"], id.to_string());
    let contact = &list["items"][0]["groups"]["contact"];
    assert_eq!(contact["differs"], json!(["phone"]));
    let mut wrote: Vec<_> = contact["siblings"].as_array().unwrap().iter().collect();
    wrote.sort_by_key(|sibling| sibling["office"].to_string());
    for (sibling, (office, operator, phone)) in
        wrote.iter().zip([("hq", "clerk-2", "+9647800000002"), ("nasr", "op-06", "+9647800000001")])
    {
        let told = [&sibling["office"], &sibling["operator"], &sibling["value"]["phone"]];
        assert_eq!(told.map(|v| v.as_str().unwrap()), [office, operator, phone]);
    }
    let (_, records) = desk.get("/v1/records").await;
    let marks = records["items"].as_array().unwrap().iter().map(|item| &item["conflict"]);
    assert_eq!(marks.collect::<Vec<_>>(), [false, true]);
    let (status, ended) =
        desk.correct(&address, json!({"groups": {"contact": wrote[0]["value"]}})).await;
    assert_eq!((status, &ended["conflict"]), (StatusCode::OK, &json!(false)));
    assert_eq!(desk.get("/v1/conflicts").await.1["items"], json!([]));
}

#[tokio::test]
async fn conflicts_come_in_pages() {
    let desk = desk().await;
    for (form_number, feed) in [("f-1", 1), ("f-2", 2), ("f-3", 3)] {
        desk.disputed(form_number, feed).await;
    }
    let mut forms = Vec::new();
    let mut path = "/v1/conflicts?limit=1".to_owned();
    loop {
        let (status, page) = desk.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 1);
        forms.extend(items.iter().map(|item| item["form_number"].as_str().unwrap().to_owned()));
        let Some(skip) = page["next"].as_u64() else { break };
        path = format!("/v1/conflicts?limit=1&skip={skip}");
    }
    forms.sort();
    assert_eq!(forms, ["f-1", "f-2", "f-3"]);
    assert_eq!(desk.get("/v1/conflicts?limit=x").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_history_says_who_changed_what_and_where() {
    let desk = desk().await;
    let (id, address) = desk.disputed("f-1", 1).await;
    let (status, told) = desk.get(&format!("{address}/history")).await;
    assert_eq!((status, &told["schema"]), (StatusCode::OK, &json!("wasl.history/1")));
    assert_eq!((&told["id"], &told["office"]), (&json!(id), &json!("nasr")));
    let items = told["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "{told}");
    let ours = items.iter().find(|item| item["operator"] == "op-06").unwrap();
    assert_eq!((&ours["office"], &ours["counts"]), (&json!("nasr"), &json!("applied")));
    assert_eq!(ours["groups"], json!({"contact": {"phone": "+9647800000001"}}));
    assert!(items.iter().any(|item| item["office"] == "hq" && item["operator"] == "clerk-2"));
    let nobody = format!("/v1/records/{}/history", "0".repeat(32));
    assert_eq!(desk.get(&nobody).await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.get("/v1/records/nonsense/history").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_hq_holds_or_refuses_is_listed_with_the_reason_until_it_is_released() {
    let desk = desk().await;
    let (id, _) = desk.enrolled("f-1").await;
    let dot = Dot { journal: desk.handle.journal(), seq: Seq(2) };
    let waits_for = Dot { journal: HQ_JOURNAL, seq: Seq(5) };
    let fate = |what| [(id, Says::Fate(Fate { dot, at: AT, what }))];
    let held = async || desk.get("/v1/held").await.1;
    assert_eq!(held().await, json!({"schema": "wasl.held/1", "items": []}));
    desk.hear(1, fate(What::Held(Held::WaitsFor(waits_for)))).await;
    let item = held().await["items"][0].clone();
    let want = json!({
        "dot": dot, "record": id, "form_number": "f-1", "at": "2016-01-12T08:00:00Z",
        "state": "held", "reason": "waits", "text": format!("it waits for {waits_for}"),
        "waits_for": waits_for,
    });
    assert_eq!(item, want);
    desk.hear(2, fate(What::Refused { reason: Private("رقم خاطئ".to_owned()) })).await;
    let item = held().await["items"][0].clone();
    assert_eq!((&item["state"], &item["reason"]), (&json!("refused"), &Value::Null));
    assert_eq!(item["text"], "رقم خاطئ");
    assert!(item.get("waits_for").is_none());
    desk.hear(3, fate(What::Released)).await;
    assert_eq!(held().await["items"], json!([]));
}

#[tokio::test]
async fn a_record_that_a_newer_version_wrote_is_shown_and_not_written() {
    let desk = desk().await;
    let (id, address) = desk.enrolled("f-1").await;
    let (_, other) = desk.enrolled("f-2").await;
    assert_eq!(desk.get(&address).await.1["read_only"], false);
    desk.hear(1, [(id, Says::Newer(vec![99, 1, 2]))]).await;
    assert_eq!(desk.get(&address).await.1["read_only"], true);
    let contact = json!({"groups": {"contact": {"phone": "1"}}});
    let (status, problem) = desk.correct(&address, contact.clone()).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("read-only")));
    assert_eq!(desk.correct(&other, contact).await.0, StatusCode::OK, "only that one");
}

#[tokio::test]
async fn a_void_record_stays_and_says_why() {
    let desk = desk().await;
    let (_, address) = desk.enrolled("f-1").await;
    let silent = desk.correct(&address, json!({"groups": {"void": {"why": " "}}})).await;
    assert_eq!(silent.0, StatusCode::BAD_REQUEST);
    let (status, void) =
        desk.correct(&address, json!({"groups": {"void": {"why": "twice"}}})).await;
    assert_eq!((status, &void["void"]), (StatusCode::OK, &json!(true)));
    assert_eq!(void["groups"]["void"]["value"]["why"], "twice");
    assert_eq!(void["groups"]["person"]["value"]["given_name"], "آيات");
    let grants = desk.correct(&address, json!({"groups": {"grants": {"offices": []}}})).await;
    assert_eq!(grants.0, StatusCode::FORBIDDEN);
}
