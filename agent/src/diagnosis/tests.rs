use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::json;

use super::*;
use crate::doctor::Finding;

fn sources<'a>(world: &'a World, dir: &'a std::path::Path) -> Sources<'a> {
    let finding = Finding {
        code: "settings".to_owned(),
        level: Level::Fail,
        what: format!("{}/wasl.toml: Zahra", dir.display()),
        fix: Some(format!("mend {}", dir.display())),
    };
    let schema = Findings::SCHEMA.to_owned();
    let findings = Findings { schema, failed: true, items: vec![finding] };
    let status = Some(json!({"schema": "wasl.status/1", "summary": "Zahra"}));
    Sources { world, dir, status, config: None, live: None, findings }
}

#[test]
fn the_manifest_names_every_file_with_its_length_and_hash() {
    let (world, top) = (World::real(), tempfile::tempdir().unwrap());
    let dir = top.path().join("of-zahra");
    let mut bytes = Vec::new();
    pack(&gather(&sources(&world, &dir)), &mut bytes).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(&bytes[..]));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert!(!text.to_lowercase().contains("zahra"), "{name}: {text}");
        files.insert(name.strip_prefix("wasl-diagnosis/").unwrap().to_owned(), text);
    }
    let manifest: Manifest = serde_json::from_str(&files.remove("manifest.json").unwrap()).unwrap();
    assert_eq!(manifest.files.len(), files.len());
    for entry in &manifest.files {
        let text = &files[&entry.name];
        assert_eq!(entry.bytes, text.len() as u64);
        assert_eq!(entry.blake3, blake3::hash(text.as_bytes()).to_hex().to_string());
    }
    let left: Vec<&str> = manifest.left_out.iter().map(|left| left.what.as_str()).collect();
    assert!(left.contains(&"config.json") && left.contains(&"journals.json"), "{left:?}");
}
