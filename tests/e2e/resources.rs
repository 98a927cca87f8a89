//! What a machine may run out of: room, inodes, the right to write, descriptors; and far too much to
//! send.
//!
//! | what is gone | what intake answers | what stays | how it recovers |
//! |---|---|---|---|
//! | room on the office's disk | 503 `disk-full` | all answered; reads and sync go on | by itself, with room |
//! | its inodes | 503 `disk-full` | the same | by itself, with inodes |
//! | the right to write on it | the daemon does not start, and says why | all answered | the next start |
//! | the same while it runs | 503 `disk-failed`, and the daemon ends | the same | the next start |
//! | the office's fsync (EIO) | 503 `disk-failed`, and the daemon ends | the same | the next start |
//! | the daemon's descriptors | 201, or 503 `busy` | the same | by itself, with descriptors |
//! | the link, for 10,000 enrollments | 201 | all answered, in bounded memory | by itself, with the link |
//! | room on HQ's disk | 201 | the office keeps all, HQ what it has | by itself, with room |
//! | HQ's fsync (EIO) | 201 | the same | by itself, once it syncs |

use crate::district::{District, PATIENCE, enroll, listed, synced, until};
use crate::forms;
use crate::hands::{get, set, wait};
use hyper::body::Bytes;
use rustix::fs::{StatVfs, statvfs};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, prlimit};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use wasl_tests::clock;
use wasl_tests::disk::{Faults, TellingDisk, mount_or_say};
use wasl_tests::fleet::Office;
use wasl_tests::http::Http;

/// How many random letters make a form so long that a few dozen of them fill a segment.
const LETTERS: usize = 200_000;

/// The most such forms until a segment is full.
const FORMS: usize = 100;

/// The most memory that an office's daemon takes with 10,000 enrollments to send, in KiB.
const MOST_RESIDENT_KIB: u64 = 256 * 1024;

