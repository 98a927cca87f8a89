use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wasl_protocol::edition::{AgentVersion, Trust, Who};
use wasl_protocol::id::EpochId;
use wasl_protocol::join::{Joined, TransportKey};
use wasl_protocol::keys::{SignKey, UnwrapKey};
use wasl_protocol::limits;
use wasl_protocol::units::UnixMs;

use super::*;
use crate::config::Start;
use crate::engine::{self, EngineConfig, VIEW_CACHE_BYTES};
use crate::facts::LinkFacts;
use crate::keystore::{Identity, KeyFile};
use crate::pause::Pauses;
use crate::receipt::Counter;
use crate::seam::World;
use crate::settings::Tighten;

mod config; // editions, and what they change at the door
mod receipts; // what a citizen takes home
mod page; // what a browser is shown
mod corrections; // corrections, conflicts, and what HQ says of our entries
mod find; // a record by the beginning of its id, and the link held back

/// A real engine in a folder of its own, and what answers for it.
struct Desk {
    _top: tempfile::TempDir,
    handle: crate::engine::Handle,
    router: Router,
    stop: watch::Sender<bool>,
    kicked: watch::Receiver<u64>,
    counts: Arc<Counts>,
}

/// Who signs the fleet's config.
fn author() -> SignKey {
    SignKey::from_secret(&[4; 32])
}

async fn desk() -> Desk {
    let top = tempfile::tempdir().unwrap();
    let (world, dir) = (World::real(), top.path().join("nasr"));
    let key = KeyFile::locate(&dir, Some(&top.path().join("key"))).unwrap();
    let identity = Identity::create(&world, &dir, &key).unwrap();
    let hq = SignKey::from_secret(&[1; 32]).verify_key();
    let joined = Joined {
        office: "nasr".parse().unwrap(),
        name_ar: "النصر".into(),
        name_en: "Al-Nasr".into(),
        epoch: EpochId(9),
        hq_sign_key: hq,
        hq_wrap_key: UnwrapKey::from_secret(&[2; 32]).wrap_key(),
        clock: UnixMs(0),
        trust: Trust::in_one(author().verify_key()),
    };
    engine::birth(&world, &identity, &joined).unwrap();
    let office = identity.joined(&world, &joined, TransportKey([3; 32]), &[]).unwrap();
    let config = EngineConfig { hq, view_cache_bytes: VIEW_CACHE_BYTES };
    let handle = engine::start(&world, &identity, config, &mut |_| {}).unwrap().handle;
    let (stop, stops) = watch::channel(false);
    let (kicks, kicked) = watch::channel(0);
    let pauses = Pauses::open(&world, &dir);
    let start = Start {
        world: world.clone(),
        dir,
        engine: handle.clone(),
        who: Who { trust: office.trust, office: office.id.clone(), agent: AgentVersion(0, 1, 0) },
        joined: vec!["hq.example:4433".to_owned()],
        tighten: Tighten::default(),
        reach: Arc::new(|_| Box::pin(std::future::ready(true))),
    };
    let (config, _) = Config::start(start, stops.clone()).await;
    let counts = Arc::new(Counts::default());
    let (name_ar, name_en) = (office.name_ar.clone(), office.name_en.clone());
    let counter = Counter { office: office.id.clone(), name_ar, name_en };
    let (_, link) = watch::channel(LinkFacts::default());
    let receipts = Receipts { counter, link };
    let bundles = Bundles {
        world: world.clone(),
        handle: handle.clone(),
        config: config.clone(),
        office: office.id.clone(),
        sign_key: identity.sign_key(),
        unwrap_key: identity.unwrap_key(),
        hq_sign_key: hq,
        hq_wrap_key: joined.hq_wrap_key,
    };
    let intake = Intake {
        pauses,
        bundles,
        door: Door { office: office.id, handle: handle.clone(), world },
        kicks,
        status: Arc::new(|| Bytes::from_static(b"{}")),
        page: PageSource {
            html: Box::new(|language, hours| format!("{language:?} {}", hours.is_some())),
            css: "p {}",
        },
        stop: stops,
        in_force: config.in_force(),
        config,
        counts: counts.clone(),
        receipts,
        metrics: Arc::new(|accept| ("text/plain", format!("for {accept:?}\n"))),
    };
    Desk { _top: top, handle, router: intake.router(), stop, kicked, counts }
}

