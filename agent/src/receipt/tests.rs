use rqrr::PreparedImage;
use wasl_protocol::id::{Head, JournalId, Position, RecordId};
use wasl_protocol::units::{Seq, UnixMs};

use super::square::Square;
use super::*;
use crate::engine::Opened;

const AT: UnixMs = UnixMs(1_452_585_600_000);

fn report(offset_ms: Option<i64>, (stored, stable): (bool, bool)) -> ReceiptReport {
    let office: wasl_protocol::id::OfficeId = "suq-al-shuyukh".parse().unwrap();
    let form_number = "suq-al-shuyukh-20160112-0001".parse().unwrap();
    let opened = Opened {
        record: RecordId::of(&office, &form_number),
        form_number,
        journal: JournalId(0x00c1_a5b2_d3e4_f506),
        position: Position { seq: Seq(1_234), head: Head([0xab; 32]) },
        at: AT,
        stored,
        stable,
    };
    let (name_ar, name_en) = ("سوق الشيوخ".to_owned(), "Suq <al-Shuyukh>".to_owned());
    let counter = Counter { office, name_ar, name_en };
    ReceiptReport::new(opened, &counter, ClockSaid::of(offset_ms, 30), UnixMs(AT.0 + 60_000))
}

/// What a phone's camera would see: the SVG's runs, painted.
fn painted(svg: &str) -> (usize, Vec<bool>) {
    const SCALE: usize = 4;
    let side: usize = between(svg, "viewBox=\"0 0 ", " ").parse().unwrap();
    let path = between(svg, "<path d=\"", "\"");
    let mut dark = vec![false; side * side];
    for run in path.split('M').skip(1) {
        let (place, rest) = run.split_once('h').unwrap();
        let (x, y) = place.split_once(' ').unwrap();
        let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
        let len: usize = rest.split_once('v').unwrap().0.parse().unwrap();
        dark[y * side + x..][..len].fill(true);
    }
    let wide = side * SCALE;
    let pixel = |at: usize| dark[(at / wide / SCALE) * side + at % wide / SCALE];
    (wide, (0..wide * wide).map(pixel).collect())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[test]
fn a_camera_reads_the_receipt_back_from_the_page() {
    let report = report(Some(0), (true, false));
    let (wide, dark) = painted(&page(&report).unwrap());
    let shade = |x: usize, y: usize| if dark[y * wide + x] { 0 } else { 255 };
    let mut image = PreparedImage::prepare_from_greyscale(wide, wide, shade);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code is seen");
    assert_eq!(grids[0].decode().unwrap().1, report.text);
}

#[test]
fn the_longest_receipt_fits_a_square_that_prints_on_a_narrow_roll() {
    let longest = "WASL1:".to_owned() + &"A".repeat(140);
    let square = Square::of(&longest).unwrap();
    // 42 mm wide and half a millimetre for each module: 4 dots of a thermal printer.
    assert!(square.side <= 84, "{} modules", square.side);
}

#[test]
fn the_page_says_what_the_operator_was_answered_and_no_more() {
    let page = page(&report(Some(0), (false, false))).unwrap();
    for said in [
        "suq-al-shuyukh-20160112-0001",
        "سوق الشيوخ",
        "Suq &#60;al-Shuyukh&#62;",
        "2016-01-12 11:00",
        "UTC+03:00",
        "00c1a5b2d3e4f506",
        "<span>abab</span>",
        "1234",
        "وسيُرسل إلى المقر العام",
        "on its way to headquarters",
    ] {
        assert!(page.contains(said), "{said} is missing in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"));
}

#[test]
fn the_clock_and_headquarters_are_told_as_they_are() {
    let said = |offset_ms, hq| page(&report(offset_ms, hq)).unwrap();
    assert!(said(None, (true, false)).contains("not compared with headquarters"));
    assert!(said(Some(-30_000), (true, false)).contains("agrees with headquarters"));
    assert!(
        said(Some(-30_001), (true, false))
            .contains("behind headquarters&#39; clock; minutes off: 1<")
    );
    assert!(
        said(Some(600_000), (true, false))
            .contains("ahead of headquarters&#39; clock; minutes off: 10<")
    );
    assert!(said(None, (true, false)).contains("stored at headquarters<"));
    assert!(said(None, (true, true)).contains("in a copy elsewhere"));
}

#[test]
fn the_policy_names_the_style_that_stands_in_the_page() {
    use sha2::{Digest as _, Sha256};
    let page = page(&report(None, (true, false))).unwrap();
    let style = between(&page, "<style>", "</style>");
    let hash = data_encoding::BASE64.encode(&Sha256::digest(style));
    let told = between(&page, "Content-Security-Policy\" content=\"", "\"").replace("&#39;", "'");
    assert!(told.contains(&format!("style-src 'sha256-{hash}'")), "{told}");
    assert!(told.starts_with("default-src 'none'"));
    assert!(!page.contains(" style=\""), "no style but that one");
}
