//! The JSON Schemas of what `--json` prints, for the package. Made from the same types that print
//! the documents.

use schemars::{Schema, schema_for};

use super::explain::ExplainedCodes;
use crate::doctor::Findings;
use crate::intake::{
    ConfigReport, EnrolledReport, ExplainReport, HeldList, Imported, PauseReport, RecordList,
};
use crate::receipt::ReceiptReport;
use crate::status::Status;

/// Each document's schema, by the name of its file.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("wasl.config-1", schema_for!(ConfigReport)),
        ("wasl.doctor-1", schema_for!(Findings)),
        ("wasl.enrolled-1", schema_for!(EnrolledReport)),
        ("wasl.explain-1", schema_for!(ExplainedCodes)),
        ("wasl.held-1", schema_for!(HeldList)),
        ("wasl.import-1", schema_for!(Imported)),
        ("wasl.pause-1", schema_for!(PauseReport)),
        ("wasl.receipt-1", schema_for!(ReceiptReport)),
        ("wasl.records-1", schema_for!(RecordList)),
        ("wasl.setting-1", schema_for!(ExplainReport)),
        ("wasl.status-1", schema_for!(Status)),
    ]
}
