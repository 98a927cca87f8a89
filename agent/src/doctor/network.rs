//! The way to headquarters: the names of its endpoints, UDP to them, and how much passes at once.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::{Finding, Level, Patient};
use crate::link::{Credentials, Failure, LARGEST_BYTES, LEAST_BYTES, Probed, probe};

/// How long a resolver may take at all.
const NAME_PATIENCE: Duration = Duration::from_secs(4);

/// How long one address of headquarters may take to answer: some round trips by satellite.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(5);

/// How long a whole endpoint may take: two addresses, and some sizes.
const PROBE_PATIENCE: Duration = Duration::from_secs(11);

/// How long a resolver may take before it is slow, in milliseconds.
const SLOW_NAME_MS: u64 = 2000;

/// How many endpoints are looked at: as many as an edition may name.
const MOST_ENDPOINTS: usize = 8;

/// A round trip that takes longer than this makes syncing slow, in milliseconds.
const SLOW_TRIP_MS: u128 = 1500;

/// Everything about the network.
pub(super) async fn network(patient: &Patient<'_>) -> Vec<Finding> {
    let why = "this machine has not joined: nobody has said where headquarters is";
    let Some(office) = patient.office() else {
        return ["names", "hq-udp", "path-size"].map(|code| Finding::skipped(code, why)).to_vec();
    };
    let now = patient.status().and_then(|status| status.link.endpoint.clone());
    let mut endpoints: Vec<String> = now.into_iter().collect();
    for joined in office.hq.endpoints {
        if !endpoints.contains(&joined) {
            endpoints.push(joined);
        }
    }
    endpoints.truncate(MOST_ENDPOINTS);
    // A stranger's keys: the doctor needs none of the office's, and looks like no office.
    let secret = patient.world.entropy.random();
    let credentials = match Credentials::new(&secret, office.hq.transport) {
        Ok(credentials) => credentials,
        Err(why) => {
            let fix = "put office.json back from a backup, or join again";
            return vec![Finding::fail("hq-udp", why.to_string(), fix)];
        }
    };
    let looks = endpoints.iter().map(|endpoint| look(patient, &credentials, endpoint));
    let looked = futures_util::future::join_all(looks).await;
    told(looked)
}

/// What was seen of one endpoint.
struct Looked {
    endpoint: String,
    name: Finding,
    probed: Option<Result<Probed, Failure>>,
}

async fn look(patient: &Patient<'_>, credentials: &Credentials, endpoint: &str) -> Looked {
    let (name, resolved) = name(patient, endpoint).await;
    let probed = if resolved {
        let probing = timeout(PROBE_PATIENCE, probe(credentials, endpoint, ADDRESS_PATIENCE));
        Some(probing.await.unwrap_or(Err(Failure::Timeout)))
    } else {
        None
    };
    Looked { endpoint: endpoint.to_owned(), name, probed }
}

async fn name(patient: &Patient<'_>, endpoint: &str) -> (Finding, bool) {
    const CODE: &str = "names";
    if endpoint.parse::<SocketAddr>().is_ok() {
        let what = format!("{endpoint} is an address: no name has to be resolved");
        return (Finding::ok(CODE, what), true);
    }
    let before = patient.world.clock.mono();
    let fix = "check the resolver (`resolvectl query`, /etc/resolv.conf) and the network's cable";
    let found = match timeout(NAME_PATIENCE, lookup_host(endpoint)).await {
        Ok(Ok(found)) => found.count(),
        Ok(Err(why)) => {
            let what = format!("{endpoint} does not resolve: {why}");
            return (Finding::fail(CODE, what, fix), false);
        }
        Err(_) => {
            let what = format!("the resolver does not answer for {endpoint}");
            return (Finding::fail(CODE, what, fix), false);
        }
    };
    let took_ms = patient.world.clock.mono().0.saturating_sub(before.0);
    let what = format!("{endpoint} has {found} addresses; the resolver took {took_ms} ms");
    let slow = "each new attempt at the link waits for the resolver: use a nearer one";
    match (found, took_ms > SLOW_NAME_MS) {
        (0, _) => (Finding::fail(CODE, what, fix), false),
        (_, true) => (Finding::warn(CODE, what, slow), true),
        (_, false) => (Finding::ok(CODE, what), true),
    }
}

/// One endpoint that answers is enough: others that do not are warnings then.
fn told(looked: Vec<Looked>) -> Vec<Finding> {
    let reached = looked.iter().any(|l| matches!(l.probed, Some(Ok(_))));
    let soften = |finding: Finding| match finding {
        Finding { level: Level::Fail, .. } if reached => Finding { level: Level::Warn, ..finding },
        finding => finding,
    };
    let mut findings = Vec::new();
    for Looked { endpoint, name, probed } in looked {
        findings.push(soften(name));
        let Some(probed) = probed else {
            findings.push(Finding::skipped("hq-udp", format!("{endpoint}: it has no address")));
            continue;
        };
        findings.push(soften(udp(&endpoint, &probed)));
        findings.push(size(&endpoint, probed.ok()));
    }
    findings
}

fn udp(endpoint: &str, probed: &Result<Probed, Failure>) -> Finding {
    const CODE: &str = "hq-udp";
    let failure = match probed {
        Ok(Probed { address, rtt, .. }) => {
            let ms = rtt.as_millis();
            let shown = rtt.as_micros().div_ceil(100);
            let what = format!(
                "headquarters answers at {address}; the round trip is {}.{} ms",
                shown / 10,
                shown % 10
            );
            let fix = "ask the provider why: a record waits at least two round trips";
            let slow = ms > SLOW_TRIP_MS;
            return if slow { Finding::warn(CODE, what, fix) } else { Finding::ok(CODE, what) };
        }
        Err(failure) => failure,
    };
    let fix = match failure {
        Failure::Timeout => {
            let port = endpoint.rsplit_once(':').map_or("its port", |(_, port)| port);
            format!(
                "let UDP to port {port} out at the modem and the firewall, and its answers in; \
                 then ask headquarters whether it runs"
            )
        }
        Failure::Route(..) => "check the cable, the modem and `ip route`".to_owned(),
        Failure::WrongKey => {
            "ask headquarters: another server answers there, or its keys were replaced".to_owned()
        }
        Failure::Version => "install the same release here and there".to_owned(),
        _ => "ask headquarters how its server is".to_owned(),
    };
    Finding::fail(CODE, format!("{endpoint}: {failure}"), fix)
}

fn size(endpoint: &str, probed: Option<Probed>) -> Finding {
    const CODE: &str = "path-size";
    let Some(Probed { payload_bytes, address, .. }) = probed else {
        let why = format!(
            "{endpoint}: measured over a handshake only; a path that carries no UDP payload of \
             {LEAST_BYTES} bytes looks like no answer"
        );
        return Finding::skipped(CODE, why);
    };
    let headers = if address.is_ipv4() { 28 } else { 48 };
    Finding::ok(
        CODE,
        format!(
            "{endpoint}: UDP payloads of {payload_bytes} bytes pass, packets of {} with their \
             headers (tried up to {LARGEST_BYTES}; {LEAST_BYTES} are needed and used)",
            u32::from(payload_bytes) + headers
        ),
    )
}
