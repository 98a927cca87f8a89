//! `wasl enroll`: lines in, one line of JSON out for each that is on disk.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Method;
use bytes::BytesMut;
use futures_util::stream;
use http_body_util::BodyExt as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::client::{Client, talk};
use super::{Exit, Failure, Place, block_on};
use crate::intake::{Answer, Lines};

/// How much of the input is read at once.
const READ_BYTES: usize = 64 * 1024;

/// No answer line is longer.
const ANSWER_BYTES: usize = 64 * 1024;

/// Progress is shown for anything that takes longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to enroll.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One enrollment a line, as JSON; - for stdin
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

/// Streams the lines to the daemon and prints what each became.
pub fn enroll(place: &Place, args: &Args) -> Result<(), Failure> {
    block_on(async {
        let (input, bar) = open(&args.file).await?;
        let failed = Arc::new(OnceLock::new());
        let body = body(input, bar.clone(), failed.clone());
        let work = async |client: Client| stream_through(client, body, &bar).await;
        let done = talk(&place.data_dir, work).await?;
        bar.finish_and_clear();
        if let Some(why) = failed.get() {
            return Err(Failure::io(name(&args.file), why));
        }
        done
    })
}

type Input = Box<dyn AsyncRead + Send + Unpin>;

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

/// A bar that nobody sees yet: see [`show_late`].
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

/// Shows the bar once it has taken long; never where the answers are shown.
async fn show_late(bar: &ProgressBar) {
    tokio::time::sleep(PATIENCE).await;
    if io::stderr().is_terminal() && !io::stdout().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    std::future::pending::<()>().await;
}

/// The input as the body of a request. Why it could not be read to its end goes to `failed`.
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

async fn stream_through(mut client: Client, body: Body, bar: &ProgressBar) -> Result<(), Failure> {
    let body = Some(("application/x-ndjson", body));
    let mut tally =
        Tally { out: BufWriter::new(io::stdout().lock()), bar, enrolled: 0, bad: 0, again: 0 };
    let mut lines = Lines::new(ANSWER_BYTES);
    let exchange = async {
        let response = client.send(Method::POST, "/v1/enroll", body).await?;
        if !response.status().is_success() {
            return client.answer("enroll", response).await.map(|_| ());
        }
        let mut answers = response.into_body();
        while let Some(frame) = answers.frame().await {
            let frame = frame.map_err(|_| client.gone())?;
            let Ok(bytes) = frame.into_data() else { continue };
            lines.feed(bytes);
            while let Some(line) = lines.next_line() {
                tally.take(line.text.as_deref().unwrap_or_default())?;
            }
            tally.flush()?;
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = exchange => ended,
        () = show_late(bar) => Ok(()),
    };
    tally.flush()?;
    tally.verdict(ended)
}

/// Prints the answers and counts them.
struct Tally<'a> {
    out: BufWriter<StdoutLock<'static>>,
    bar: &'a ProgressBar,
    enrolled: u64,
    bad: u64,
    again: u64,
}

impl Tally<'_> {
    fn take(&mut self, text: &[u8]) -> Result<(), Failure> {
        let answer: Answer = serde_json::from_slice(text)
            .map_err(|e| Failure::new(Exit::Failed, format!("enroll: a strange answer: {e}")))?;
        match answer {
            Answer::Enrolled { enrolled, .. } => {
                self.enrolled += 1;
                let written = serde_json::to_writer(&mut self.out, &enrolled);
                let written = written.map_err(io::Error::from);
                written.and_then(|()| self.out.write_all(b"\n")).map_err(|e| lost(&e))?;
            }
            Answer::Refused { line, problem } => {
                if problem.passes() {
                    self.again += 1;
                } else {
                    self.bad += 1;
                }
                self.bar.suspend(|| eprintln!("line {line}: {}", problem.detail));
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.bar.set_message(format!("{} enrolled", self.enrolled));
        self.out.flush().map_err(|e| lost(&e))
    }

    fn verdict(&self, ended: Result<(), Failure>) -> Result<(), Failure> {
        let (enrolled, bad, again) = (self.enrolled, self.bad, self.again);
        let retry =
            "enroll the same file again: what is on disk already is answered as a duplicate";
        if let Err(failure) = ended {
            let answered = enrolled + bad + again;
            let message = format!("{}; {answered} lines were answered", failure.message);
            return Err(Failure { message, ..failure }.help(retry));
        }
        if again > 0 {
            let message = format!("enroll: {again} lines were not stored, {bad} were refused");
            return Err(Failure::new(Exit::Again, message).help(retry));
        }
        if bad > 0 {
            let all = enrolled + bad;
            let message = format!("enroll: {bad} of {all} lines were refused; the rest are stored");
            return Err(Failure::new(Exit::Failed, message));
        }
        Ok(())
    }
}

fn lost(why: &io::Error) -> Failure {
    Failure::io("stdout", why).help("what was enrolled is stored; its answers were not printed")
}
