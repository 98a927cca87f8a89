//! Canonical JSON, and the text that is refused at the door.
//!
//! Canonical is: keys sorted by code point, no white space, the shortest escapes (as RFC 8785, but
//! for the order of keys beyond the basic plane). Numbers are 64-bit integers or finite doubles
//! (RFC 7493); a longer integer is refused rather than rounded. Strings keep every code point as it
//! was given: nothing is normalised.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bincode::{Decode, Encode};
use core::fmt::{self, Write};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::limits;

/// Text that is not JSON we accept. Its message names the place, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or a duplicate key, or nested too deep; with line and column.
    #[error("{0}")]
    Syntax(String),
    /// A character that may not stand in a record.
    #[error("{path}: {what} (U+{code:04X}) is not allowed in a record")]
    Text {
        /// Where it stands, such as `person.given_name`.
        path: String,
        /// What it is.
        what: &'static str,
        /// Its code point.
        code: u32,
    },
}

/// One value as canonical JSON text. Its `Debug` shows its length only: it is personal data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Json(Box<str>);

impl Json {
    /// The canonical form of a value.
    pub fn of(value: &Value) -> Self {
        let mut text = String::with_capacity(256);
        write_canonical(value, &mut text);
        Self(text.into_boxed_str())
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value, or why a peer's text is not canonical JSON.
    pub fn to_value(&self) -> Result<Value, JsonError> {
        let value = parse(self.0.as_bytes())?;
        check_text(&value, "")?;
        if Self::of(&value) == *self {
            Ok(value)
        } else {
            Err(JsonError::Syntax("not in canonical form".to_string()))
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} private bytes)", self.0.len())
    }
}

/// Parses JSON text: no duplicate key, no inexact integer, at most [`limits::JSON_DEPTH`] deep.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let text = core::str::from_utf8(text)
        .map_err(|e| JsonError::Syntax(format!("not UTF-8 at byte {}", e.valid_up_to() + 1)))?;
    let mut de = serde_json::Deserializer::from_str(text);
    let value = Exact { depth: 0 }.deserialize(&mut de);
    let value = value.and_then(|v| de.end().map(|()| v));
    value.map_err(|e| JsonError::Syntax(format!("not JSON we accept: {e}")))
}

/// Refuses control characters and the bidi characters that disguise text. Marks (U+200E, U+200F,
/// U+061C) and joiners (U+200C, U+200D) are normal Arabic text and pass.
pub fn check_text(value: &Value, path: &str) -> Result<(), JsonError> {
    match value {
        Value::String(s) => check_str(s, path),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(i, v)| check_text(v, &format!("{path}[{i}]")))
        }
        Value::Object(map) => map.iter().try_for_each(|(k, v)| {
            check_str(k, path)?;
            match v {
                Value::String(s) if s.chars().all(|c| refused(c).is_none()) => Ok(()),
                _ => check_text(v, &join(path, k)),
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check_str(s: &str, path: &str) -> Result<(), JsonError> {
    match s.chars().find_map(|c| refused(c).map(|what| (c, what))) {
        None => Ok(()),
        Some((c, what)) => {
            Err(JsonError::Text { path: path.to_string(), what, code: u32::from(c) })
        }
    }
}

fn refused(c: char) -> Option<&'static str> {
    match c {
        '\0' => Some("NUL"),
        '\n' | '\t' => None,
        '\u{202a}'..='\u{202e}' => Some("a bidi embedding or override"),
        '\u{2066}'..='\u{2069}' => Some("a bidi isolate"),
        _ if c.is_control() => Some("a control character"),
        _ => None,
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_unstable_by_key(|(k, _)| *k);
            out.push('{');
            for (i, (key, item)) in fields.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write_canonical(item, out);
            }
            out.push('}');
        }
        Value::String(s) => write_string(s, out),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            write!(out, "{value}").expect("writing to a string does not fail");
        }
    }
}

fn write_string(s: &str, out: &mut String) {
    if s.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(s);
        out.push('"');
    } else {
        out.push_str(&serde_json::to_string(s).expect("a string is JSON"));
    }
}

/// Builds a value while refusing what would not come back as it was given.
#[derive(Clone, Copy)]
struct Exact {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Exact {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl Exact {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == limits::JSON_DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> Visitor<'de> for Exact {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Value, E> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match Number::from_f64(v) {
            Some(n) if v.abs() < EXACT => Ok(Value::Number(n)),
            _ => Err(E::custom("a number too large to be exact: write it as a string")),
        }
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_string()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(inner)?;
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("the same key twice in one object"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Json::of(&parse(text.as_bytes()).unwrap()).as_str().to_string()
    }

    #[test]
    fn canonical_is_sorted_and_tight_and_keeps_the_text() {
        assert_eq!(
            canonical(r#"{ "b" : 1.0, "a": ["ب\u0627", -0, null, true] }"#),
            r#"{"a":["با",-0.0,null,true],"b":1.0}"#
        );
        assert_eq!(canonical(r#""a\"\n\\""#), r#""a\"\n\\""#);
    }

    #[test]
    fn a_value_that_would_change_is_refused() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            "123456789012345678901234567890",
            "1e400",
            "{} x",
            &("[".repeat(17) + &"]".repeat(17)),
        ] {
            assert!(matches!(parse(bad.as_bytes()), Err(JsonError::Syntax(_))), "{bad}");
        }
        assert!(parse(b"\"\xff\"").unwrap_err().to_string().contains("byte 2"));
    }

    #[test]
    fn disguising_characters_are_refused_and_arabic_joiners_pass() {
        let name = |c: char| serde_json::json!({ "person": { "given_name": format!("ع{c}لي") } });
        for c in ['\0', '\u{1b}', '\u{202e}', '\u{2067}', '\u{7f}', '\u{85}'] {
            let e = check_text(&name(c), "").unwrap_err().to_string();
            assert!(e.starts_with("person.given_name: "), "{e}");
        }
        for c in ['\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{61c}', '\u{640}'] {
            check_text(&name(c), "").unwrap();
        }
    }

    #[test]
    fn a_peers_text_is_a_value_only_in_canonical_form() {
        assert!(Json("{\"a\":1}".into()).to_value().is_ok());
        assert!(Json("{ \"a\":1}".into()).to_value().is_err());
        assert!(Json("{\"a\":\"\\u0000\"}".into()).to_value().is_err());
    }
}
