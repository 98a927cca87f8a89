//! What the demo says at its end, on stdout.

use super::hands::Story;
use super::proof::{Posted, Proven};
use super::stages::{DemoError, Stage};
use crate::programs::{AS, Program};
use crate::sample;
use comfy_table::{CellAlignment, Table, presets};
use std::time::Duration;

/// Prints what was proven, office by office.
pub fn print_offices(stage: &Stage, posted: &[Posted], proven: &[Proven]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "office",
        "enrolled",
        "equal at HQ",
        "KB on the link",
        "المكتب",
    ]);
    for column in 1..4 {
        let column = table.column_mut(column).expect("the table has five columns");
        column.set_cell_alignment(CellAlignment::Right);
    }
    for (index, (name, proven)) in sample::offices().into_iter().zip(proven).enumerate() {
        let enrolled = posted.iter().filter(|p| p.office == index).count();
        let kilobytes = stage.offices[index].link.bytes() / 1_000;
        table.add_row([
            name.name_en,
            enrolled.to_string(),
            proven.equal.to_string(),
            kilobytes.to_string(),
            name.name_ar,
        ]);
    }
    println!("\n{}", table.trim_fmt());
}

/// Prints the figures, and what became of the record that two people wrote.
pub fn print(
    stage: &Stage,
    (posted, proven): (&[Posted], &[Proven]),
    story: &Story,
    took: Duration,
) -> Result<(), DemoError> {
    let equal: u64 = proven.iter().map(|p| p.equal).sum();
    let at_hq = stage.hq.at.status()?["totals"]["records"].as_u64().unwrap_or_default();
    let bytes: u64 = stage.offices.iter().map(|o| o.link.bytes()).sum();
    println!(
        "\n{} enrollments at {} offices, {at_hq} records at headquarters.",
        posted.len(),
        stage.offices.len(),
    );
    println!(
        "1 of them was written at {} and at headquarters while the link was cut: both values were \
         kept,\nshown at both ends {:.1} s after the cut, and {:.1} s after the decision both had \
         the one that was chosen.",
        story.office,
        story.shown_after.as_secs_f64(),
        story.ended_after.as_secs_f64(),
    );
    println!(
        "{equal} are equal on both sides, in every group and every version, and as they were posted \
         or decided."
    );
    println!(
        "{} KB crossed the links, {} bytes for each enrollment, in {:.1} s.",
        bytes / 1_000,
        bytes / posted.len().max(1) as u64,
        took.as_secs_f64()
    );
    Ok(())
}

/// Prints commands to try on the fleet that goes on running.
pub fn print_what_to_try(stage: &Stage) -> Result<(), DemoError> {
    let me = std::env::current_exe()?;
    let (me, dir) = (me.display(), stage.dir.path().display());
    println!("\nAll of it goes on running until Ctrl-C. In another terminal:\n");
    for program in [Program::Wasl, Program::WaslHq] {
        println!("  alias {program}='{me} {AS} {program}'");
    }
    println!("  export WASL_DATA_DIR={dir}/nasr WASL_HQ_DATA_DIR={dir}/hq");
    for (command, says) in [
        ("wasl status", "how the office of Al-Nasr is"),
        ("wasl record list", "what it has enrolled"),
        ("wasl-hq office list", "what headquarters knows of the fourteen"),
        ("wasl-hq record list --office nasr", "the same records, at headquarters"),
        ("wasl-hq conflict list", "records that two people wrote at once: none is left"),
        ("wasl journal verify", "the chain, entry by entry"),
        ("wasl-hq office revoke nasr", "its link ends at once; it goes on enrolling"),
    ] {
        println!("  {command:<36}# {says}");
    }
    Ok(())
}
