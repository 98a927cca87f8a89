//! Many enrollments in one request: lines in, one answer line for each, in order.
//!
//! Lines are prepared and handed to the engine while earlier ones still wait for the disk, so that
//! one turn of the engine takes in many. A bad line is answered and the rest go on.
//!
//! An answer that ends well has answered every line. If the daemon stops before that, the body of
//! the answer is cut short, as HTTP can tell.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use wasl_protocol::id::FormNumber;
use wasl_protocol::limits;

use super::lines::{Line, Lines};
use super::{EnrolledReport, Intake, Problem, want_type};
use crate::engine::{Enrolled, Refused};

/// How many lines of one request may wait for the disk.
pub const IN_FLIGHT: usize = 256;

/// The answer to one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It is on disk.
    Enrolled {
        /// The number of the line; the first is 1.
        line: u64,
        /// 201, or 200 for a retry.
        status: u16,
        /// What it became.
        #[serde(flatten)]
        enrolled: EnrolledReport,
    },
    /// It is refused, and nothing of it stored.
    Refused {
        /// The number of the line; the first is 1.
        line: u64,
        /// Why.
        #[serde(flatten)]
        problem: Problem,
    },
}

pub(super) async fn enroll(
    State(intake): State<Arc<Intake>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    want_type(&headers, "application/x-ndjson")?;
    let cut = Arc::new(AtomicBool::new(false));
    let input = Input {
        body: body.into_data_stream(),
        lines: Lines::new(limits::POSTED_BYTES),
        stop: intake.stop.clone(),
        cut: cut.clone(),
        ended: false,
    };
    let last = stream::iter([()])
        .filter_map(move |()| std::future::ready(cut.load(Ordering::Relaxed).then_some(Err(Cut))));
    let answers = lines_of(input)
        .then(move |line| hand_over(intake.clone(), line))
        .buffered(IN_FLIGHT)
        .ready_chunks(IN_FLIGHT)
        .map(|answers| Ok(text(&answers)))
        .chain(last);
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(answers)).into_response())
}

/// The input was not taken to its end.
#[derive(Debug, thiserror::Error)]
#[error("the daemon is stopping, or the input was cut short")]
struct Cut;

struct Input {
    body: BodyDataStream,
    lines: Lines,
    stop: watch::Receiver<bool>,
    cut: Arc<AtomicBool>,
    ended: bool,
}

/// The lines of a body, until it ends, its sender goes away, or the daemon stops.
fn lines_of(input: Input) -> Pin<Box<impl Stream<Item = Line> + Send>> {
    Box::pin(stream::unfold(input, async |mut input| {
        loop {
            if let Some(line) = input.lines.next_line() {
                return Some((line, input));
            }
            if input.ended {
                return None;
            }
            let arrived = tokio::select! {
                arrived = input.body.next() => arrived,
                _ = input.stop.wait_for(|stop| *stop) => Some(Err(axum::Error::new(Cut))),
            };
            match arrived {
                Some(Ok(bytes)) => input.lines.feed(bytes),
                // What came of the last line may be only its beginning.
                Some(Err(_)) => {
                    input.cut.store(true, Ordering::Relaxed);
                    return None;
                }
                None => {
                    input.ended = true;
                    return input.lines.last_line().map(|line| (line, input));
                }
            }
        }
    }))
}

/// A line that the engine has, or that was refused before.
enum Handed {
    Waits(FormNumber, oneshot::Receiver<Result<Enrolled, Refused>>),
    Refused(Problem),
}

/// Prepares a line and hands it to the engine; the future that is returned waits for the answer.
async fn hand_over(intake: Arc<Intake>, line: Line) -> impl Future<Output = Answer> + Send {
    let handed = match try_hand_over(&intake, &line).await {
        Ok((form_number, waits)) => Handed::Waits(form_number, waits),
        Err(problem) => Handed::Refused(problem),
    };
    answered(intake, line.number, handed)
}

async fn try_hand_over(
    intake: &Intake,
    line: &Line,
) -> Result<(FormNumber, oneshot::Receiver<Result<Enrolled, Refused>>), Problem> {
    let text = line.text.as_ref().ok_or_else(|| Problem::too_long(intake.most_bytes()))?;
    let prepared = intake.admit(text).await?;
    let form_number = prepared.form_number.clone();
    Ok((form_number, intake.door.handle.enroll(prepared).await?))
}

async fn answered(intake: Arc<Intake>, line: u64, handed: Handed) -> Answer {
    let (form_number, waits) = match handed {
        Handed::Waits(form_number, waits) => (form_number, waits),
        Handed::Refused(problem) => return refused(&intake, line, problem),
    };
    match waits.await.unwrap_or(Err(Refused::Stopped)) {
        Ok(enrolled) => {
            intake.counts.enrolled(&enrolled);
            let enrolled = EnrolledReport::new(form_number, &enrolled);
            Answer::Enrolled { line, status: enrolled.status().as_u16(), enrolled }
        }
        Err(why) => refused(&intake, line, why.into()),
    }
}

fn refused(intake: &Intake, line: u64, problem: Problem) -> Answer {
    intake.counts.refused(&problem);
    Answer::Refused { line, problem }
}

fn text(answers: &[Answer]) -> Bytes {
    let mut text = Vec::with_capacity(answers.len() * 256);
    for answer in answers {
        serde_json::to_writer(&mut text, answer).expect("an answer is JSON");
        text.push(b'\n');
    }
    text.into()
}
