//! Every bound of the protocol, in one place, their relations checked while compiling.

/// The longest line, or body of one posted record, in bytes of JSON.
pub const POSTED_BYTES: usize = 256 * 1024;

/// The longest plaintext of one entry or state, encoded, before compression.
pub const PLAIN_BYTES: usize = 1024 * 1024;

/// The longest frame, header and seal included.
pub const FRAME_BYTES: usize = PLAIN_BYTES + 128 * 1024;

/// The longest message of a session, its length prefix not counted.
pub const MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// The most bytes of frames that one `Entries` message carries, unless a single frame is longer.
pub const ENTRIES_BYTES: usize = 256 * 1024;

/// The most bytes of frames that one `Fetched` message carries, unless a single frame is longer: a
/// damaged page of a disk needs less, and a slow link is not kept busy by one that needs none.
pub const FETCHED_BYTES: usize = 32 * 1024;

/// The most bytes of states that one `States` message carries, unless a single state is longer.
pub const STATES_BYTES: usize = 256 * 1024;

/// How many bytes of entries may be under way, sent and not acknowledged.
pub const ENTRIES_CREDIT_BYTES: u64 = 1024 * 1024;

/// How many bytes of states may be under way, sent and not acknowledged.
pub const STATES_CREDIT_BYTES: u64 = 1024 * 1024;

/// The longest head of a bundle.
pub const HEAD_BYTES: usize = 1024;

/// How many bytes of messages one piece of a bundle holds.
pub const PIECE_BYTES: usize = 64 * 1024;

/// The longest piece, sealed.
pub const SEALED_PIECE_BYTES: usize = PIECE_BYTES + 64;

/// Into how many buckets a scope is divided to be compared.
pub const BUCKETS: usize = 1024;

/// The most records that one `Listing` message names.
pub const LISTED: usize = 8 * 1024;

/// The longest office id.
pub const OFFICE_ID_BYTES: usize = 32;

/// The longest form number.
pub const FORM_NUMBER_BYTES: usize = 64;

/// The longest group name.
pub const GROUP_NAME_BYTES: usize = 32;

/// The longest name of an operator.
pub const OPERATOR_BYTES: usize = 128;

/// The longest signed edition, as a file or on the wire.
pub const EDITION_BYTES: usize = 512 * 1024;

/// The longest text of a receipt over the counter; with the longest office id it has 146 characters.
pub const RECEIPT_TEXT_BYTES: usize = 256;

/// How deep the JSON of a group may nest.
pub const JSON_DEPTH: usize = 16;

/// The most groups in one record.
pub const GROUPS: usize = 64;

/// The most journals of one office that a Hello may name.
pub const JOURNALS: usize = 64;

/// How many heads HQ quotes before its own position: at distances 1, 2, 4, ... 2^62.
pub const LADDER: usize = 63;

/// Entry frames are padded to a multiple of this many bytes before they are sealed.
pub const PAD_BYTES: usize = 64;

const _: () = assert!(LISTED * 32 < MESSAGE_BYTES && BUCKETS * 10 < MESSAGE_BYTES, "a list fits");
const _: () = assert!(EDITION_BYTES < MESSAGE_BYTES, "an edition fits a message");
const _: () = assert!(POSTED_BYTES < PLAIN_BYTES, "a posted record fits an entry");
const _: () = assert!(PLAIN_BYTES < FRAME_BYTES, "an entry fits a frame");
const _: () = assert!(FRAME_BYTES + ENTRIES_BYTES < MESSAGE_BYTES, "a frame fits a message");
const _: () = assert!(FETCHED_BYTES <= ENTRIES_BYTES, "what is fetched fits a message");
const _: () = assert!(PLAIN_BYTES + STATES_BYTES < MESSAGE_BYTES, "a state fits a message");
const _: () = assert!(ENTRIES_BYTES as u64 <= ENTRIES_CREDIT_BYTES, "credit lets a message out");
const _: () = assert!(STATES_BYTES as u64 <= STATES_CREDIT_BYTES, "credit lets a message out");
