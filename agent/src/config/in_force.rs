//! What the layers make together: built-in, below the edition, below this machine's `conf.d`.

use serde_json::Value;
use wasl_protocol::edition::{
    Edition, FieldRules, KeyId, OfficeSettings, Serial, SignedEdition, Trust,
};
use wasl_protocol::private::Private;

use crate::settings::Tighten;

/// What is in force, ready to be used.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Which edition; 0: what is built in.
    pub serial: Serial,
    /// Every setting.
    pub settings: OfficeSettings,
    /// The field rules among them.
    pub rules: FieldRules,
    /// Where each setting comes from.
    pub layers: Layers,
}

/// The layers above what is built in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layers {
    /// The edition.
    pub edition: Option<EditionLayer>,
    /// The settings that this machine's `conf.d` has tightened.
    pub tightened: Vec<&'static str>,
}

/// An edition, as a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct EditionLayer {
    /// Its number.
    pub serial: Serial,
    /// The keys that signed it.
    pub signed_by: Vec<KeyId>,
    /// Who wrote it.
    pub author: Private<String>,
    /// Why.
    pub reason: String,
    /// What it sets.
    document: Value,
}

/// Why a setting is what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The setting.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// The layer that won: `built-in`, `edition` or `conf.d`.
    pub layer: String,
    /// The edition in force, where it is one.
    pub serial: Option<Serial>,
    /// The keys that signed it.
    pub signed_by: Vec<KeyId>,
    /// Who wrote it.
    pub author: Option<Private<String>>,
    /// Why.
    pub reason: Option<String>,
}

const BUILT_IN: &str = "built-in";
const EDITION: &str = "edition";
const CONF_D: &str = "conf.d";

impl InForce {
    /// What the program carries, tightened by this machine. It cannot fail.
    pub fn built_in(tighten: &Tighten) -> Self {
        let mut settings = OfficeSettings::default();
        let tightened = tighten.apply(&mut settings);
        let layers = Layers { edition: None, tightened };
        Self { serial: Serial::BUILT_IN, settings, rules: FieldRules::default(), layers }
    }

    /// What an edition makes of it.
    ///
    /// # Errors
    /// What cannot be put in force, for people.
    pub fn of(
        signed: &SignedEdition,
        trust: &Trust,
        tighten: &Tighten,
    ) -> Result<(Self, Edition), String> {
        if !signed.is_signed(trust) {
            return Err("its slot holds what nobody signed who may".to_owned());
        }
        let edition = signed.edition().ok().flatten().ok_or("its slot does not decode")?;
        let mut settings = OfficeSettings::read(&edition.settings).map_err(|e| e.to_string())?;
        let tightened = tighten.apply(&mut settings);
        settings.check().map_err(|e| e.to_string())?;
        let rules = FieldRules::new(&settings.fields).map_err(|e| e.to_string())?;
        let document = serde_json::from_str(edition.settings.as_str()).unwrap_or_default();
        let layer = EditionLayer {
            serial: edition.serial,
            signed_by: signed.signers(trust).into_iter().collect(),
            author: edition.author.clone(),
            reason: edition.reason.clone(),
            document,
        };
        let layers = Layers { edition: Some(layer), tightened };
        Ok((Self { serial: edition.serial, settings, rules, layers }, edition))
    }

    /// Why a setting, or a section of them, is what it is; none if there is none of that name.
    pub fn explain(&self, key: &str) -> Option<Explained> {
        let all = serde_json::to_value(&self.settings).ok()?;
        let value = within(&all, key)?.clone();
        let edition = self.layers.edition.as_ref();
        let below = |name: &&str| name.strip_prefix(key).is_some_and(|r| r.starts_with('.'));
        let tightened = self.layers.tightened.iter().any(|name| *name == key || below(name));
        let set = edition.is_some_and(|edition| within(&edition.document, key).is_some());
        let layer = match (tightened, set) {
            (true, _) => CONF_D,
            (false, true) => EDITION,
            (false, false) => BUILT_IN,
        };
        Some(Explained {
            key: key.to_owned(),
            value,
            layer: layer.to_owned(),
            serial: edition.map(|edition| edition.serial),
            signed_by: edition.map(|edition| edition.signed_by.clone()).unwrap_or_default(),
            author: edition.map(|edition| edition.author.clone()),
            reason: edition.map(|edition| edition.reason.clone()),
        })
    }
}

/// What a document has under a dotted name. Names in it may have dots themselves.
fn within<'a>(document: &'a Value, key: &str) -> Option<&'a Value> {
    let Value::Object(fields) = document else { return None };
    fields.iter().find_map(|(name, value)| match key.strip_prefix(name.as_str())? {
        "" => Some(value),
        rest => within(value, rest.strip_prefix('.')?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_protocol::edition::{FieldSettings, LinkSettings};

    #[test]
    fn a_setting_is_found_by_its_dotted_name_even_where_names_have_dots() {
        let pattern = ("contact.phone".to_owned(), "07[0-9]+".to_owned());
        let settings = OfficeSettings {
            fields: FieldSettings { patterns: [pattern].into(), ..FieldSettings::default() },
            ..OfficeSettings::default()
        };
        let all = serde_json::to_value(&settings).unwrap();
        let heartbeat = LinkSettings::default().heartbeat_s;
        assert_eq!(within(&all, "link.heartbeat_s"), Some(&heartbeat.into()));
        assert_eq!(within(&all, "fields.patterns.contact.phone"), Some(&"07[0-9]+".into()));
        for none in ["", "link.", "link.heartbeat", "link.heartbeat_s.x", "nothing"] {
            assert_eq!(within(&all, none), None, "{none}");
        }
    }

    #[test]
    fn what_nobody_has_set_is_built_in() {
        let built_in = InForce::built_in(&Tighten::default());
        let explained = built_in.explain("day.capacity").unwrap();
        assert_eq!((explained.layer.as_str(), explained.value), (BUILT_IN, 96.into()));
        assert_eq!((explained.serial, explained.author), (None, None));
        assert!(built_in.explain("day.capacities").is_none());
    }
}
