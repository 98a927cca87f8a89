//! The JSON Schemas of what `--json` prints, for the package. Made from the same types that print
//! the documents.

use schemars::{Schema, schema_for};

use crate::status::Status;

/// Each document's schema, by the name of its file.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![("wasl-hq.status-1", schema_for!(Status))]
}
