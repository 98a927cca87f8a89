//! Files that can be made durable. Small on purpose: a simulator implements it with a live and a
//! durable image and may lose whatever was not synced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Files and folders. Whatever is made is readable by its owner only.
pub trait Disk: Send + Sync {
    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading only.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a file that is not there yet. It is durable once synced, and its folder too.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Is something there?
    fn exists(&self, path: &Path) -> bool;

    /// The names in a folder, sorted. Names that are not Unicode are left out: none is ours.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes a folder and those above it, unless they are there.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Renames a file or folder, replacing a file that is there. Durable once the folder is synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file, or a folder with all that is in it. Nothing there is no error.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// How many bytes can still be written into new files on the disk that holds `path`: none where
    /// it has room for bytes and not for one more file.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;

    /// Which device holds `path`: another number, another disk. Not every disk can tell.
    fn device(&self, _path: &Path) -> io::Result<u64> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Which run of the machine this is: what was written in another one may not be there.
    fn boot_id(&self) -> io::Result<String>;
}

/// One open file. All calls name their place: there is no cursor.
pub trait DiskFile: Send + Sync {
    /// Reads into all of `buf`, or up to the end of the file; how many bytes were read.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes what was written durable.
    fn sync_data(&self) -> io::Result<()>;

    /// The length of the file in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Is the file empty?
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// A file's whole content.
pub fn read_whole(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open_read(path)?;
    let len = usize::try_from(file.len()?).map_err(|_| ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; len];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Makes `bytes` the durable content of the file at `path`: at every moment the old content or the
/// new is there, whole.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = path.with_added_extension("new");
    disk.remove(&aside)?;
    let file = disk.create(&aside)?;
    file.write_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(&aside, path)?;
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => disk.sync_dir(dir),
        _ => disk.sync_dir(Path::new(".")),
    }
}

/// Did this fail because the process, or the machine, has too many files open?
pub fn lacks_descriptors(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|errno| errno == libc::EMFILE || errno == libc::ENFILE)
}

/// The system's disk.
#[derive(Debug)]
pub struct RealDisk;

const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(FILE_MODE);
        Ok(Box::new(options.open(path)?))
    }

    fn exists(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(e) => Err(e),
        };
        removed.or_else(|e| if e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(path)?;
        // Some file systems do not count their files: they have none of none.
        if found.f_files > 0 && found.f_favail == 0 {
            return Ok(0);
        }
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn device(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.dev())
    }

    fn boot_id(&self) -> io::Result<String> {
        Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
    }
}

impl DiskFile for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match FileExt::read_at(self, &mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_a_file_leaves_the_new_content_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("office.json");
        replace(&RealDisk, &path, b"old").unwrap();
        replace(&RealDisk, &path, b"new").unwrap();
        assert_eq!(read_whole(&RealDisk, &path).unwrap(), b"new");
        assert_eq!(RealDisk.list(dir.path()).unwrap(), ["office.json"]);
    }

    #[test]
    fn a_file_that_is_there_is_not_created_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        RealDisk.create(&path).unwrap().write_at(b"kept", 0).unwrap();
        assert!(RealDisk.create(&path).is_err());
        assert_eq!(read_whole(&RealDisk, &path).unwrap(), b"kept");
    }
}
