//! The QR code, as one SVG path: it prints sharply at any size and needs no picture file.

use std::fmt::Write as _;

use qrcode::types::QrError;
use qrcode::{Color, EcLevel, QrCode};

/// The margin that readers need, in modules (ISO/IEC 18004).
const QUIET: usize = 4;

/// A QR code to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Square {
    /// How many modules wide, the margin included.
    pub(super) side: usize,
    /// The dark modules: one rectangle for each run in a row.
    pub(super) path: String,
}

impl Square {
    /// The code for a receipt's text. A quarter of it may be creased or stained (level Q).
    pub(super) fn of(text: &str) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::Q)?;
        let width = code.width();
        let colors = code.to_colors();
        let mut path = String::new();
        for (y, row) in colors.chunks(width).enumerate() {
            let mut x = 0;
            while x < width {
                let run = row[x..].iter().take_while(|color| **color == Color::Dark).count();
                if run > 0 {
                    let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
                }
                x += run.max(1);
            }
        }
        Ok(Self { side: width + 2 * QUIET, path })
    }
}
