use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use wasl_protocol::edition::Trust;
use wasl_protocol::id::EpochId;
use wasl_protocol::join::{Joined, TransportKey};
use wasl_protocol::keys::{SignKey, UnwrapKey};
use wasl_protocol::units::UnixMs;

use super::*;
use crate::engine::{self, EngineConfig, VIEW_CACHE_BYTES};
use crate::intake::Door;
use crate::keystore::{Identity, KeyFile};
use crate::seam::{Disk, DiskFile, RealDisk, World};

/// Set for the copy of this test that is started with a socket.
const SOCKET: &str = "WASL_TEST_GIVEN_SOCKET";

/// Takes the inherited socket, answers one caller, and leaves the socket where it is.
fn child(want: &Path) {
    let socket = socket(want).unwrap().expect("a socket was handed over");
    socket.set_nonblocking(false).unwrap();
    let (mut caller, _) = socket.accept().unwrap();
    caller.write_all(b"served").unwrap();
}

#[test]
fn a_caller_waits_in_the_inherited_socket_until_a_daemon_comes() {
    if let Some(want) = std::env::var_os(SOCKET) {
        return child(Path::new(&want));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wasl.sock");
    let socket = UnixListener::bind(&path).unwrap();
    for _ in 0..2 {
        let mut caller = UnixStream::connect(&path).unwrap();
        let name = "daemon::service::tests::\
                    a_caller_waits_in_the_inherited_socket_until_a_daemon_comes";
        // The shell puts the socket where a service manager would: at descriptor 3.
        let mut daemon = Command::new("sh");
        daemon.args(["-c", "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" --exact \"$1\""]);
        daemon.arg(std::env::current_exe().unwrap()).arg(name).env(SOCKET, &path);
        daemon.stdin(std::os::fd::OwnedFd::from(socket.try_clone().unwrap()));
        let done = daemon.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        let mut answer = String::new();
        caller.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "served");
        assert!(path.exists(), "whoever gave the socket keeps it in its place");
    }
}

/// A disk whose syncs wait while it hangs.
#[derive(Default)]
struct Hang {
    hangs: Mutex<bool>,
    over: Condvar,
}

struct HangingDisk(Arc<Hang>);

struct HangingFile(Box<dyn DiskFile>, Arc<Hang>);

impl Hang {
    fn set(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
        self.over.notify_all();
    }

    fn wait(&self) {
        let hangs = self.hangs.lock().unwrap();
        drop(self.over.wait_while(hangs, |hangs| *hangs).unwrap());
    }
}

impl HangingDisk {
    fn wrap(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(HangingFile(file?, self.0.clone())))
    }
}

impl Disk for HangingDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.wrap(RealDisk.open(path))
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open_read(path)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.wrap(RealDisk.create(path))
    }
    fn exists(&self, path: &Path) -> bool {
        RealDisk.exists(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(path)
    }
    fn boot_id(&self) -> io::Result<String> {
        RealDisk.boot_id()
    }
}

impl DiskFile for HangingFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.1.wait();
        self.0.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

/// An engine on a disk that can hang, and what prepares enrollments for it.
fn door(top: &Path, hang: &Arc<Hang>) -> Door {
    let world = World { disk: Arc::new(HangingDisk(hang.clone())), ..World::real() };
    let dir = top.join("nasr");
    let key = KeyFile::locate(&dir, Some(&top.join("key"))).unwrap();
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
        trust: Trust::in_one(SignKey::from_secret(&[4; 32]).verify_key()),
    };
    engine::birth(&world, &identity, &joined).unwrap();
    let office = identity.joined(&world, &joined, TransportKey([3; 32]), &[]).unwrap().id;
    let config = EngineConfig { hq, view_cache_bytes: VIEW_CACHE_BYTES };
    let handle = engine::start(&world, &identity, config, &mut |_| {}).unwrap().handle;
    Door { office, handle, world }
}

const LINE: &[u8] = r#"{"form_number":"1","person":{"given_name":"آيات","father_name":"حسن",
    "grandfather_name":"زيد","sex":"F","birth_date":"1945-09-20"},"contact":{"phone":"7"}}"#
    .as_bytes();

/// Waits until the count moves on from `before`; the count then.
async fn moved(count: &AtomicU32, before: u32) -> u32 {
    loop {
        match count.load(Ordering::SeqCst) {
            now if now > before => return now,
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_whose_disk_hangs_is_not_said_to_live() {
    let (top, hang) = (tempfile::tempdir().unwrap(), Arc::<Hang>::default());
    let door = door(top.path(), &hang);
    let fed = Arc::new(AtomicU32::new(0));
    let (stop, stops) = watch::channel(false);
    let count = fed.clone();
    let feeding =
        tokio::spawn(feed(Duration::from_millis(30), door.handle.clone(), stops, move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
    moved(&fed, 1).await;

    hang.set(true);
    let waits = door.handle.enroll(door.prepare(Door::draft(LINE).unwrap())).await.unwrap();
    // A turn that was asked for before the enrollment may still be told of.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let silent = fed.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(fed.load(Ordering::SeqCst), silent, "fed while the disk hung");

    hang.set(false);
    waits.await.unwrap().unwrap();
    moved(&fed, silent).await;
    stop.send_replace(true);
    feeding.await.unwrap();
    door.handle.stop().await;
}
