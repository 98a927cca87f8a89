//! What can be said to `wasl-hq`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use wasl_protocol::id::{GroupName, OfficeId};
use wasl_protocol::named::Named;
use wasl_protocol::private::Private;

use super::config::ConfigCommand;
use super::edit::{Setting, setting};
use super::named::NamedDot;

/// The data dir that the service's unit has.
const DATA_DIR: &str = "/var/lib/wasl-hq";

/// The reference central server of Wasl.
#[derive(Debug, Parser)]
#[command(name = "wasl-hq", version, max_term_width = 100)]
pub(super) struct Args {
    /// Which installation
    #[arg(long, global = true, value_name = "DIR", env = "WASL_HQ_DATA_DIR", default_value = DATA_DIR)]
    pub data_dir: PathBuf,
    /// Print one JSON document instead of a table
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make HQ's keys and database
    Init(Init),
    /// Serve offices until told to stop
    Run(Run),
    /// The offices: who may come
    #[command(subcommand)]
    Office(OfficeCommand),
    /// The records, as HQ has them
    #[command(subcommand)]
    Record(RecordCommand),
    /// The receipts that citizens took home
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Records in which several hands wrote the same group: which value counts
    #[command(subcommand)]
    Conflict(ConflictCommand),
    /// Entries that HQ stored and did not apply
    #[command(subcommand)]
    Held(HeldCommand),
    /// How offices run: signed editions, and their rollout
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The offices' journals
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Copy the database, the keys and the settings while HQ runs, and walk the copy
    Backup(BackupOptions),
    /// Put the database back from such a copy; HQ must be stopped
    Restore(RestoreOptions),
    /// What offices without a link send as files
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// How HQ and its offices are
    Status(StatusOptions),
    /// The monitoring plugin: one line; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
    Check,
    /// What a code in `status` means, why it comes, and what to do
    Explain {
        /// The word in brackets, such as office-late; without it all are listed
        code: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum BundleCommand {
    /// Take in what an office exported, and write the reply for it; the same one twice does no harm
    Import(BundleImport),
}

#[derive(Debug, clap::Args)]
pub(super) struct BundleImport {
    /// The file that `wasl bundle export` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the reply goes; a file that is there is not overwritten
    #[arg(long, value_name = "FILE")]
    pub reply: Option<PathBuf>,
    /// Take the entries of a machine of this office that may no longer come, and list them; such a
    /// one gets no reply
    #[arg(long, value_name = "OFFICE")]
    pub admit: Option<OfficeId>,
}

#[derive(Debug, clap::Args)]
pub(super) struct BackupOptions {
    /// Where the copy gets a folder of its own; as secret as HQ itself
    #[arg(value_name = "TO_DIR")]
    pub to: PathBuf,
    /// It is in another building: tell the offices that what is in it is stable
    #[arg(long)]
    pub offsite: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreOptions {
    /// A folder that `backup` made
    #[arg(value_name = "FROM_DIR")]
    pub from: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatusOptions {
    /// Show every column
    #[arg(long)]
    pub full: bool,
    /// Show it again every two seconds
    #[arg(long)]
    pub watch: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The UDP address to listen on; port 0 takes any
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// Where offices find HQ, if not where it listens
    #[arg(long, value_name = "ADDR:PORT")]
    pub public: Option<String>,
    /// Where the config-signing key goes; not into the data dir. [default: DIR.config-key]
    #[arg(long, value_name = "FILE")]
    pub config_key_out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The database; `sqlite:` is the one in the data dir
    #[arg(long, value_name = "URL", default_value = super::run::SQLITE)]
    pub store: String,
    /// Show the page, metrics and the status over HTTP there; loopback only
    #[arg(long, value_name = "ADDR:PORT")]
    pub http: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
pub(super) enum OfficeCommand {
    /// Add an office; prints its join token, good for 24 hours and one machine
    Add {
        /// A slug such as suq-al-shuyukh
        id: OfficeId,
        /// Its name in Arabic
        #[arg(long)]
        name_ar: Option<String>,
        /// Its name in English
        #[arg(long)]
        name_en: Option<String>,
    },
    /// List the offices
    List,
    /// Show one office
    Show {
        /// Which office; the beginning of its id will do
        id: OfficeId,
    },
    /// Print a new join token for an office that has not joined
    Token {
        /// Which office; the beginning of its id will do
        id: OfficeId,
    },
    /// Let a machine in that has no link: its request as a file, and the answer to carry back
    Admit {
        /// The file that `wasl join TOKEN --request FILE` wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where the answer goes; a file that is there is not overwritten
        #[arg(long, value_name = "FILE")]
        answer: PathBuf,
    },
    /// Compare all that an office has with what HQ has for it, at its next session
    Audit {
        /// Which office; the beginning of its id will do
        id: OfficeId,
    },
    /// Let an office in no more; ends its live session at once
    Revoke {
        /// Which office; the beginning of its id will do
        id: OfficeId,
    },
    /// Print a join token for a new machine of an office whose own is gone; that one is let in no
    /// more, and what it had not sent comes only from its disk or mirror
    Replace {
        /// Which office; the beginning of its id will do
        id: OfficeId,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RecordCommand {
    /// Show one record
    Get {
        /// Which record; the beginning of its id will do
        id: Named,
    },
    /// List the records
    List {
        /// Only those that this office opened
        #[arg(long, value_name = "ID")]
        office: Option<OfficeId>,
    },
    /// Change fields of one record
    Set {
        /// Which record; the beginning of its id will do
        id: Named,
        /// What to change; a value is JSON if it parses, else text
        #[arg(value_name = "GROUP.FIELD=VALUE", required = true, value_parser = setting)]
        settings: Vec<Setting>,
        #[command(flatten)]
        by: By,
    },
    /// Say that a record does not count; nothing of it is deleted
    Void {
        /// Which record; the beginning of its id will do
        id: Named,
        /// Why it does not count
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        by: By,
    },
    /// Show who wrote what into a record, and when
    History {
        /// Which record; the beginning of its id will do
        id: Named,
    },
    /// Let another office see and edit a record
    Grant {
        /// Which record; the beginning of its id will do
        id: Named,
        /// Which office; the beginning of its id will do
        office: OfficeId,
        /// No longer: the office's grant ends
        #[arg(long)]
        end: bool,
        #[command(flatten)]
        by: By,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ReceiptCommand {
    /// Say whether HQ has the entry that a receipt names; exit 1 if not
    Verify {
        /// What the QR code holds, beginning with WASL1:; `-` reads it from stdin
        #[arg(value_name = "TEXT")]
        text: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ConflictCommand {
    /// List the records in conflict, their values side by side
    List,
    /// End the conflict of one group
    Resolve {
        /// Which record; the beginning of its id will do
        id: Named,
        /// Which group
        group: GroupName,
        #[command(flatten)]
        choice: Choice,
        #[command(flatten)]
        by: By,
    },
}

/// Which value ends a conflict.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Choice {
    /// Take the value that this edit wrote
    #[arg(long, value_name = "DOT")]
    pub take: Option<NamedDot>,
    /// Write this value instead
    #[arg(long, value_name = "JSON")]
    pub value: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum HeldCommand {
    /// List the entries that are held, and what each waits for
    List,
    /// Show what a held entry says beside what the record has
    Show {
        /// Which entry; the beginning of its journal will do
        dot: NamedDot,
    },
    /// Let a held entry count
    Release {
        /// Which entry; the beginning of its journal will do
        dot: NamedDot,
        /// Without waiting for what its author had seen: at worst a conflict comes of it
        #[arg(long)]
        as_is: bool,
        #[command(flatten)]
        by: By,
    },
    /// Say that a held entry does not count; its office is told why
    Refuse {
        /// Which entry; the beginning of its journal will do
        dot: NamedDot,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        by: By,
    },
}

/// Who does it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct By {
    /// Who does it: goes into the record's history
    #[arg(long = "by", value_name = "NAME", env = "USER", hide_env_values = true)]
    name: Option<String>,
}

impl By {
    /// The name, where there is one.
    pub fn operator(self) -> Option<Private<String>> {
        self.name.filter(|name| !name.trim().is_empty()).map(Private)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Walk what is stored of an office's journals and check every link; exit 1 if one is broken
    Verify {
        /// Whose journals
        office: OfficeId,
    },
}
