//! Bytes in and out. The only room that knows bincode's configuration.
//!
//! The encoding is bincode 2, little-endian, variable-length integers. Decoding has a limit (a
//! hostile length allocates no more than that) and consumes every byte. Formats are frozen by
//! golden bytes; an enum is never encoded by its variant order: tags are written out by hand.

use alloc::vec::Vec;
use bincode::config::{Configuration, LittleEndian, Varint};
use bincode::{Decode, Encode, config};

use crate::limits;

/// Bytes that do not decode. Whose fault: the sender's. What now: refuse them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not have the form, or claim more than the limit.
    #[error("malformed bytes")]
    Malformed,
    /// Bytes are left over after a whole value.
    #[error("{0} bytes left over after the value")]
    Trailing(usize),
}

const CONFIG: Configuration<LittleEndian, Varint, config::Limit<{ limits::MESSAGE_BYTES }>> =
    config::standard().with_limit::<{ limits::MESSAGE_BYTES }>();

/// The bytes of a value of ours.
///
/// # Panics
/// Never for the types of this crate: they have no value that bincode cannot write.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, config::standard()).expect("our types always encode")
}

/// The value that these bytes are, all of them.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, used) =
        bincode::decode_from_slice(bytes, CONFIG).map_err(|_| DecodeError::Malformed)?;
    if used == bytes.len() { Ok(value) } else { Err(DecodeError::Trailing(bytes.len() - used)) }
}

/// The value at the start of these bytes, and how many of them it takes.
pub fn decode_prefix<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    bincode::decode_from_slice(bytes, CONFIG).map_err(|_| DecodeError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use std::vec;

    #[test]
    fn a_value_comes_back() {
        let v = (7u64, String::from("و"), vec![1u8, 2, 3]);
        assert_eq!(decode::<(u64, String, Vec<u8>)>(&encode(&v)).unwrap(), v);
    }

    #[test]
    fn a_byte_too_many_is_refused() {
        let mut bytes = encode(&7u64);
        bytes.push(0);
        assert_eq!(decode::<u64>(&bytes), Err(DecodeError::Trailing(1)));
    }

    #[test]
    fn a_length_that_lies_is_refused_without_allocating_it() {
        let lie = [253, 255, 255, 255, 255, 255, 255, 255, 127];
        assert_eq!(decode::<Vec<u8>>(&lie), Err(DecodeError::Malformed));
        assert_eq!(decode::<Vec<Vec<u64>>>(&lie), Err(DecodeError::Malformed));
    }
}
