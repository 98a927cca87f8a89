//! The sample: one day of the fourteen offices, 96 enrollments each. No person in it exists.

use serde::Deserialize;

const LINES: &str = include_str!("../data/enrollments.jsonl");
const OFFICES: &str = include_str!("../data/offices.json");

/// One of the fourteen offices.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Office {
    /// Its id.
    pub id: String,
    /// Its name in Arabic.
    pub name_ar: String,
    /// Its name in English.
    pub name_en: String,
}

/// The fourteen offices.
///
/// # Panics
/// Never: the file is carried in the binary, and a test reads it.
pub fn offices() -> Vec<Office> {
    serde_json::from_str(OFFICES).expect("the sample offices are JSON")
}

/// All lines of JSON.
pub fn lines() -> impl Iterator<Item = &'static str> {
    LINES.lines()
}

/// The lines of one office: their form numbers begin with its id.
pub fn lines_of(office: &str) -> Vec<&'static str> {
    let begin = format!("{{\"form_number\": \"{office}-2");
    lines().filter(|line| line.starts_with(&begin)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_belongs_to_one_of_the_fourteen_offices() {
        let counts: Vec<usize> = offices().iter().map(|o| lines_of(&o.id).len()).collect();
        assert_eq!(counts, [96; 14]);
        assert_eq!(lines().count(), 1_344);
    }
}
