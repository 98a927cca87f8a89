//! `wasl enroll`: lines in, one line of JSON out for each that is on disk.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};
use std::path::PathBuf;

use axum::body::Body;
use axum::http::Method;
use http_body_util::BodyExt as _;
use indicatif::ProgressBar;

use super::client::{Client, talk};
use super::upload::{Upload, show_late};
use super::{Exit, Failure, Place, block_on};
use crate::intake::{Answer, Lines};

/// No answer line is longer.
const ANSWER_BYTES: usize = 64 * 1024;

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
        let (upload, body) = Upload::open(&args.file).await?;
        let bar = upload.bar();
        let work = async |client: Client| stream_through(client, body, bar).await;
        let done = talk(&place.data_dir, work).await?;
        upload.end()?;
        done
    })
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
        () = show_late(bar, !io::stdout().is_terminal()) => Ok(()),
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
