//! A file as the body of a request, and how far it has been read.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use bytes::BytesMut;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Failure;

/// How much of the input is read at once.
const READ_BYTES: usize = 64 * 1024;

/// Progress is shown for anything that takes longer.
const PATIENCE: Duration = Duration::from_secs(2);

type Input = Box<dyn AsyncRead + Send + Unpin>;

/// A file on its way.
pub(super) struct Upload {
    file: PathBuf,
    bar: ProgressBar,
    /// Why it could not be read to its end.
    failed: Arc<OnceLock<io::Error>>,
}

impl Upload {
    /// Opens a file, `-` for stdin, and its bytes as they are read.
    pub(super) async fn open(file: &Path) -> Result<(Self, Body), Failure> {
        let (input, bar) = open(file).await?;
        let failed = Arc::new(OnceLock::new());
        let body = body(input, bar.clone(), failed.clone());
        Ok((Self { file: file.to_owned(), bar, failed }, body))
    }

    /// How far it has been read; nobody sees it yet: see [`show_late`].
    pub(super) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    /// It has been sent, or could not be read to its end.
    pub(super) fn end(self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        self.failed.get().map_or(Ok(()), |why| Err(Failure::io(name(&self.file), why)))
    }
}

async fn open(file: &Path) -> Result<(Input, ProgressBar), Failure> {
    if file == Path::new("-") {
        return Ok((Box::new(tokio::io::stdin()), progress(None)));
    }
    let failed = |e: io::Error| Failure::io(name(file), &e);
    let input = tokio::fs::File::open(file).await.map_err(failed)?;
    let found = input.metadata().await.map_err(failed)?;
    Ok((Box::new(input), progress(found.is_file().then_some(found.len()))))
}

fn name(file: &Path) -> String {
    if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() }
}

fn progress(bytes: Option<u64>) -> ProgressBar {
    let template = match bytes {
        Some(_) => "{bar:30} {bytes}/{total_bytes}, {msg}, {eta} to go",
        None => "{bytes}, {msg}",
    };
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let hidden = ProgressDrawTarget::hidden();
    ProgressBar::with_draw_target(bytes, hidden).with_style(style)
}

/// Shows the bar once it has taken long, where stderr is a terminal and it is `wanted`.
pub(super) async fn show_late(bar: &ProgressBar, wanted: bool) {
    tokio::time::sleep(PATIENCE).await;
    if wanted && io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    std::future::pending::<()>().await;
}

fn body(input: Input, bar: ProgressBar, failed: Arc<OnceLock<io::Error>>) -> Body {
    let state = (input, BytesMut::new(), bar, failed);
    let pieces = stream::unfold(state, async |(mut input, mut buffer, bar, failed)| {
        buffer.reserve(READ_BYTES);
        let piece: Result<Bytes, &str> = match input.read_buf(&mut buffer).await {
            Ok(0) => return None,
            Ok(n) => {
                bar.inc(n as u64);
                Ok(buffer.split().freeze())
            }
            Err(why) => {
                let _ = failed.set(why);
                Err("the input cannot be read")
            }
        };
        Some((piece, (input, buffer, bar, failed)))
    });
    Body::from_stream(pieces)
}
