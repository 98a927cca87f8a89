//! The JSON Schemas of what `--json` prints, for the package. Made from the same types that print
//! the documents.

use schemars::Schema;
use wasl_protocol::record::{HistoryReport, RecordReport};
use wasl_shown::schema;

use super::backup::BackupDocument;
use super::config;
use super::restore::RestoreDocument;
use crate::bundle::BundleReport;
use crate::console::{
    AdmittedDocument, ConflictList, EditionList, HeldDocument, HeldList, OfficeDocument,
    OfficeList, ReceiptDocument, RecordList, RolloutDocument, TokenDocument, VerifyReport,
};
use crate::status::{CodeList, Status};

/// Each document's schema, by the name of its file.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    let mut all = vec![
        ("wasl-hq.admitted-1", schema::of::<AdmittedDocument>()),
        ("wasl-hq.backup-1", schema::of::<BackupDocument>()),
        ("wasl-hq.bundle-import-1", schema::of::<BundleReport>()),
        ("wasl-hq.codes-1", schema::of::<CodeList>()),
        ("wasl-hq.editions-1", schema::of::<EditionList>()),
        ("wasl-hq.journal-verify-1", schema::of::<VerifyReport>()),
        ("wasl-hq.office-1", schema::of::<OfficeDocument>()),
        ("wasl-hq.offices-1", schema::of::<OfficeList>()),
        ("wasl-hq.receipt-1", schema::of::<ReceiptDocument>()),
        ("wasl-hq.restore-1", schema::of::<RestoreDocument>()),
        ("wasl-hq.rollout-1", schema::of::<RolloutDocument>()),
        ("wasl-hq.status-1", schema::of::<Status>()),
        ("wasl-hq.token-1", schema::of::<TokenDocument>()),
        ("wasl.conflicts-1", schema::of::<ConflictList>()),
        ("wasl.held-1", schema::of::<HeldList>()),
        ("wasl.held-entry-1", schema::of::<HeldDocument>()),
        ("wasl.history-1", schema::of::<HistoryReport>()),
        ("wasl.record-1", schema::of::<RecordReport>()),
        ("wasl.records-1", schema::of::<RecordList>()),
    ];
    all.extend(config::schemas());
    all
}
