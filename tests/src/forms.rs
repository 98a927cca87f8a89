//! Made-up enrollments. Nobody in them exists.

use serde_json::{Value, json};

/// A given name that must not be found in any log.
pub const GIVEN_NAME: &str = "تجريبية";

/// The number on form `n` of `office`.
pub fn number(office: &str, n: usize) -> String {
    format!("{office}-20260104-{n:05}")
}

/// Form `n` of `office`.
pub fn form(office: &str, n: usize) -> Value {
    json!({
        "form_number": number(office, n),
        "person": {
            "given_name": GIVEN_NAME,
            "father_name": "حسن",
            "grandfather_name": "زيد",
            "sex": if n.is_multiple_of(2) { "F" } else { "M" },
            "birth_date": "1990-02-03",
        },
        "contact": {"phone": format!("+96478{n:08}")},
        "household": [{"given_name": "وفاء", "relation": "parent", "birth_year": 1960}],
        "visit": {"appointment_date": "2026-01-04", "queue": n},
    })
}

/// Forms `range` of `office`, one a line.
pub fn lines(office: &str, range: std::ops::Range<usize>) -> String {
    range.map(|n| form(office, n).to_string() + "\n").collect()
}
