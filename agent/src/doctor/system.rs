//! Asking the system's own programs.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a program prints, trimmed; none if it is not there, fails, or does not answer.
pub(super) async fn ask(program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let out = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    out.status.success().then(|| text.trim().to_owned())
}
