//! The version of a record that a caller read, as opaque text.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use data_encoding::BASE64URL_NOPAD;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::codec;
use crate::record::VersionVector;

/// What a caller has read of a record: the state's version vector, as URL-safe text. An edit that
/// carries it is refused if a group it names holds a value that it does not cover.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String", inline)]
pub struct Token(pub VersionVector);

/// Text that is not a token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record's token: read the record again and send the token it shows")]
pub struct NotAToken;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&codec::encode(&self.0)))
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(s: &str) -> Result<Self, NotAToken> {
        let bytes = BASE64URL_NOPAD.decode(s.as_bytes()).map_err(|_| NotAToken)?;
        codec::decode(&bytes).map(Self).map_err(|_| NotAToken)
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let text: String = alloc::format!("{self}");
        s.serialize_str(&text)
    }
}
