//! HQ and every office hold equal states, and those say what was posted.

use crate::fleet::{FleetError, Hq, Office};
use crate::http::Http;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// One record of the sample: where it was enrolled, and what was posted.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The index of its office.
    pub office: usize,
    /// The record's id, as the operator was answered.
    pub id: String,
    /// The line that was posted, and what was decided of it since.
    pub line: Cow<'static, str>,
}

impl Posted {
    /// Does its line have this field?
    pub fn has(&self, group: &str, field: &str) -> bool {
        !self.parsed()[group][field].is_null()
    }

    /// From now on it has this value.
    pub fn put(&mut self, group: &str, field: &str, value: &Value) {
        let mut line = self.parsed();
        line[group][field] = value.clone();
        self.line = line.to_string().into();
    }

    fn parsed(&self) -> Value {
        serde_json::from_str(&self.line).expect("the sample is JSON")
    }
}

/// What was compared, office by office.
#[derive(Clone, Debug, Default)]
pub struct Proven {
    /// Records whose states are equal at the office and at HQ.
    pub equal: u64,
    /// The first differences, for people.
    pub differences: Vec<String>,
}

/// The most differences that are told for one office.
const DIFFERENCES_TOLD: usize = 3;

/// Reads every record at HQ and at its office, and compares them with each other and with what was
/// posted.
pub fn compare(hq: &Hq, offices: &[Office], posted: &[Posted]) -> Result<Vec<Proven>, FleetError> {
    let mut at_hq = hq.at.http()?;
    let mut all = Vec::new();
    for (index, office) in offices.iter().enumerate() {
        let mut at_office = office.at.http()?;
        let mut proven = Proven::default();
        for record in posted.iter().filter(|p| p.office == index) {
            let sides = [&mut at_office, &mut at_hq].map(|http| read(http, &record.id));
            match difference(&sides, &record.line) {
                None => proven.equal += 1,
                Some(why) if proven.differences.len() < DIFFERENCES_TOLD => {
                    proven.differences.push(format!("{}: record {}: {why}", office.id, record.id));
                }
                Some(_) => {}
            }
        }
        all.push(proven);
    }
    Ok(all)
}

/// Why this does not prove that HQ and all offices hold the same `expected` records.
pub fn refuted(proven: &[Proven], expected: usize) -> Option<String> {
    let differences: Vec<&str> =
        proven.iter().flat_map(|p| &p.differences).map(String::as_str).collect();
    if !differences.is_empty() {
        return Some(differences.join("; "));
    }
    let equal: u64 = proven.iter().map(|p| p.equal).sum();
    (equal != expected as u64).then(|| format!("{equal} of {expected} records are equal"))
}

fn read(http: &mut Http, id: &str) -> Result<Value, String> {
    http.get(&format!("/v1/records/{id}")).map_err(|e| e.to_string())
}

/// What differs between the two sides, or between them and what was posted. Names fields, never
/// values.
pub fn difference(sides: &[Result<Value, String>; 2], posted: &str) -> Option<String> {
    let (office, hq) = match sides {
        [Err(why), _] => return Some(format!("the office does not have it: {why}")),
        [_, Err(why)] => return Some(format!("HQ does not have it: {why}")),
        [Ok(office), Ok(hq)] => (office, hq),
    };
    for field in ["version_vector", "groups", "form_number", "office"] {
        if office[field] != hq[field] || office[field].is_null() {
            return Some(format!("{field} differs"));
        }
    }
    let posted: Map<String, Value> = serde_json::from_str(posted).expect("the sample is JSON");
    for (field, value) in &posted {
        let kept = match field.as_str() {
            "form_number" => &office["form_number"],
            group => &office["groups"][group]["value"],
        };
        if kept != value {
            return Some(format!("{field} is not what was posted"));
        }
    }
    let groups = office["groups"].as_object().map_or(0, Map::len);
    (groups + 1 != posted.len()).then(|| "it has groups that were not posted".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const POSTED: &str = r#"{"form_number": "nasr-1", "person": {"sex": "F"}}"#;

    fn record() -> Value {
        json!({
            "form_number": "nasr-1", "office": "nasr", "version_vector": {"j": 2},
            "groups": {"person": {"value": {"sex": "F"}, "dot": "j:2", "siblings": []}},
        })
    }

    fn found(change: impl Fn(&mut Value)) -> Option<String> {
        let mut hq = record();
        change(&mut hq);
        difference(&[Ok(record()), Ok(hq)], POSTED)
    }

    #[test]
    fn equal_states_prove_it_and_any_difference_does_not() {
        assert_eq!(found(|_| {}), None);
        assert!(found(|hq| hq["version_vector"]["j"] = json!(3)).is_some());
        assert!(found(|hq| hq["groups"]["person"]["dot"] = json!("j:3")).is_some());
        assert!(found(|hq| hq["groups"]["person"]["value"]["sex"] = json!("M")).is_some());
        assert!(difference(&[Ok(record()), Err("404".into())], POSTED).is_some());
    }

    #[test]
    fn two_sides_that_agree_on_something_else_do_not_prove_it() {
        let both = |change: fn(&mut Value)| {
            let mut record = record();
            change(&mut record);
            difference(&[Ok(record.clone()), Ok(record)], POSTED)
        };
        assert!(both(|r| r["groups"]["person"]["value"]["sex"] = json!("M")).is_some());
        assert!(both(|r| r["groups"]["visit"] = json!({"value": {}})).is_some());
        assert!(both(|r| r["version_vector"] = Value::Null).is_some());
    }
}
