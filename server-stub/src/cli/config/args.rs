//! What can be said about config.

use std::path::PathBuf;

use clap::Subcommand;
use wasl_protocol::edition::Serial;
use wasl_protocol::id::OfficeId;

use crate::cli::args::By;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Check an edition before it is signed, and show what it would change at each office
    Check {
        /// The edition, in TOML
        file: PathBuf,
    },
    /// Sign an edition; needs no HQ
    Sign(Sign),
    /// Roll a signed edition out to the offices
    Push(Push),
    /// Show how far a rollout has come, and what each office runs
    Status {
        /// Which edition; the newest if not given
        serial: Option<Serial>,
    },
    /// List the editions that were pushed
    History,
    /// Write an edition with the settings of an older one; to be signed and pushed
    Revert {
        /// Back to which edition; 0 is what is built in
        serial: Serial,
        /// Where to write it
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        by: By,
    },
    /// Stop a rollout: offices that have it on trial go back
    Abort {
        /// Which edition; the newest if not given
        serial: Option<Serial>,
        #[command(flatten)]
        by: By,
    },
    /// Write the newest signed edition to a file, for offices without a link
    Export {
        /// Where to write it
        file: PathBuf,
    },
    /// Print the JSON Schema of an edition's TOML
    Schema,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Sign {
    /// The edition, in TOML
    pub file: PathBuf,
    /// The config-signing key that `init` wrote
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Where the signed edition goes
    #[arg(short, long, value_name = "SIGNED")]
    pub out: PathBuf,
    /// Its number, if the file has none
    #[arg(long, value_name = "N")]
    pub serial: Option<Serial>,
    /// The signed edition that it follows
    #[arg(long, value_name = "SIGNED")]
    pub previous: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Push {
    /// The signed edition
    pub file: PathBuf,
    /// Only to these offices of its scope
    #[arg(long, value_name = "OFFICE,..", value_delimiter = ',')]
    pub only: Vec<OfficeId>,
    /// The office that goes first; if not given, the first by name that is connected
    #[arg(long, value_name = "OFFICE", conflicts_with = "now")]
    pub canary: Option<OfficeId>,
    /// To all of them at once, without stages; that you did is recorded
    #[arg(long)]
    pub now: bool,
    #[command(flatten)]
    pub by: By,
}
