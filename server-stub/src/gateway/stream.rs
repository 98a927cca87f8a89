//! Messages onto and off QUIC streams, in pieces that a `select!` may interrupt at any point.
//!
//! Knows nothing of what the messages say.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};
use quinn::{Connection, RecvStream, SendStream};
use wasl_protocol::wire::{Assembler, Message, Stream};

use super::limits::PIECE_BYTES;

/// Why a stream gives or takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The connection or the stream ended: the other side is gone.
    #[error("the other side is gone")]
    Gone,
    /// The other side broke the protocol.
    #[error("bytes that are no message of this stream")]
    Fault,
}

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
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        let Some(next) = self.queue.front_mut() else { return std::future::pending().await };
        next.advance(self.stream.write(next).await.map_err(|_| Broken::Gone)?);
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
    fn new(which: Stream, stream: RecvStream) -> Self {
        Self { which, stream, assembler: Assembler::default() }
    }

    /// The next message. Safe to drop: what has arrived is kept.
    async fn next(&mut self) -> Result<Message, Broken> {
        loop {
            match self.assembler.next_message() {
                Ok(Some(message)) if message.stream() == self.which => return Ok(message),
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => return Err(Broken::Fault),
            }
            match self.stream.read_chunk(PIECE_BYTES, true).await {
                Ok(Some(chunk)) => self.assembler.feed(&chunk.bytes),
                Ok(None) | Err(_) => return Err(Broken::Gone),
            }
        }
    }
}

/// The control stream, which the office opens first.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) outbox: Outbox,
    inbox: Inbox,
}

impl Control {
    /// The next message of the office, if there is room for one, or none once some of what waits
    /// has gone. Safe to drop.
    pub(super) async fn step(
        control: &mut Option<Self>,
        connection: &Connection,
        room: bool,
    ) -> Result<Option<Message>, Broken> {
        if control.is_none() {
            let (send, receive) = connection.accept_bi().await.map_err(|_| Broken::Gone)?;
            // Small messages first: an Ack must not wait behind states.
            let _ = send.set_priority(1);
            let (outbox, inbox) = (Outbox::new(send), Inbox::new(Stream::Control, receive));
            *control = Some(Self { outbox, inbox });
        }
        let Self { outbox, inbox } = control.as_mut().expect("it has just been filled");
        tokio::select! {
            biased;
            flushed = outbox.flush() => flushed.map(|()| None),
            message = inbox.next(), if room => message.map(Some),
        }
    }
}

/// The next message of entries. Safe to drop.
pub(super) async fn next_entries(
    inbox: &mut Option<Inbox>,
    connection: &Connection,
) -> Result<Message, Broken> {
    if inbox.is_none() {
        let stream = connection.accept_uni().await.map_err(|_| Broken::Gone)?;
        *inbox = Some(Inbox::new(Stream::Entries, stream));
    }
    inbox.as_mut().expect("it has just been filled").next().await
}
