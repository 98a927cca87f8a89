//! Messages onto and off QUIC streams, in pieces that a `select!` may interrupt at any point.
//!
//! Knows nothing of what the messages say.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};
use quinn::{Connection, RecvStream, SendStream};
use wasl_protocol::wire::{Assembler, Message, Stream};

use super::failure::Failure;

/// Messages that wait for room on a stream. Whoever fills it looks at [`Self::waiting`] first.
#[derive(Debug)]
pub(super) struct Outbox {
    stream: SendStream,
    queue: VecDeque<Bytes>,
}

impl Outbox {
    pub(super) fn new(stream: SendStream) -> Self {
        Self { stream, queue: VecDeque::new() }
    }

    /// Puts a message in line.
    pub(super) fn push(&mut self, message: &Message) {
        self.queue.push_back(message.encode().into());
    }

    /// How many messages have not been taken whole.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Hands QUIC some of what waits; never returns while nothing does. Safe to drop.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let Some(next) = self.queue.front_mut() else { return std::future::pending().await };
        let taken = self.stream.write(next).await;
        next.advance(taken.map_err(|e| Failure::Broken(e.to_string()))?);
        if next.is_empty() {
            self.queue.pop_front();
        }
        Ok(())
    }
}

/// Puts the messages of a stream together.
#[derive(Debug)]
pub(super) struct Inbox {
    which: Stream,
    stream: RecvStream,
    assembler: Assembler,
}

impl Inbox {
    pub(super) fn new(which: Stream, stream: RecvStream) -> Self {
        Self { which, stream, assembler: Assembler::default() }
    }

    /// The next message. Safe to drop: what has arrived is kept.
    pub(super) async fn next(&mut self) -> Result<Message, Failure> {
        loop {
            match self.assembler.next_message() {
                Ok(Some(message)) if message.stream() == self.which => return Ok(message),
                Ok(None) => {}
                Ok(Some(_)) => {
                    return Err(Failure::Fault("a message on another stream".to_owned()));
                }
                Err(error) => return Err(Failure::Fault(error.to_string())),
            }
            let piece = self.stream.read_chunk(PIECE_BYTES, true).await;
            match piece.map_err(|e| Failure::Broken(e.to_string()))? {
                Some(chunk) => self.assembler.feed(&chunk.bytes),
                None => return Err(Failure::Broken("HQ ended a stream".to_owned())),
            }
        }
    }
}

/// The next message of the stream that HQ opens once it has something to send. Safe to drop.
pub(super) async fn next_of(
    inbox: &mut Option<Inbox>,
    connection: &Connection,
) -> Result<Message, Failure> {
    if inbox.is_none() {
        *inbox = Some(Inbox::new(Stream::States, connection.accept_uni().await?));
    }
    inbox.as_mut().expect("it has just been filled").next().await
}

/// The most bytes taken off a stream at a time.
const PIECE_BYTES: usize = 64 * 1024;
