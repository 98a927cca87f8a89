//! `init`: HQ's keys and database, and the config-signing key that does not stay.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::daemon::socket_path;
use crate::registry::{HqKeys, KEYS_FILE, RegistryError};
use crate::seam::World;
use crate::settings::Settings;
use crate::store::{DATABASE, Store};

use super::args::Init;
use super::ask::print;
use super::failure::{FAILED, Failure, USAGE};
use super::owner::give_to_owner;

/// Makes a new HQ in `dir`. The key file comes last: without it there is no HQ.
pub(super) async fn init(dir: &Path, init: &Init, world: &World) -> Result<(), Failure> {
    socket_path(dir)?;
    check_endpoint(init)?;
    let config_key = config_key_path(dir, init.config_key_out.as_deref())?;
    if dir.join(KEYS_FILE).exists() {
        return Err(RegistryError::Exists(dir.to_owned()).into());
    }
    if fs::metadata(dir.join(DATABASE)).is_ok_and(|found| found.len() > 0) {
        return Err(Failure::not_here(dir));
    }
    make_durably(dir).map_err(|e| Failure::io(dir, &e))?;
    let (keys, secret) = HqKeys::generate(world);
    let store = Store::open(&dir.join(DATABASE), &keys, world.clone()).await?;
    store.close().await;
    let settings = Settings { public: init.public.clone(), ..Settings::at(init.listen) };
    if fs::exists(dir.join(crate::settings::FILE)).is_ok_and(|there| !there) {
        settings.save(dir)?;
    }
    secret.write(&config_key).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(FAILED, &config_key.display().to_string(), "a file is there already")
                .help("name another with --config-key-out; keys are never overwritten")
        }
        _ => Failure::io(&config_key, &e),
    })?;
    keys.save(dir)?;
    give_to_owner(dir)?;
    print(&format!(
        "HQ is ready in {dir}\nconfig-signing key: {key} (keep it off this machine)\n\
         next: wasl-hq --data-dir {dir} run",
        dir = dir.display(),
        key = config_key.display(),
    ))
}

/// Makes the folder, if it is not there, and has its name outlast a power cut.
fn make_durably(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
    File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}

fn check_endpoint(init: &Init) -> Result<(), Failure> {
    match &init.public {
        None if init.listen.ip().is_unspecified() => {
            let why = format!("{} is no address that an office could find", init.listen.ip());
            Err(Failure::new(USAGE, "--listen", why)
                .help("say with --public ADDR:PORT where offices find HQ"))
        }
        Some(public) => {
            let port = public.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            let port = port.and_then(|(_, port)| port.parse::<u16>().ok()).filter(|p| *p != 0);
            let text = public.chars().all(|c| c.is_ascii_graphic());
            port.filter(|_| text).map(|_| ()).ok_or_else(|| {
                Failure::new(USAGE, "--public", "must be ADDR:PORT, such as hq.example:4433")
            })
        }
        None => Ok(()),
    }
}

/// Where the config-signing key goes: beside the data dir, never inside.
fn config_key_path(dir: &Path, asked: Option<&Path>) -> Result<PathBuf, Failure> {
    let whole = |p: &Path| std::path::absolute(p).map_err(|e| Failure::io(p, &e));
    let dir = whole(dir)?;
    let path = if let Some(path) = asked {
        whole(path)?
    } else {
        let mut name = dir.clone().into_os_string();
        name.push(".config-key");
        PathBuf::from(name)
    };
    // A link or `..` may lead into the data dir as well.
    let folder = path.parent().map(|p| fs::canonicalize(p).unwrap_or_else(|_| p.to_owned()));
    let real = fs::canonicalize(&dir).unwrap_or_else(|_| dir.clone());
    if path.starts_with(&dir) || folder.is_some_and(|f| f.starts_with(&real)) {
        return Err(Failure::new(USAGE, &path.display().to_string(), "lies in the data dir")
            .help("the config-signing key must not stay on the server: name a file elsewhere"));
    }
    Ok(path)
}
