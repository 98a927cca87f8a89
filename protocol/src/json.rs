//! Canonical JSON, and the text that is refused at the door.
//!
//! Canonical is: keys sorted by code point, no white space, the shortest escapes (as RFC 8785, but
//! for the order of keys beyond the basic plane). Numbers are 64-bit integers or finite doubles
//! (RFC 7493); a longer integer is refused rather than rounded. Strings keep every code point as it
//! was given: nothing is normalised.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bincode::{Decode, Encode};
use core::fmt::{self, Write};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

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
    pub fn of(node: &Node<'_>) -> Self {
        let mut text = String::with_capacity(256);
        node.write(&mut text);
        Self(text.into_boxed_str())
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Refuses a peer's text that is not canonical JSON.
    pub fn check(&self) -> Result<(), JsonError> {
        self.node().map(|_| ())
    }

    /// The value, or why a peer's text is not canonical JSON.
    pub fn to_value(&self) -> Result<Value, JsonError> {
        self.node().map(Value::from)
    }

    fn node(&self) -> Result<Node<'_>, JsonError> {
        let node = parse(self.0.as_bytes())?;
        let mut text = String::with_capacity(self.0.len());
        node.write(&mut text);
        if text == *self.0 {
            Ok(node)
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

/// One JSON value, its text borrowed from what was parsed where that is possible. The keys of an
/// object are sorted, and none is there twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A 64-bit integer or a finite double.
    Number(Number),
    /// Text.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Node<'a>>),
    /// An object.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Parses JSON text: no key twice in an object, no inexact integer, nothing that disguises text, at
/// most [`limits::JSON_DEPTH`] deep.
///
/// Refused are control characters and the bidi characters that disguise text. Marks (U+200E, U+200F,
/// U+061C) and joiners (U+200C, U+200D) are normal Arabic text and pass.
pub fn parse(text: &[u8]) -> Result<Node<'_>, JsonError> {
    let text = core::str::from_utf8(text)
        .map_err(|e| JsonError::Syntax(format!("not UTF-8 at byte {}", e.valid_up_to() + 1)))?;
    let mut de = serde_json::Deserializer::from_str(text);
    let node = Exact { depth: 0 }.deserialize(&mut de);
    let node = node.and_then(|v| de.end().map(|()| v));
    let node = node.map_err(|e| JsonError::Syntax(format!("not JSON we accept: {e}")))?;
    if may_disguise(text) {
        check_text(&node, "")?;
    }
    Ok(node)
}

impl Node<'_> {
    /// The field of an object with this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Self::Number(n) => write!(out, "{n}").expect("writing to a string does not fail"),
            Self::Text(text) => write_string(text, out),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (i, (key, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl From<Node<'_>> for Value {
    fn from(node: Node<'_>) -> Self {
        match node {
            Node::Null => Self::Null,
            Node::Bool(b) => Self::Bool(b),
            Node::Number(n) => Self::Number(n),
            Node::Text(text) => Self::String(text.into_owned()),
            Node::List(items) => items.into_iter().collect(),
            Node::Object(fields) => fields.into_iter().map(|(k, v)| (k.into_owned(), v)).collect(),
        }
    }
}

/// Can there be a character in this JSON text that [`refused`] names? All of them are written as an
/// escape or begin with one of these bytes.
fn may_disguise(text: &str) -> bool {
    text.bytes().any(|b| matches!(b, b'\\' | 0x7f | 0xc2 | 0xe2))
}

fn check_text(node: &Node<'_>, path: &str) -> Result<(), JsonError> {
    match node {
        Node::Text(text) => check_str(text, path),
        Node::List(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(i, item)| check_text(item, &format!("{path}[{i}]"))),
        Node::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            check_str(key, path)?;
            check_text(value, &join(path, key))
        }),
        Node::Null | Node::Bool(_) | Node::Number(_) => Ok(()),
    }
}

/// Refuses text that [`parse`] would refuse; `path` says in the error where it stands.
pub fn check_str(s: &str, path: &str) -> Result<(), JsonError> {
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
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Node<'de>, D::Error> {
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
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Node<'de>, E> {
        Ok(Node::Number(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Node<'de>, E> {
        Ok(Node::Number(v.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Node<'de>, E> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match Number::from_f64(v) {
            Some(n) if v.abs() < EXACT => Ok(Node::Number(n)),
            _ => Err(E::custom("a number too large to be exact: write it as a string")),
        }
    }

    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(v)))
    }

    fn visit_str<E>(self, v: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(v.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut fields = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            fields.push((key, map.next_value_seed(inner)?));
        }
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        if fields.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(A::Error::custom("the same key twice in one object"));
        }
        Ok(Node::Object(fields))
    }
}

/// A key, borrowed where it has no escape.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

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
    fn a_number_of_many_digits_is_canonical_once_it_is_written() {
        for digits in 1..40 {
            let text = format!("{{\"value\":1.5{}}}", "2".repeat(digits));
            assert_eq!(Json(canonical(&text).into()).check(), Ok(()), "{text}");
        }
        // A place in Dhi Qar to ten digits behind the point.
        for n in 0..2_000u64 {
            let text = format!("[31.{:010},46.{:010}]", n * 4_999_999, n * 3_333_331);
            assert_eq!(Json(canonical(&text).into()).check(), Ok(()), "{text}");
        }
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
        let raw = |c: char| format!("{{\"person\":{{\"given_name\":\"ع{c}لي\"}}}}");
        let escaped = |c: char| raw('$').replace('$', &format!("\\u{:04x}", u32::from(c)));
        for c in ['\0', '\u{1b}', '\u{202e}', '\u{2067}', '\u{7f}', '\u{85}'] {
            let texts = if c < ' ' { [escaped(c), escaped(c)] } else { [raw(c), escaped(c)] };
            for text in texts {
                let e = parse(text.as_bytes()).unwrap_err().to_string();
                assert!(e.starts_with("person.given_name: "), "{e}");
            }
        }
        for c in ['\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{61c}', '\u{640}'] {
            parse(raw(c).as_bytes()).unwrap();
            parse(escaped(c).as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_peers_text_is_a_value_only_in_canonical_form() {
        assert!(Json("{\"a\":1}".into()).to_value().is_ok());
        assert!(Json("{ \"a\":1}".into()).to_value().is_err());
        assert!(Json("{\"a\":\"\\u0000\"}".into()).to_value().is_err());
    }
}
