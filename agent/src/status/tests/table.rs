use super::*;

fn look(now: UnixMs) -> Look {
    Look { now: timestamp(now), style: Style::Plain, columns: 100, full: false }
}

fn shown(world: &World) -> String {
    table(&status(world), look(NOW))
}

#[test]
fn the_table_is_a_verdict_and_six_lines() {
    let told = table(&status(&well()), look(UnixMs(NOW.0 + 2 * S)));
    let want = "\
OK  \u{200e}Suq Al-Shuyukh (suq-al-shuyukh, سوق الشيوخ)\u{200e}: HQ has everything
  Link     up for 3 h, hq.example:4433, round trip 612 ms
  Sync     HQ has 1,345 of 1,345 entries; last receipt 42 s ago
  Records  1,344, 0 in conflict
  Journal  4.0 MiB, 34.0 GiB free, slowest syncs 0.4 ms
  Config   edition 7, committed, came 60 min ago
  Clock    80 ms from HQ's, compared 3 h ago
";
    assert_eq!(told, want);
}

fn down() -> World {
    let mut world = well();
    world.link.state = LinkPhase::Backoff;
    world.link.since = Some(before(5 * HOUR));
    world.link.last_up_at = world.link.since;
    world.link.rtt_ms = None;
    world.link.next_attempt_at = Some(UnixMs(NOW.0 + 30 * S));
    let text = "nobody answers".to_owned();
    world.link.last_error = Some(LinkError { code: "timeout".into(), text });
    (world.facts.backlog, world.facts.backlog_bytes) = (300, 150_000);
    (world.facts.stored, world.facts.last_ack_at) = (Some(at(1045)), None);
    world.facts.oldest_unacked_at = Some(before(5 * HOUR));
    world
}

#[test]
fn the_table_adds_what_is_wrong_what_follows_from_it_and_what_to_do() {
    let want = "\
WARNING  \u{200e}Suq Al-Shuyukh (suq-al-shuyukh, سوق الشيوخ)\u{200e}: the link to HQ is down
  Link     waiting to try again for 5 h, hq.example:4433, last up 5 h ago, next attempt in 30 s
           (timeout: nobody answers)
  Sync     HQ has 1,045 of 1,345 entries, 146.5 KiB to send; no receipt yet
  Records  1,344, 0 in conflict
  Journal  4.0 MiB, 34.0 GiB free, slowest syncs 0.4 ms
  Config   edition 7, committed, came 60 min ago
  Clock    80 ms from HQ's when HQ was last heard, 5 h ago

WARN  the link to HQ is down [link-down], for 5 h: down for 5 h of working time: nobody answers
      -> check the modem or the antenna, then `wasl sync`
      so WARN  HQ has not had everything for long [unacked], for 5 h: 300 entries wait, the oldest
               for 5 h of working time; they are safe on this disk only
";
    assert_eq!(shown(&down()), want);
}

#[test]
fn no_line_is_longer_than_the_terminal_is_wide() {
    let status = status(&down());
    for columns in [60, 80, 120] {
        let told = table(&status, Look { columns, full: false, ..look(NOW) });
        let longest = told.lines().map(|line| line.replace('\u{200e}', "").chars().count()).max();
        assert!(longest.unwrap() <= columns, "{columns}:\n{told}");
    }
}

#[test]
fn in_full_every_fact_is_told_and_every_moment_with_its_age() {
    let told = table(&status(&down()), Look { full: true, ..look(NOW) });
    for line in [
        "link.last_up_at             2016-01-12T03:00:00Z, 5 h ago",
        "link.next_attempt_at        2016-01-12T08:00:30Z, in 30 s",
        "journal.last_verify         -",
        "identity.key_store          file",
        "thresholds.unacked_warn_s   14400",
        "office.name_ar              \u{200e}سوق الشيوخ\u{200e}",
    ] {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.lines().any(|told| words(told) == words(line)), "{line}:\n{told}");
    }
}

#[test]
fn a_name_cannot_steer_the_terminal_and_colour_is_only_on_request() {
    let mut world = well();
    world.known.office.name_en = "Nasr\u{1b}[2J\u{202e}".into();
    let plain = shown(&world);
    assert!(!plain.contains('\u{1b}') && !plain.contains('\u{202e}'), "{plain}");
    let coloured = Look { style: Style::Coloured, ..look(NOW) };
    let told = table(&status(&well()), coloured);
    assert!(told.starts_with("\u{1b}[1;32mOK\u{1b}[0m  "), "{told}");
    let told = table(&status(&down()), coloured);
    assert!(told.contains("\n\u{1b}[1;33mWARN\u{1b}[0m  the link"), "{told}");
    assert!(told.contains("\n      so \u{1b}[1;33mWARN\u{1b}[0m  HQ has"), "{told}");
}

#[test]
fn what_a_daemon_left_is_uncoloured_and_its_ages_end_where_it_ended() {
    let left = status(&well()).no_longer("the daemon was stopped; last known 40 s ago".to_owned());
    let later = UnixMs(NOW.0 + HOUR);
    let told = table(&left, Look { style: Style::Coloured, ..look(later) });
    assert!(!told.contains('\u{1b}') && told.starts_with("UNKNOWN  "), "{told}");
    assert!(told.contains("last receipt 40 s ago"), "{told}");
}
