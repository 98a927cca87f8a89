//! A terminal on which the same text is drawn again and again. Knows nothing of what is drawn.

use std::io::{self, Write as _};

/// Another screen, without a cursor; back to the one before it, with one.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// To the top; to the end of the line, and of the screen.
const HOME: &str = "\u{1b}[H";
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";

/// The other screen of a terminal. However drawing ends, the first one comes back: whoever enters
/// it catches the signals that end the program.
#[derive(Debug)]
pub struct Screen(());

impl Screen {
    /// Turns to it.
    ///
    /// # Errors
    /// If standard output takes nothing.
    pub fn enter() -> io::Result<Self> {
        write(ENTER)?;
        Ok(Self(()))
    }

    /// Draws over what was drawn before, without a moment of nothing; what does not fit below is
    /// left out.
    ///
    /// # Errors
    /// If standard output takes nothing.
    pub fn draw(&self, text: &str) -> io::Result<()> {
        let rows = size().map_or(usize::MAX, |(_, rows)| rows);
        let mut drawn = HOME.to_owned();
        for line in text.lines().take(rows.saturating_sub(1)) {
            drawn += line;
            drawn += CLEAR_LINE;
            drawn += "\r\n";
        }
        write(&(drawn + CLEAR_BELOW))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = write(LEAVE); // a terminal that is gone needs no tidying
    }
}

/// Columns and rows of the terminal; none where there is none.
pub fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
