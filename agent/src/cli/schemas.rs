//! The JSON Schemas of what `--json` prints, for the package. Made from the same types that print
//! the documents.

use schemars::Schema;
use wasl_protocol::record::{HistoryReport, RecordReport};
use wasl_shown::schema;

use super::explain::ExplainedCodes;
use super::join::{Asking, Joining};
use super::journal::Verification;
use super::retire::Retired;
use crate::bundle::{self, Exported};
use crate::doctor::Findings;
use crate::intake::{
    ConfigReport, ConflictList, EnrolledReport, ExplainReport, HeldList, Imported, PauseReport,
    RecordList,
};
use crate::receipt::ReceiptReport;
use crate::status::Status;

/// Each document's schema, by the name of its file.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("wasl.bundle-export-1", schema::of::<Exported>()),
        ("wasl.bundle-import-1", schema::of::<bundle::Imported>()),
        ("wasl.config-1", schema::of::<ConfigReport>()),
        ("wasl.conflicts-1", schema::of::<ConflictList>()),
        ("wasl.doctor-1", schema::of::<Findings>()),
        ("wasl.enrolled-1", schema::of::<EnrolledReport>()),
        ("wasl.explain-1", schema::of::<ExplainedCodes>()),
        ("wasl.held-1", schema::of::<HeldList>()),
        ("wasl.history-1", schema::of::<HistoryReport>()),
        ("wasl.import-1", schema::of::<Imported>()),
        ("wasl.join-request-1", schema::of::<Asking>()),
        ("wasl.joined-1", schema::of::<Joining>()),
        ("wasl.pause-1", schema::of::<PauseReport>()),
        ("wasl.receipt-1", schema::of::<ReceiptReport>()),
        ("wasl.record-1", schema::of::<RecordReport>()),
        ("wasl.records-1", schema::of::<RecordList>()),
        ("wasl.retired-1", schema::of::<Retired>()),
        ("wasl.setting-1", schema::of::<ExplainReport>()),
        ("wasl.status-1", schema::of::<Status>()),
        ("wasl.verify-1", schema::of::<Verification>()),
    ]
}
