//! What the demo shows while it goes on: a table redrawn in place on a terminal, plain lines
//! elsewhere. Both on stderr: stdout is for the result.

use crate::clock;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often plain lines say how far it is.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// How often a second the table is drawn.
const FRAMES_PER_SECOND: u8 = 10;

/// One office as the board shows it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its English name.
    pub name_en: String,
    /// Its Arabic name.
    pub name_ar: String,
    /// How many enrollments its operators hold an answer for.
    pub enrolled: u64,
    /// How many of them HQ has.
    pub at_hq: u64,
    /// How many entries of its journal wait for a receipt.
    pub backlog: u64,
    /// Its link, in one word.
    pub link: String,
}

/// The board.
pub struct Board {
    terminal: bool,
    all: MultiProgress,
    lines: Vec<ProgressBar>,
    each: u64,
    started: Instant,
    said: Instant,
}

impl Board {
    /// A board for offices that will have `each` enrollments.
    pub fn new(each: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal {
            ProgressDrawTarget::stderr_with_hz(FRAMES_PER_SECOND)
        } else {
            ProgressDrawTarget::hidden()
        };
        let all = MultiProgress::with_draw_target(target);
        let now = clock::now();
        Self { terminal, all, lines: Vec::new(), each, started: now, said: now }
    }

    /// Says a sentence that stays.
    pub fn say(&self, sentence: &str) {
        let line = format!("{:5.1} s  {sentence}", self.started.elapsed().as_secs_f64());
        if self.terminal {
            drop(self.all.println(line));
        } else {
            eprintln!("{line}");
        }
    }

    /// Shows how it stands.
    pub fn show(&mut self, rows: &[Row]) {
        if !self.terminal {
            self.say_how_far(rows);
            return;
        }
        if self.lines.is_empty() {
            self.lay_out(rows.len());
        }
        for (line, row) in self.lines[1..].iter().zip(rows) {
            line.set_prefix(row.name_en.clone());
            line.set_position(row.at_hq.min(self.each));
            line.set_message(format!(
                "{:>8} {:>6} {:>8}  {:<10}  {}",
                row.enrolled, row.at_hq, row.backlog, row.link, row.name_ar
            ));
        }
    }

    /// Takes the table away; what is said from now on goes below what is printed.
    pub fn clear(&mut self) {
        drop(self.all.clear());
        self.lines.clear();
        self.terminal = false;
    }

    /// A heading and a line for each office. The Arabic name stands last, where its direction
    /// cannot turn the columns round.
    fn lay_out(&mut self, offices: usize) {
        let heading = ProgressStyle::with_template("\n{wide_msg}").expect("a constant template");
        let line = ProgressStyle::with_template("{prefix:<16} {bar:20} {wide_msg}")
            .expect("a constant template")
            .progress_chars("━╸─");
        let top = self.all.add(ProgressBar::new(0).with_style(heading));
        top.set_message(format!(
            "{:<16} {:<20} {:>8} {:>6} {:>8}  {:<10}  {}",
            "office", "synced", "enrolled", "at HQ", "waiting", "link", "المكتب"
        ));
        self.lines.push(top);
        for _ in 0..offices {
            let bar = ProgressBar::new(self.each).with_style(line.clone());
            self.lines.push(self.all.add(bar));
        }
    }

    fn say_how_far(&mut self, rows: &[Row]) {
        if self.said.elapsed() < LINE_EVERY {
            return;
        }
        self.said = clock::now();
        let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
        let up = rows.iter().filter(|row| row.link == "up").count();
        self.say(&format!(
            "{} enrolled, {} at HQ, {} waiting; {up} of {} links up",
            sum(|r| r.enrolled),
            sum(|r| r.at_hq),
            sum(|r| r.backlog),
            rows.len()
        ));
    }
}
