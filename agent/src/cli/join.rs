//! `wasl join`: this machine becomes an office.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use wasl_protocol::id::OfficeId;
use wasl_protocol::join::{
    JoinFile, JoinFileError, JoinRequest, JoinToken, Joined, NotAJoinToken, TransportKey,
    read_answer_file,
};

use super::owner::become_owner;
use super::{Exit, Failure, Place, block_on, print, print_json};
use crate::engine;
use crate::format;
use crate::intake::socket_path;
use crate::keystore::{Identity, KeyFile, KeystoreError, Office};
use crate::link::{self, Credentials, JoinError, Keys};
use crate::seam::{DirLock, World, read_whole, replace};

/// With what to join.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The token that `wasl-hq office add` printed
    #[arg(required_unless_present = "answer")]
    token: Option<String>,
    /// Without a link: write the request to a file, `-` for stdout, to be carried to headquarters;
    /// it is as secret as the token
    #[arg(long, value_name = "FILE", conflicts_with = "answer")]
    request: Option<PathBuf>,
    /// Without a link: headquarters' answer to that request, `-` for stdin
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,
}

/// The longest answer, as a file, in bytes.
const ANSWER_BYTES: u64 = 16 * 1024;

/// How much of a key is shown: enough to compare by eye.
const KEY_SHOWN_BYTES: usize = 8;

/// The token of a request that was written to a file, until its answer is here.
const ASKED: &str = "join.token";

/// Joins. Each step can be done again: a command that was cut short is given once more.
pub fn join(place: &Place, args: &Args) -> Result<(), Failure> {
    let token = args.token.as_deref().map(parse).transpose()?;
    let (world, dir) = (World::real(), &place.data_dir);
    socket_path(dir)?;
    become_owner(place, true)?;
    format::check(&world, dir)?;
    let key = KeyFile::locate(dir, place.key_file.as_deref())?;
    world.disk.create_dir_all(dir).map_err(|e| Failure::io(dir.display(), &e))?;
    let _lock = DirLock::take(dir)?;
    format::enter(&world, dir)?;
    let identity = Identity::create(&world, dir, &key)?;
    refuse_joined(&world, &identity)?;
    let token = match token {
        Some(token) => token,
        None => asked(&world, dir)?,
    };
    if let Some(file) = &args.request {
        return request(place, (&world, &identity), &token, file);
    }
    let joined = match &args.answer {
        Some(file) => answered(&token, &identity, file)?,
        None => ask(&token, &identity)?,
    };
    engine::birth(&world, &identity, &joined)?;
    // Last: from here on the data dir is an office's.
    let office = identity.joined(&world, &joined, token.hq, &token.endpoints)?;
    let asked = dir.join(ASKED);
    world.disk.remove(&asked).map_err(|e| Failure::io(asked.display(), &e))?;
    tell(place, &office)
}

fn parse(text: &str) -> Result<JoinToken, Failure> {
    text.parse().map_err(|e: NotAJoinToken| {
        Failure::new(Exit::Usage, format!("join: {e}"))
            .help("copy the whole token, without line breaks")
    })
}

/// The token with which this machine has asked by file.
fn asked(world: &World, dir: &Path) -> Result<JoinToken, Failure> {
    let never = || {
        let why = format!("join: {}: this machine has not asked to join by file", dir.display());
        Failure::new(Exit::Failed, why).help("give the token too: wasl join TOKEN --answer FILE")
    };
    let path = dir.join(ASKED);
    if !world.disk.exists(&path) {
        return Err(never());
    }
    let text = read_whole(&*world.disk, &path).map_err(|e| Failure::io(path.display(), &e))?;
    parse(&String::from_utf8(text).map_err(|_| never())?)
}

