//! The doctor: looks at this machine, its disk, its clock and its way to headquarters, and says
//! what is wrong and what to do.
//!
//! Each check is one or more findings. Nothing is changed: the one file that is written, to time
//! the disk, is removed again; the handshake with headquarters is a stranger's: the office's
//! session goes on. It works beside a running daemon, a stopped one, and before joining. It knows
//! nothing of records, and no finding holds personal data.

mod finding; // one result
mod disk; // the data dir and what lies under it
mod mirror; // the second copy
mod clock; // the kernel's word, and headquarters'
mod network; // names, UDP, sizes
mod keys; // the key file and what it opens
mod places; // socket, settings, folders, status.json
mod system; // asking the system's own programs

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use finding::{Finding, Level};

use crate::keystore::Office;
use crate::seam::World;
use crate::status::Status;

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Patient<'a> {
    /// Clock and disk.
    pub world: &'a World,
    /// The data dir.
    pub dir: &'a Path,
    /// The key file, if one was named.
    pub key_file: Option<&'a Path>,
    /// What the daemon said.
    pub daemon: Answer,
}

/// What the daemon says when it is asked.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It runs.
    Running(Box<Status>),
    /// Nobody listens at its socket.
    Stopped,
    /// Somebody listens and does not answer.
    Silent,
    /// The socket cannot be used, and why.
    Closed(String),
}

impl Patient<'_> {
    fn status(&self) -> Option<&Status> {
        if let Answer::Running(status) = &self.daemon { Some(status) } else { None }
    }

    /// What joining taught, as far as it can be read.
    fn office(&self) -> Option<Office> {
        Office::as_written(self.world, self.dir).ok()
    }
}

/// `doctor --json`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Findings {
    /// `wasl.doctor/1`.
    pub schema: String,
    /// Did any check fail?
    pub failed: bool,
    /// What was found, in the order of the checks.
    pub items: Vec<Finding>,
}

impl Findings {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.doctor/1";

    fn new(items: Vec<Finding>) -> Self {
        let failed = items.iter().any(|finding| finding.level == Level::Fail);
        Self { schema: Self::SCHEMA.to_owned(), failed, items }
    }
}

/// Looks at everything, at most for about 15 s: what does not answer by then is a finding.
pub async fn examine(patient: &Patient<'_>) -> Findings {
    let (disk, kernel_clock, network, unit) = tokio::join!(
        disk::disk(patient),
        clock::kernel(),
        network::network(patient),
        places::unit(patient.dir),
    );
    let mut items = vec![places::daemon(patient), unit];
    items.extend(disk);
    items.push(mirror::mirror(patient).await);
    items.extend([kernel_clock, clock::headquarters(patient)]);
    items.extend(network);
    items.extend(keys::keys(patient));
    items.extend(places::places(patient));
    Findings::new(items)
}

/// How long the disk may take to answer.
const PATIENCE: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests;
