//! What the simulated disk promises, and what it breaks.

use super::*;

fn disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk.settle();
    disk
}

fn content(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
    wasl_agent::seam::read_whole(disk, Path::new(name)).ok()
}

#[test]
fn what_is_synced_outlives_every_power_cut_and_what_is_not_some() {
    let mut dice = Rng::with_seed(1);
    let (mut kept, mut torn, mut lost) = (0, 0, 0);
    for _ in 0..200 {
        let disk = disk();
        let file = disk.create(Path::new("/d/a")).unwrap();
        file.write_at(b"synced", 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_at(b"behind", 6).unwrap();
        disk.switch_off(true);
        assert!(file.write_at(b"x", 0).is_err() && file.sync_data().is_err());
        disk.reboot(&mut dice);
        let read = content(&disk, "/d/a").unwrap();
        assert!(read.starts_with(b"synced"));
        match read.len() {
            12 => kept += 1,
            6 => lost += 1,
            _ => torn += 1,
        }
    }
    assert!(kept > 20 && torn > 20 && lost > 20, "{kept} {torn} {lost}");
}

#[test]
fn a_name_is_durable_once_its_folder_is_synced() {
    let mut dice = Rng::with_seed(2);
    let mut gone = 0;
    for _ in 0..100 {
        let disk = disk();
        disk.create(Path::new("/d/a")).unwrap().sync_data().unwrap();
        disk.switch_off(true);
        disk.reboot(&mut dice);
        gone += usize::from(content(&disk, "/d/a").is_none());
    }
    assert!((20..80).contains(&gone), "{gone}");
}

#[test]
fn a_failed_sync_shows_readers_what_is_not_there() {
    let disk = disk();
    let file = disk.create(Path::new("/d/a")).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    file.write_at(b"lost", 0).unwrap();
    disk.set_trap(0, Trap::FailSync);
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(EIO));
    file.sync_data().unwrap();
    assert_eq!(content(&disk, "/d/a").unwrap(), b"lost");
}

#[test]
fn zeros_over_bytes_are_zeros_and_a_kill_keeps_what_was_written() {
    let disk = disk();
    let file = disk.create(Path::new("/d/a")).unwrap();
    file.write_at(&[7; 5_000], 100).unwrap();
    file.write_at(&[0; 9_000], 200).unwrap();
    disk.set_trap(0, Trap::Kill);
    assert!(file.write_at(b"never", 0).is_err());
    disk.restart();
    let mut expected = vec![0; 9_200];
    expected[100..200].fill(7);
    assert_eq!(content(&disk, "/d/a").unwrap(), expected);
}
