use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::keystore::{Identity, KeyFile};

async fn examined(world: &World, dir: &Path, daemon: Answer) -> Findings {
    examine(&Patient { world, dir, key_file: None, daemon }).await
}

fn level(findings: &Findings, code: &str) -> Level {
    let finding = findings.items.iter().find(|finding| finding.code == code);
    finding.unwrap_or_else(|| panic!("{code} is not among {findings:#?}")).level
}

#[tokio::test]
async fn before_joining_what_can_be_checked_is_checked() {
    let (world, top) = (World::real(), tempfile::tempdir().unwrap());
    let findings = examined(&world, &top.path().join("nowhere"), Answer::Stopped).await;
    assert!(findings.failed);
    assert_eq!(level(&findings, "data-dir"), Level::Fail);
    for code in ["names", "hq-udp", "path-size", "key", "socket", "status-file", "hq-clock"] {
        assert_eq!(level(&findings, code), Level::Skipped, "{code}");
    }
    let findings = examined(&world, top.path(), Answer::Stopped).await;
    assert!(!findings.failed, "{findings:#?}");
    assert_eq!(level(&findings, "fsync"), Level::Ok);
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn what_is_open_to_others_is_said() {
    let (world, top) = (World::real(), tempfile::tempdir().unwrap());
    let dir = top.path().join("nasr");
    let key = KeyFile::locate(&dir, None).unwrap();
    Identity::create(&world, &dir, &key).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(key.path(), Permissions::from_mode(0o644)).unwrap();
    fs::write(dir.join("wasl.toml"), "[view]\ncache_mib = 'Zahra'\n").unwrap();
    let findings = examined(&world, &dir, Answer::Silent).await;
    assert_eq!(level(&findings, "data-dir"), Level::Warn);
    assert_eq!(level(&findings, "key"), Level::Fail);
    assert_eq!(level(&findings, "daemon"), Level::Fail);
    assert_eq!(level(&findings, "settings"), Level::Fail);
    let text = serde_json::to_string(&findings).unwrap();
    assert!(text.contains("line 2") && !text.contains("Zahra"), "{text}");
}

#[tokio::test]
async fn a_key_that_opens_nothing_here_is_a_failure() {
    let (world, top) = (World::real(), tempfile::tempdir().unwrap());
    let dir = top.path().join("nasr");
    let key = KeyFile::locate(&dir, None).unwrap();
    Identity::create(&world, &dir, &key).unwrap();
    fs::write(key.path(), "0".repeat(64)).unwrap();
    let findings = examined(&world, &dir, Answer::Stopped).await;
    assert_eq!(level(&findings, "key"), Level::Fail);
    fs::remove_file(key.path()).unwrap();
    let findings = examined(&world, &dir, Answer::Stopped).await;
    assert_eq!(level(&findings, "key"), Level::Warn, "the service may be handed one");
}

#[tokio::test]
async fn an_address_at_which_nobody_answers_is_told_with_what_to_let_through() {
    use wasl_protocol::edition::Trust;
    use wasl_protocol::id::EpochId;
    use wasl_protocol::join::{Joined, TransportKey};
    use wasl_protocol::keys::{VerifyKey, WrapKey};
    use wasl_protocol::units::UnixMs;

    let (world, top) = (World::real(), tempfile::tempdir().unwrap());
    let dir = top.path().join("nasr");
    let key = KeyFile::locate(&dir, None).unwrap();
    let identity = Identity::create(&world, &dir, &key).unwrap();
    let joined = Joined {
        office: "nasr".parse().unwrap(),
        name_ar: "النصر".into(),
        name_en: "Al-Nasr".into(),
        epoch: EpochId(9),
        hq_sign_key: VerifyKey([1; 32]),
        hq_wrap_key: WrapKey([2; 32]),
        trust: Trust::in_one(VerifyKey([6; 32])),
        clock: UnixMs(0),
    };
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let endpoints = [format!("127.0.0.1:{port}"), format!("hq.invalid:{port}")];
    identity.joined(&world, &joined, TransportKey([3; 32]), &endpoints).unwrap();
    let findings = examined(&world, &dir, Answer::Stopped).await;
    let udp = findings.items.iter().find(|f| f.code == "hq-udp").unwrap();
    assert_eq!(udp.level, Level::Fail);
    assert!(udp.fix.as_ref().unwrap().contains(&format!("UDP to port {port}")), "{udp:?}");
    let names: Vec<Level> =
        findings.items.iter().filter(|f| f.code == "names").map(|f| f.level).collect();
    assert_eq!(names, [Level::Ok, Level::Fail]);
    assert_eq!(level(&findings, "path-size"), Level::Skipped);
    assert_eq!(level(&findings, "key"), Level::Ok);
}
