//! What an enrollment must hold here, beyond what every enrollment must.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use regex::Regex;

use super::settings::{FieldSettings, SettingsError};
use crate::id::GroupName;
use crate::json::{self, Json, Node};

/// The longest regular expression, in bytes; and how large it may become, in bytes.
const PATTERN_BYTES: usize = 512;
const COMPILED_BYTES: usize = 256 * 1024;

/// A field and what is asked of it.
type Rule<T> = (GroupName, String, T);

/// The field rules of an edition, ready to be used.
#[derive(Clone, Debug, Default)]
pub struct FieldRules {
    mandatory: Vec<Rule<()>>,
    patterns: Vec<Rule<Regex>>,
    blocked: Vec<Rule<BTreeSet<String>>>,
}

/// A field that breaks a rule. The message names the field, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {want}")]
pub struct FieldRefused {
    /// Which field.
    pub field: String,
    /// What it must be.
    pub want: &'static str,
}

impl FieldRules {
    /// The rules in these settings.
    ///
    /// # Errors
    /// If a field is not named `group.field`, or an expression is none or becomes too large.
    pub fn new(settings: &FieldSettings) -> Result<Self, SettingsError> {
        let mandatory = settings.mandatory.iter().map(|name| rule("mandatory", name, ()));
        let patterns = settings.patterns.iter().map(|(name, text)| {
            let regex = compile(text).map_err(|why| {
                let key = format!("fields.patterns.{name}");
                SettingsError::NotAllowed { key, value: text.clone(), want: why }
            })?;
            rule("patterns", name, regex)
        });
        let blocked = settings.blocked.iter().map(|(name, t)| rule("blocked", name, t.clone()));
        Ok(Self {
            mandatory: mandatory.collect::<Result<_, _>>()?,
            patterns: patterns.collect::<Result<_, _>>()?,
            blocked: blocked.collect::<Result<_, _>>()?,
        })
    }

    /// Checks the groups of an enrollment, or those that a correction replaces: of groups that are
    /// not `whole`ly here, what is missing is not asked for.
    ///
    /// # Errors
    /// The first field that breaks a rule.
    pub fn check(
        &self,
        groups: &BTreeMap<GroupName, Json>,
        whole: bool,
    ) -> Result<(), FieldRefused> {
        for (group, field, ()) in &self.mandatory {
            if (whole || groups.contains_key(group)) && is_empty(groups, group, field) {
                return Err(refused(group, field, "missing; this office must have it"));
            }
        }
        for (group, field, pattern) in &self.patterns {
            let fits = |text: &str| pattern.is_match(text);
            if !text(groups, group, field).is_none_or(|text| fits(&text)) {
                return Err(refused(group, field, "not of the form that headquarters asks for"));
            }
        }
        for (group, field, texts) in &self.blocked {
            if text(groups, group, field).is_some_and(|text| texts.contains(&text)) {
                return Err(refused(group, field, "headquarters does not take this value"));
            }
        }
        Ok(())
    }
}

fn rule<T>(list: &str, name: &str, what: T) -> Result<Rule<T>, SettingsError> {
    let parts = name.split_once('.').filter(|(_, field)| !field.is_empty());
    let group = parts.and_then(|(group, field)| Some((group.parse().ok()?, field.to_owned())));
    let (group, field) = group.ok_or_else(|| SettingsError::NotAllowed {
        key: format!("fields.{list}"),
        value: name.to_owned(),
        want: "name a field as group.field, such as contact.phone".to_owned(),
    })?;
    Ok((group, field, what))
}

fn compile(text: &str) -> Result<Regex, String> {
    if text.len() > PATTERN_BYTES {
        return Err(format!("an expression has at most {PATTERN_BYTES} bytes"));
    }
    let whole = format!("^(?:{text})$");
    let built = regex::RegexBuilder::new(&whole).size_limit(COMPILED_BYTES).build();
    built.map_err(|_| "it must be a regular expression, and not too large a one".to_owned())
}

fn refused(group: &GroupName, field: &str, want: &'static str) -> FieldRefused {
    FieldRefused { field: format!("{group}.{field}"), want }
}

/// The text of a field, or of a number or a truth value in it.
fn text(groups: &BTreeMap<GroupName, Json>, group: &GroupName, field: &str) -> Option<String> {
    let json = groups.get(group)?;
    let parsed = json::parse(json.as_str().as_bytes()).ok()?;
    match parsed.get(field)? {
        Node::Text(text) => Some(text.to_string()),
        Node::Null | Node::Object(_) | Node::List(_) => None,
        other => Some(Json::of(other).as_str().to_owned()),
    }
}

fn is_empty(groups: &BTreeMap<GroupName, Json>, group: &GroupName, field: &str) -> bool {
    let Some(json) = groups.get(group) else { return true };
    let Ok(parsed) = json::parse(json.as_str().as_bytes()) else { return true };
    match parsed.get(field) {
        None | Some(Node::Null) => true,
        Some(Node::Text(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}