/// Writes the request to join to a file.
fn request(
    place: &Place,
    (world, identity): (&World, &Identity),
    token: &JoinToken,
    file: &Path,
) -> Result<(), Failure> {
    let (transport, sign_key) = (transport_key(token, identity)?, identity.sign_key());
    let wrap_key = identity.unwrap_key().wrap_key();
    let version = env!("CARGO_PKG_VERSION");
    let request = JoinRequest::new(token, transport, &sign_key, wrap_key, version);
    let bytes = JoinFile { transport, hq: token.hq, request }.encode();
    let path = place.data_dir.join(ASKED);
    let kept = replace(&*world.disk, &path, token.to_string().as_bytes());
    kept.map_err(|e| Failure::io(path.display(), &e))?;
    if file == Path::new("-") {
        let written = io::stdout().lock().write_all(&bytes);
        return written.map_err(|e| Failure::io("stdout", &e));
    }
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(file);
    let written = made.and_then(|mut made| made.write_all(&bytes).and_then(|()| made.sync_all()));
    written.map_err(|e| {
        let failure = Failure::io(file.display(), &e);
        match e.kind() {
            io::ErrorKind::AlreadyExists => failure.help("name another, or remove it first"),
            _ => failure
                .help("the data dir's owner has to be able to write there; or: --request - > FILE"),
        }
    })?;
    let key = data_encoding::HEXLOWER.encode(&transport.0[..KEY_SHOWN_BYTES]);
    if place.json {
        let office = token.office.clone();
        return print_json(&Asking { schema: "wasl.join-request/1", office, key });
    }
    let name = file.display();
    print(&format!(
        "{name}: asks to join as {}, with key {key}\n\
         at headquarters: wasl-hq office admit {name} --answer ANSWER; then here: wasl join \
         --answer ANSWER\n",
        token.office
    ))
}

/// What headquarters answered by file.
fn answered(token: &JoinToken, identity: &Identity, file: &Path) -> Result<Joined, Failure> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().take(ANSWER_BYTES).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(ANSWER_BYTES).read_to_end(&mut bytes))
    };
    read.map_err(|e| Failure::io(file.display(), &e).help("or: --answer - < FILE"))?;
    let read = read_answer_file(&bytes, transport_key(token, identity)?, token.hq);
    let read = read.and_then(|joined| {
        if joined.office == token.office { Ok(joined) } else { Err(JoinFileError::OtherKeys) }
    });
    read.map_err(|e| {
        Failure::new(Exit::Failed, format!("join: {}: {e}", file.display()))
            .help("bring what `wasl-hq office admit` wrote for this machine's request")
    })
}

fn transport_key(token: &JoinToken, identity: &Identity) -> Result<TransportKey, Failure> {
    let credentials = Credentials::new(&identity.transport_secret(), token.hq);
    let credentials = credentials.map_err(|e| Failure::new(Exit::Failed, format!("join: {e}")))?;
    Ok(credentials.transport_key())
}

fn refuse_joined(world: &World, identity: &Identity) -> Result<(), Failure> {
    match Office::load(world, identity) {
        Ok(office) => {
            let dir = identity.dir().to_owned();
            Err(KeystoreError::AlreadyJoined { dir, office: office.id }.into())
        }
        Err(KeystoreError::NotJoined(_)) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn ask(token: &JoinToken, identity: &Identity) -> Result<Joined, Failure> {
    let (transport, sign_key) = (identity.transport_secret(), identity.sign_key());
    let wrap_key = identity.unwrap_key().wrap_key();
    let keys = Keys { transport_secret: &transport, sign_key: &sign_key, wrap_key };
    let refused = |e: JoinError| {
        let exit = if e.is_passing() { Exit::Again } else { Exit::Failed };
        Failure::new(exit, format!("join: {e}")).help(e.help())
    };
    block_on(async { link::join(token, keys).await.map_err(refused) })
}

/// `join --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Joining {
    schema: &'static str,
    office: OfficeId,
    name_ar: String,
    name_en: String,
}

/// `join --request --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Asking {
    schema: &'static str,
    /// As which office.
    office: OfficeId,
    /// The beginning of this machine's transport key: `wasl-hq office admit` shows the same.
    key: String,
}

fn tell(place: &Place, office: &Office) -> Result<(), Failure> {
    if place.json {
        let Office { id, name_ar, name_en, .. } = office.clone();
        return print_json(&Joining { schema: "wasl.joined/1", office: id, name_ar, name_en });
    }
    print(&format!(
        "joined as {}; next: wasl run --data-dir {}\n",
        office.id,
        place.data_dir.display()
    ))
}
