//! Files in memory: all that is written is there, nothing is ever lost. It knows no faults; the
//! worlds of the simulator do.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasl_agent::seam::{Disk, DiskFile};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// A disk that is a map. Folders are the beginnings of names.
#[derive(Clone, Debug, Default)]
pub(super) struct Files(Arc<Mutex<BTreeMap<PathBuf, Bytes>>>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Files {
    /// Puts a file there.
    pub(super) fn put(&self, path: &Path, bytes: Vec<u8>) {
        locked(&self.0).insert(path.to_owned(), Arc::new(Mutex::new(bytes)));
    }

    /// What is there now, but for zeros at the ends.
    pub(super) fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let used = |bytes: &[u8]| bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        let kept = |bytes: &Bytes| {
            let bytes = locked(bytes);
            bytes[..used(&bytes)].to_vec()
        };
        locked(&self.0).iter().map(|(path, bytes)| (path.clone(), kept(bytes))).collect()
    }

    fn find(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let found = locked(&self.0).get(path).cloned();
        Ok(Box::new(File(found.ok_or(ErrorKind::NotFound)?)))
    }
}

impl Disk for Files {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.find(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.find(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if self.exists(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.put(path, Vec::new());
        self.find(path)
    }

    fn exists(&self, path: &Path) -> bool {
        locked(&self.0).keys().any(|name| name.starts_with(path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let files = locked(&self.0);
        let names = files.keys().filter_map(|path| path.strip_prefix(dir).ok()?.iter().next());
        let mut names: Vec<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
        names.dedup();
        Ok(names)
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = locked(&self.0);
        let moved: Vec<PathBuf> = files.keys().filter(|p| p.starts_with(from)).cloned().collect();
        for path in moved {
            let bytes = files.remove(&path).expect("just listed");
            let rest = path.strip_prefix(from).expect("it starts so");
            let new = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            files.insert(new, bytes);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        locked(&self.0).retain(|name, _| !name.starts_with(path));
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn boot_id(&self) -> io::Result<String> {
        Ok("one boot".to_owned())
    }
}

/// A file of it.
struct File(Bytes);

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("offsets in these files are small")
}

impl DiskFile for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = locked(&self.0);
        let there = bytes.get(place(offset)..).unwrap_or_default();
        let n = there.len().min(buf.len());
        buf[..n].copy_from_slice(&there[..n]);
        Ok(n)
    }

    fn write_at(&self, new: &[u8], offset: u64) -> io::Result<()> {
        let (mut bytes, start) = (locked(&self.0), place(offset));
        let end = start + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(new);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(locked(&self.0).len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        locked(&self.0).resize(place(len), 0);
        Ok(())
    }
}