/// A disk of its own, in memory, as small as one wants. Gone when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// A disk at `path`; none where this may not be done, which is said.
    fn at(path: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let words = CString::new(format!("mode=700,{options}")).unwrap();
        let mounted = mount("tmpfs", path, "tmpfs", MountFlags::empty(), Some(&*words));
        if let Err(why) = mounted {
            let said = format!("!! NOT RUN: only root can mount a small disk: {why}\n");
            // Past the capture of the test's output.
            io::stderr().write_all(said.as_bytes()).unwrap();
            assert!(!geteuid().is_root(), "root cannot mount one either: {why}");
            return None;
        }
        Some(Self(path.to_owned()))
    }

    fn state(&self) -> StatVfs {
        statvfs(&self.0).unwrap()
    }

    /// Leaves so many bytes free. Answers the file that has the rest.
    fn fill(&self, left_bytes: u64) -> PathBuf {
        let state = self.state();
        let free = usize::try_from(state.f_bavail * state.f_frsize - left_bytes).unwrap();
        let filler = self.0.join("filler");
        fs::write(&filler, vec![1; free]).unwrap();
        filler
    }

    /// Leaves no room for a single file more. Answers the folder that has them all.
    fn fill_with_files(&self) -> PathBuf {
        let folder = self.0.join("fillers");
        fs::create_dir(&folder).unwrap();
        let full = (0..).find_map(|n: u32| fs::write(folder.join(n.to_string()), "").err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::StorageFull);
        folder
    }

    fn set_writable(&self, writable: bool) {
        let flags = if writable { MountFlags::empty() } else { MountFlags::RDONLY };
        mount_remount(&self.0, flags, "").unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A mount that has gone already is no loss.
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// Form `n`, so long that a few dozen of them fill a segment, and that no packing makes it shorter.
fn long_form(office: &str, n: usize) -> Value {
    let mut dice = fastrand::Rng::with_seed(n as u64);
    let letters: String = (0..LETTERS).map(|_| dice.alphanumeric()).collect();
    let mut form = forms::form(office, n);
    form["visit"]["notes"] = json!(letters);
    form
}

/// Posts a form. Answers the code, and what was said.
fn post(http: &mut Http, form: &Value) -> (u16, Value) {
    let body = Bytes::from(form.to_string());
    let (status, said) = http.send("POST", "/v1/records", body).unwrap();
    (status.as_u16(), serde_json::from_slice(&said).unwrap())
}

/// Posts long forms, from number 1,000 on, until one is refused: it, with what was said; the ids of
/// those before go to `taken`.
fn until_refused(office: &Office, taken: &mut BTreeSet<String>) -> (Value, u16, Value) {
    let mut http = office.at.http().unwrap();
    for n in 1_000..1_000 + FORMS {
        let form = long_form(&office.id, n);
        let (status, said) = post(&mut http, &form);
        if status != 201 {
            return (form, status, said);
        }
        taken.insert(said["id"].as_str().unwrap().to_string());
    }
    panic!("{FORMS} long forms were taken");
}

fn warns(status: &Value, code: &str) -> bool {
    let warnings = status["warnings"].as_array().into_iter().flatten();
    warnings.into_iter().any(|warning| warning["code"] == code)
}

/// An office's disk is as good as full: only intake closes. `make_room` ends it.
fn only_intake_closes(
    district: &District,
    office: &mut Office,
    mut taken: BTreeSet<String>,
    make_room: impl FnOnce(),
) {
    let first = taken.first().unwrap().clone();
    let (refused, status, said) = until_refused(office, &mut taken);
    assert_eq!((status, &said["code"]), (503, &json!("disk-full")), "{said}");
    assert!(said["detail"].as_str().unwrap().contains("not stored: the disk is full"), "{said}");
    let told = until(office, "closed", |status| status["intake_open"] == false);
    assert!(warns(&told, "disk-full") && told["overall"] == "crit", "{told:#}");
    assert!(get(&office.at, &first).is_some(), "reads go on");
    synced(office);
    set(&district.hq.at, &first, "national_number.value=17", "clerk-2");
    wait("news comes on", || {
        let number = get(&office.at, &first)?["groups"]["national_number"]["value"].clone();
        (number == json!({"value": 17})).then_some(())
    });
    make_room();
    until(office, "open again by itself", |status| status["intake_open"] == true);
    let (status, said) = post(&mut office.at.http().unwrap(), &refused);
    assert_eq!(status, 201, "{said}");
    taken.insert(said["id"].as_str().unwrap().to_string());
    assert_eq!(district.agree(office), taken, "what was answered, and nothing else");
    assert!(office.at.stop());
    office.at.run().unwrap();
    assert_eq!(district.agree(office), taken);
}

#[test]
fn a_full_disk_closes_intake_only_and_room_opens_it_by_itself() {
    let district = District::new();
    let Some(disk) = SmallDisk::at(&district.root().join("nasr"), "size=96m") else { return };
    let mut office = district.office("nasr");
    let taken = enroll(&office, 0..50).ids();
    synced(&office);
    let filler = disk.fill(1 << 20);
    only_intake_closes(&district, &mut office, taken, || fs::remove_file(filler).unwrap());
}

#[test]
fn a_disk_without_inodes_closes_intake_only_and_inodes_open_it_by_itself() {
    let district = District::new();
    let options = "size=256m,nr_inodes=200";
    let Some(disk) = SmallDisk::at(&district.root().join("nasr"), options) else { return };
    let mut office = district.office("nasr");
    let taken = enroll(&office, 0..50).ids();
    synced(&office);
    let fillers = disk.fill_with_files();
    only_intake_closes(&district, &mut office, taken, || fs::remove_dir_all(fillers).unwrap());
}

#[test]
fn an_office_on_a_disk_that_turned_read_only_says_so_and_starts_once_it_can_write() {
    let district = District::new();
    let Some(disk) = SmallDisk::at(&district.root().join("nasr"), "size=96m") else { return };
    let mut office = district.office("nasr");
    let taken = enroll(&office, 0..50).ids();
    assert!(office.at.stop());
    disk.set_writable(false);
    office.at.start().unwrap();
    let ended = clock::until(PATIENCE, || office.at.ended()).expect("it ends by itself");
    let said = fs::read_to_string(office.at.log()).unwrap();
    assert_eq!(ended.code(), Some(1), "{said}");
    for words in ["error: ", "Read-only file system", "help: "] {
        assert!(said.contains(words), "`{words}` is not in\n{said}");
    }
    disk.set_writable(true);
    office.at.run().unwrap();
    assert_eq!(district.agree(&office), taken);
}

/// The folder `name` of the district lies on a disk that fails on demand; none where there can be no
/// such disk, which is said.
fn on_a_telling_disk(root: &Path, name: &str) -> Option<TellingDisk> {
    let disk = mount_or_say(&format!("{name} on a disk that fails"))?;
    symlink(disk.dir(), root.join(name)).unwrap();
    Some(disk)
}

/// The disk of a running office fails: it says "not stored", ends for the service manager, and a new
/// start finds what is stored.
fn a_failure_ends_the_daemon(faults: Faults) {
    let district = District::new();
    let Some(disk) = on_a_telling_disk(district.root(), "nasr") else { return };
    let mut office = district.office("nasr");
    let taken = enroll(&office, 0..50).ids();
    synced(&office);
    let mut http = office.at.http().unwrap();
    http.get("/v1/status").unwrap();
    disk.set_faults(faults);
    let (status, said) = post(&mut http, &forms::form("nasr", 60));
    assert_eq!((status, &said["code"]), (503, &json!("disk-failed")), "{said}");
    assert!(said["detail"].as_str().unwrap().starts_with("not stored"), "{said}");
    let ended = clock::until(PATIENCE, || office.at.ended()).expect("it ends by itself");
    let log = fs::read_to_string(office.at.log()).unwrap();
    assert_eq!(ended.code(), Some(1), "{log}");
    assert!(log.contains("error: ") && log.contains("help: check the disk"), "{log}");
    disk.set_faults(Faults::default());
    office.at.run().unwrap();
    let found = district.agree(&office);
    assert!(found.is_superset(&taken), "what was answered is there");
    assert!(found.len() <= taken.len() + 1, "and at most what was refused besides");
    enroll(&office, 60..61);
    assert_eq!(district.agree(&office).len(), taken.len() + 1, "posted again, it is stored once");
    assert!(office.at.stop());
}

#[test]
fn a_failed_sync_stores_nothing_more_and_a_new_start_finds_what_is_stored() {
    a_failure_ends_the_daemon(Faults { sync_fails: true, ..Faults::default() });
}

#[test]
fn a_disk_that_turns_read_only_under_the_daemon_is_a_failed_disk() {
    a_failure_ends_the_daemon(Faults { read_only: true, ..Faults::default() });
}

#[test]
fn a_failed_sync_at_hq_acknowledges_nothing_and_goes_on_once_the_disk_does() {
    let root = TempDir::with_prefix("wasl-").unwrap();
    let Some(disk) = on_a_telling_disk(root.path(), "hq") else { return };
    let mut district = District::new_in(root);
    let office = district.office("nasr");
    let mut taken = enroll(&office, 0..20).ids();
    synced(&office);
    let stored = office.at.status().unwrap()["sync"]["stored_seq"].clone();
    disk.set_faults(Faults { sync_fails: true, ..Faults::default() });
    taken.extend(enroll(&office, 20..40).ids());
    let told = until(&office, "told that HQ cannot store", |status| {
        status["link"]["last_error"]["code"] == "hq-cannot-store"
    });
    assert_eq!(told["sync"]["stored_seq"], stored, "nothing is acknowledged that is not on disk");
    disk.set_faults(Faults::default());
    assert_eq!(district.agree(&office), taken, "by itself");
    assert!(district.hq.at.stop());
    district.hq.at.run().unwrap();
    assert_eq!(district.agree(&office), taken);
    drop((district, disk));
}

/// How many descriptors a process has open.
fn descriptors(pid: rustix::process::Pid) -> u64 {
    let folder = format!("/proc/{}/fd", pid.as_raw_nonzero());
    fs::read_dir(folder).unwrap().count() as u64
}

#[test]
fn a_daemon_without_descriptors_takes_or_refuses_and_ends_for_none_of_it() {
    let district = District::new();
    let mut office = district.office("nasr");
    let mut taken = enroll(&office, 0..50).ids();
    synced(&office);
    let mut http = office.at.http().unwrap();
    http.get("/v1/status").unwrap();
    let pid = office.at.pid().unwrap();
    let room = descriptors(pid) + 8;
    let limit = |current| Rlimit { current, ..getrlimit(Resource::Nofile) };
    let before = prlimit(Some(pid), Resource::Nofile, limit(Some(room))).unwrap();
    let socket = office.at.dir().join("wasl.sock");
    let hogs: Vec<UnixStream> = (0..64).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    wait("no descriptor is left", || (descriptors(pid) >= room).then_some(()));
    // A segment ends within these.
    for n in 1_000..1_030 {
        let (status, said) = post(&mut http, &long_form("nasr", n));
        match status {
            201 => drop(taken.insert(said["id"].as_str().unwrap().to_string())),
            503 => assert_eq!(said["code"], "busy", "{said}"),
            _ => panic!("{status}: {said}"),
        }
    }
    assert!(office.at.ended().is_none(), "the daemon goes on");
    drop(hogs);
    prlimit(Some(pid), Resource::Nofile, before).unwrap();
    let again = wait("taken again", || {
        let (status, said) = post(&mut http, &long_form("nasr", 1_029));
        matches!(status, 200 | 201).then_some(said)
    });
    taken.insert(again["id"].as_str().unwrap().to_string());
    assert_eq!(district.agree(&office), taken, "what was answered, and nothing else");
    assert_eq!(office.at.pid(), Some(pid), "the same process");
    assert!(office.at.stop());
}

/// How much memory a process takes, in KiB.
fn resident_kib(pid: rustix::process::Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn ten_thousand_enrollments_wait_for_a_link_in_bounded_memory_and_all_arrive() {
    const ALL: Range<usize> = 0..10_000;
    let district = District::new();
    let mut office = district.joined("nasr");
    office.link.cut();
    office.at.run().unwrap();
    let taken = enroll(&office, ALL).ids();
    assert_eq!(taken.len(), ALL.len());
    let waits = |n: u64| move |status: &Value| status["sync"]["backlog_records"] == n;
    until(&office, "counted", waits(ALL.len() as u64 + 1));
    let resident = resident_kib(office.at.pid().unwrap());
    assert!(resident <= MOST_RESIDENT_KIB, "{resident} KiB");
    office.at.kill();
    office.at.run().unwrap();
    office.link.restore();
    synced(&office);
    let resident = resident_kib(office.at.pid().unwrap());
    assert!(resident <= MOST_RESIDENT_KIB, "{resident} KiB");
    assert_eq!(listed(&district.hq.at, &["--office", &office.id]), taken);
    district.hq.at.call(&["journal", "verify", &office.id]).unwrap();
}

#[test]
fn a_full_disk_at_hq_loses_nothing_and_room_lets_everything_through() {
    let root = TempDir::with_prefix("wasl-").unwrap();
    let Some(disk) = SmallDisk::at(&root.path().join("hq"), "size=64m") else { return };
    let district = District::new_in(root);
    let office = district.office("nasr");
    let mut taken = enroll(&office, 0..20).ids();
    synced(&office);
    let filler = disk.fill(256 * 1024);
    let mut http = office.at.http().unwrap();
    for n in 1_000..1_010 {
        let (status, said) = post(&mut http, &long_form("nasr", n));
        assert_eq!(status, 201, "enrolling goes on: {said}");
        taken.insert(said["id"].as_str().unwrap().to_string());
    }
    let told = until(&office, "told that HQ cannot store", |status| {
        status["link"]["last_error"]["code"] == "hq-cannot-store"
    });
    assert!(told["sync"]["backlog_records"].as_u64().unwrap() > 0, "{told:#}");
    assert_eq!(told["intake_open"], true);
    for id in &taken {
        assert!(get(&office.at, id).is_some(), "the office keeps all");
    }
    fs::remove_file(filler).unwrap();
    assert_eq!(district.agree(&office), taken, "by itself");
    drop((district, disk));
}
