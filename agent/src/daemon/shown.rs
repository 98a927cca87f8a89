//! What a browser is shown: the page, from the status document and what is in force.

use std::sync::Arc;

use tokio::sync::watch;
use wasl_protocol::edition::WorkingHours;

use crate::config::InForce;
use crate::intake::PageSource;
use crate::page::{CSS, Page};
use crate::status::Reporter;

pub(super) fn page_source(
    reporter: &Arc<Reporter>,
    in_force: watch::Receiver<Arc<InForce>>,
) -> PageSource {
    let reporter = reporter.clone();
    let html = move |language, hours: Option<&_>| {
        let status = reporter.status();
        let utc_offset_min = match &in_force.borrow().settings.working_hours {
            Some(hours) => hours.utc_offset_min,
            None => WorkingHours::BAGHDAD_MIN,
        };
        Page { status: &status, hours, language, utc_offset_min }.html()
    };
    PageSource { html: Box::new(html), css: &CSS }
}