impl Desk {
    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn records(&self) -> usize {
        self.handle.list(0, u64::MAX).await.unwrap().0.len()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        told(self.send(request).await).await
    }

    async fn post(&self, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::post("/v1/records").header(header::CONTENT_TYPE, kind);
        told(self.send(request.body(body.into()).unwrap()).await).await
    }

    /// The answers to these lines, as values.
    async fn enroll(&self, lines: impl Into<Body>) -> Vec<Value> {
        let request = Request::post("/v1/enroll").header(header::CONTENT_TYPE, NDJSON);
        let response = self.send(request.body(lines.into()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        text.split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";

async fn told(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&text).unwrap_or(Value::Null))
}

fn enrollment(form_number: &str, given_name: &str) -> Value {
    json!({
        "form_number": form_number,
        "person": {
            "given_name": given_name, "father_name": "حسن", "grandfather_name": "زيد",
            "sex": "F", "birth_date": "1945-09-20",
        },
        "visit": {"queue": 1},
    })
}

fn lines(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    numbers.map(|n| enrollment(&format!("f-{n:04}"), "آيات").to_string().into_bytes()).collect()
}

#[tokio::test]
async fn a_thousand_lines_with_one_broken_are_a_thousand_answers_in_order() {
    let desk = desk().await;
    let mut input = lines(1..1001);
    input[499] = b"{\"form_number\": \"f-0500\", ".to_vec();
    let answers = desk.enroll(input.join(&b'\n')).await;
    assert_eq!(answers.len(), 1000);
    let mut seq = 1;
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(answer["line"], i + 1);
        if i == 499 {
            assert_eq!(answer["status"], 400, "{answer}");
            assert!(answer["detail"].as_str().unwrap().starts_with("not JSON we accept"));
            continue;
        }
        seq += 1;
        assert_eq!((&answer["status"], &answer["seq"]), (&json!(201), &json!(seq)), "{answer}");
        assert_eq!(answer["form_number"], format!("f-{:04}", i + 1));
        assert_eq!(answer["duplicate"], false);
    }
    assert_eq!(desk.records().await, 999);
}

#[tokio::test]
async fn long_lines_and_lines_that_are_not_utf8_are_refused_and_the_rest_go_on() {
    let desk = desk().await;
    let mut input = lines(1..6);
    input[1] = enrollment("f-0002", &"ا".repeat(1024 * 1024)).to_string().into_bytes();
    assert!(input[1].len() > 2 * 1024 * 1024);
    let cut = input[3].len() - 60;
    input[3][cut] = 0xff;
    // In pieces, as a socket brings them.
    let whole = input.join(&b'\n');
    let pieces: Vec<_> =
        whole.chunks(50_000).map(|c| Ok::<_, std::io::Error>(Bytes::copy_from_slice(c))).collect();
    let answers = desk.enroll(Body::from_stream(futures_util::stream::iter(pieces))).await;
    let statuses: Vec<_> = answers.iter().map(|a| a["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 413, 201, 400, 201]);
    assert!(answers[3]["detail"].as_str().unwrap().starts_with("not UTF-8 at byte"));
    assert_eq!(answers[4]["line"], 5);
    assert_eq!(desk.records().await, 3);
}

#[tokio::test]
async fn the_same_content_is_a_duplicate_and_other_content_a_clash_also_within_one_stream() {
    let desk = desk().await;
    let (a, b) = (enrollment("f-1", "آيات"), enrollment("f-1", "فاطمة"));
    let answers = desk.enroll(format!("{a}\n{a}\n{b}\n\n{a}\n")).await;
    let told: Vec<_> = answers.iter().map(|x| (x["line"].clone(), x["status"].clone())).collect();
    let want = [(1, 201), (2, 200), (3, 409), (5, 200)].map(|(l, s)| (json!(l), json!(s)));
    assert_eq!(told, want);
    assert_eq!(answers[1]["duplicate"], true);
    for field in ["id", "journal", "seq", "head"] {
        assert_eq!(answers[0][field], answers[1][field], "{field}");
        assert!(!answers[0][field].is_null(), "{field}");
    }
    assert_eq!(answers[2]["code"], "form-number-taken");
    assert!(!answers[2].to_string().contains("فاطمة"));
}

#[tokio::test]
async fn each_refusal_of_a_posted_record_is_a_problem_document() {
    let desk = desk().await;
    let good = enrollment("f-1", "آيات");
    let mut biometrics = good.clone();
    biometrics["biometrics"] = json!({"face": "face.jpg"});
    let mut unknown = good.clone();
    unknown["pets"] = json!({});
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(limits::POSTED_BYTES));
    let sent = [
        (JSON, good.to_string(), 201, ""),
        ("application/json; charset=utf-8", good.to_string(), 200, ""),
        (JSON, enrollment("f-1", "فاطمة").to_string(), 409, "form-number-taken"),
        (JSON, "{".to_owned(), 400, "not-an-enrollment"),
        (JSON, enrollment("f-2", "").to_string(), 400, "not-an-enrollment"),
        (JSON, enrollment("f-2", "\u{0}").to_string(), 400, "not-an-enrollment"),
        (JSON, enrollment("f-2", "\u{202e}").to_string(), 400, "not-an-enrollment"),
        (JSON, unknown.to_string(), 400, "not-an-enrollment"),
        (JSON, biometrics.to_string(), 400, "biometrics-not-supported"),
        (JSON, long, 413, "too-long"),
        ("text/plain", good.to_string(), 415, "wrong-content-type"),
    ];
    for (kind, body, status, code) in sent {
        let request = Request::post("/v1/records").header(header::CONTENT_TYPE, kind);
        let response = desk.send(request.body(Body::from(body)).unwrap()).await;
        let sent_as = response.headers()[header::CONTENT_TYPE].clone();
        let (got, told) = told(response).await;
        assert_eq!(got.as_u16(), status, "{told}");
        if code.is_empty() {
            assert_eq!(sent_as, JSON);
            continue;
        }
        assert_eq!(sent_as, "application/problem+json");
        assert_eq!((&told["code"], &told["status"]), (&json!(code), &json!(status)));
        assert_eq!(told["type"], format!("urn:wasl:problem:{code}"));
        assert!(!told["title"].as_str().unwrap().is_empty());
        assert!(!told.to_string().contains("فاطمة"), "{told}");
    }
    assert_eq!(desk.records().await, 1);
}

#[tokio::test]
async fn a_record_comes_back_as_it_was_posted() {
    let desk = desk().await;
    let posted = enrollment("f-1", "آيات");
    let (_, enrolled) = desk.post(JSON, posted.to_string()).await;
    let id = enrolled["id"].as_str().unwrap();
    let (status, record) = desk.get(&format!("/v1/records/{id}")).await;
    assert_eq!((status, &record["schema"]), (StatusCode::OK, &json!("wasl.record/1")));
    for group in ["person", "visit"] {
        assert_eq!(record["groups"][group]["value"], posted[group]);
    }
    assert_eq!((&record["hq"], &record["blobs"]), (&json!("pending"), &json!("none")));
    assert_eq!(desk.get("/v1/records/nonsense").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(desk.get(&format!("/v1/records/{}", "0".repeat(32))).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_list_comes_in_pages_in_the_order_of_arrival() {
    let desk = desk().await;
    desk.enroll(lines(1..6).join(&b'\n')).await;
    let mut forms = Vec::new();
    let mut path = "/v1/records?limit=2".to_owned();
    loop {
        let (status, page) = desk.get(&path).await;
        assert_eq!(status, StatusCode::OK);
        let page: RecordList = serde_json::from_value(page).unwrap();
        assert!(page.items.len() <= 2);
        forms.extend(page.items.into_iter().map(|i| i.form_number.as_str().to_owned()));
        let Some(skip) = page.next else { break };
        path = format!("/v1/records?limit=2&skip={skip}");
    }
    assert_eq!(forms, ["f-0001", "f-0002", "f-0003", "f-0004", "f-0005"]);
    assert_eq!(desk.get("/v1/records?limit=x").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_stream_answers_what_came_and_cuts_the_rest() {
    let desk = desk().await;
    let (send, mut receive) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(4);
    let receive = futures_util::stream::poll_fn(move |cx| receive.poll_recv(cx));
    let request = Request::post("/v1/enroll").header(header::CONTENT_TYPE, NDJSON);
    let response = desk.send(request.body(Body::from_stream(receive)).unwrap()).await;
    let line = format!("{}\n{{\"half", enrollment("f-1", "آيات"));
    send.try_send(Ok(line.into())).unwrap();
    let mut answers = response.into_body().into_data_stream();
    let first = futures_util::StreamExt::next(&mut answers).await.unwrap().unwrap();
    assert!(first.ends_with(b"\"duplicate\":false}\n"), "{first:?}");
    desk.stop.send(true).unwrap();
    assert!(futures_util::StreamExt::next(&mut answers).await.unwrap().is_err());
    assert!(futures_util::StreamExt::next(&mut answers).await.is_none());
}

#[tokio::test]
async fn a_stopped_engine_is_said_with_503_and_when_to_come_again() {
    let desk = desk().await;
    assert_eq!(desk.get("/readyz").await.0, StatusCode::OK);
    desk.handle.stop().await;
    let request = Request::post("/v1/records").header(header::CONTENT_TYPE, JSON);
    let body = enrollment("f-1", "آيات").to_string();
    let response = desk.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert_eq!(told(response).await.1["code"], "stopping");
    let answers = desk.enroll(lines(1..3).join(&b'\n')).await;
    assert!(answers.iter().all(|a| a["status"] == 503) && answers.len() == 2, "{answers:?}");
    assert_eq!(desk.get("/livez").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_kick_is_counted_and_unknown_addresses_are_problems_too() {
    let desk = desk().await;
    for kick in 1..3 {
        let request = Request::post("/v1/sync").body(Body::empty()).unwrap();
        let (status, kicked) = told(desk.send(request).await).await;
        assert_eq!((status, kicked), (StatusCode::ACCEPTED, json!({"kick": kick})));
        assert_eq!(*desk.kicked.borrow(), kick);
    }
    assert_eq!(desk.get("/v1/nothing").await.1["code"], "not-found");
    let request = Request::delete("/v1/records").body(Body::empty()).unwrap();
    assert_eq!(told(desk.send(request).await).await.1["code"], "method-not-allowed");
}

#[tokio::test]
async fn over_tcp_only_requests_that_name_this_machine_are_answered() {
    let router = Router::new().fallback(async || "ok");
    let router = router.layer(axum::middleware::from_fn(serve::loopback_host));
    for (host, status) in [
        ("localhost:8780", 200),
        ("127.0.0.1:8780", 200),
        ("[::1]:8780", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ] {
        let request = Request::get("/").header(header::HOST, host).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_a_path_too_long_is_refused() {
    let top = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        // Dropped without being served: the file stays.
        let listeners = Listeners::open(top.path(), None, None).await.unwrap();
        assert!(listeners.socket().exists() && listeners.http().is_none());
    }
    let long = top.path().join("x".repeat(120));
    let refused = socket_path(&long).unwrap_err();
    assert!(refused.to_string().contains("too long for a socket"), "{refused}");
}
