//! The page's words, in Arabic and in English: one file a language. Knows nothing of what is said.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;
use wasl_protocol::edition::Language;

/// The messages of one language, and its rules of plural.
pub(super) struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

static ARABIC: LazyLock<Words> =
    LazyLock::new(|| Words::read(Language::Ar, include_str!("ar.ftl")));
static ENGLISH: LazyLock<Words> =
    LazyLock::new(|| Words::read(Language::En, include_str!("en.ftl")));

impl Words {
    /// The words of a language.
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::Ar => &ARABIC,
            Language::En => &ENGLISH,
        }
    }

    fn read(language: Language, text: &str) -> Self {
        let id: LanguageIdentifier =
            code(language).parse().expect("the code of a language is an identifier");
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        let resource = FluentResource::try_new(text.to_owned());
        let resource = resource.expect("the words are read by a test");
        bundle.add_resource(resource).expect("the words are read by a test");
        Self { language, bundle }
    }

    /// `ar` or `en`.
    pub(super) fn code(&self) -> &'static str {
        code(self.language)
    }

    /// The direction of its script: `rtl` or `ltr`.
    pub(super) fn direction(&self) -> &'static str {
        match self.language {
            Language::Ar => "rtl",
            Language::En => "ltr",
        }
    }

    /// The other language.
    pub(super) fn other(&self) -> &'static Self {
        Self::of(match self.language {
            Language::Ar => Language::En,
            Language::En => Language::Ar,
        })
    }

    /// Is there such a message?
    pub(super) fn has(&self, id: &str) -> bool {
        self.bundle.has_message(id)
    }

    /// A message without a variable. One that is missing shows its name.
    pub(super) fn say(&self, id: &str) -> String {
        self.format(id, None)
    }

    /// A message about a number `n`.
    pub(super) fn count(&self, id: &str, n: u64) -> String {
        self.count_with(id, n, &[])
    }

    /// A message about a number `n`, with these variables too. `form` in it is the form of plural
    /// that `n` asks for.
    pub(super) fn count_with(
        &self,
        id: &str,
        n: u64,
        variables: &[(&'static str, FluentValue<'_>)],
    ) -> String {
        let number = [("n", n.into()), ("form", form(self.language, n).into())];
        self.with(id, &[&number, variables].concat())
    }

    /// A message with these variables.
    pub(super) fn with(&self, id: &str, variables: &[(&'static str, FluentValue<'_>)]) -> String {
        let variables = variables.iter().map(|(name, value)| (*name, value.clone()));
        self.format(id, Some(&variables.collect()))
    }

    fn format(&self, id: &str, args: Option<&FluentArgs<'_>>) -> String {
        let Some(pattern) = self.bundle.get_message(id).and_then(|message| message.value()) else {
            return format!("[{id}]");
        };
        self.bundle.format_pattern(pattern, args, &mut Vec::new()).into_owned()
    }
}

/// The form of plural of a number, by the rules of Unicode's CLDR; English has a form for nothing,
/// too. (The rules that come with Fluent look at the whole number where Arabic looks at its last two
/// digits.)
fn form(language: Language, n: u64) -> &'static str {
    match (n, language, n % 100) {
        (0, ..) => "zero",
        (1, ..) => "one",
        (2, Language::Ar, _) => "two",
        (_, Language::Ar, 3..=10) => "few",
        (_, Language::Ar, 11..) => "many",
        _ => "other",
    }
}

fn code(language: Language) -> &'static str {
    match language {
        Language::Ar => "ar",
        Language::En => "en",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::codes::{Code, Kind};

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
            assert_eq!(plain(&Words::of(Language::Ar).count("records", n)), want);
        }
    }

    #[test]
    fn english_has_one_and_many() {
        for (n, want) in [(0, "no records"), (1, "1 record"), (2, "2 records"), (11, "11 records")]
        {
            assert_eq!(plain(&Words::of(Language::En).count("records", n)), want);
        }
    }

    #[test]
    fn spans_of_time_take_the_case_that_their_sentence_asks_for() {
        let ago = |n: u64| {
            let words = Words::of(Language::Ar);
            let span = words.count("hours", n);
            plain(&words.with("ago", &[("span", span.into())]))
        };
        assert_eq!([ago(1), ago(2), ago(3)], ["منذ ساعة", "منذ ساعتين", "منذ 3 ساعات"]);
        assert_eq!([ago(11), ago(100)], ["منذ 11 ساعة", "منذ 100 ساعة"]);
    }
}
