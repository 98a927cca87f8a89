//! The page's words, in Arabic and in English: one file a language. Knows nothing of what is said.

use std::sync::LazyLock;

use wasl_protocol::edition::Language;
use wasl_shown::words::Words;

static ARABIC: LazyLock<Words> =
    LazyLock::new(|| Words::read(Language::Ar, include_str!("ar.ftl")));
static ENGLISH: LazyLock<Words> =
    LazyLock::new(|| Words::read(Language::En, include_str!("en.ftl")));

/// The words of a language.
pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::Ar => &ARABIC,
        Language::En => &ENGLISH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::codes::{Code, Kind};
    use wasl_shown::sentence::span;

    /// The names of all messages of a language.
    fn names(text: &str) -> Vec<&str> {
        let begins = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase());
        let mut names: Vec<_> =
            text.lines().filter(begins).filter_map(|line| Some(line.split_once(" =")?.0)).collect();
        names.sort_unstable();
        names
    }

    /// The names that begin so, in Arabic.
    fn names_of(prefixes: &[&str]) -> Vec<String> {
        let all = names(include_str!("ar.ftl"));
        let wanted = |name: &&str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        all.into_iter().filter(wanted).map(str::to_owned).collect()
    }

    /// Without the marks that keep a variable from turning the text round it.
    fn plain(text: &str) -> String {
        text.replace(['\u{2068}', '\u{2069}'], "")
    }

    #[test]
    fn both_languages_say_the_same_things() {
        let mut arabic = names(include_str!("ar.ftl"));
        arabic.retain(|name| !name.starts_with("w-") && !name.starts_with("do-"));
        assert_eq!(arabic, names(include_str!("en.ftl")));
    }

    #[test]
    fn every_warning_has_its_title_and_its_action_in_arabic() {
        let warnings = Code::all().filter(|code| code.kind == Kind::Warning);
        let mut names: Vec<_> =
            warnings.flat_map(|w| [format!("w-{}", w.code), format!("do-{}", w.code)]).collect();
        names.sort_unstable();
        let arabic = names_of(&["w-", "do-"]);
        assert_eq!(arabic, names);
    }

    #[test]
    fn arabic_counts_as_arabic_does() {
        let forms = [
            (0, "لا سجلات"),
            (1, "سجل واحد"),
            (2, "سجلان"),
            (3, "3 سجلات"),
            (10, "10 سجلات"),
            (11, "11 سجلاً"),
            (99, "99 سجلاً"),
            (100, "100 سجل"),
            (101, "101 سجل"),
            (102, "102 سجل"),
            (103, "103 سجلات"),
            (111, "111 سجلاً"),
            (100_000, "100000 سجل"),
        ];
        for (n, want) in forms {
            assert_eq!(plain(&words(Language::Ar).count("records", n)), want);
        }
    }

    #[test]
    fn english_has_one_and_many() {
        for (n, want) in [(0, "no records"), (1, "1 record"), (2, "2 records"), (11, "11 records")]
        {
            assert_eq!(plain(&words(Language::En).count("records", n)), want);
        }
    }

    #[test]
    fn spans_of_time_take_the_case_that_their_sentence_asks_for() {
        let ago = |n: u64| {
            let words = words(Language::Ar);
            let span = words.count("hours", n);
            plain(&words.with("ago", &[("span", span.into())]))
        };
        assert_eq!([ago(1), ago(2), ago(3)], ["منذ ساعة", "منذ ساعتين", "منذ 3 ساعات"]);
        assert_eq!([ago(11), ago(100)], ["منذ 11 ساعة", "منذ 100 ساعة"]);
    }

    #[test]
    fn spans_have_one_unit() {
        let words = words(Language::En);
        let plain = |s| plain(&span(words, s));
        assert_eq!([plain(1), plain(119)], ["1 second", "119 seconds"]);
        assert_eq!([plain(120), plain(7_199)], ["2 minutes", "119 minutes"]);
        assert_eq!([plain(7_200), plain(172_800)], ["2 hours", "2 days"]);
    }
}
