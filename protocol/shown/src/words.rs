//! The messages of a page in Arabic or in English, one file a language. Knows nothing of what is
//! said.

use std::fmt;

pub use fluent_bundle::FluentValue;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;
use wasl_protocol::edition::Language;

/// The style of every page, whatever it says.
pub const CSS: &str = include_str!("page.css");

/// How a language is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script(Language);

impl Script {
    /// `ar` or `en`.
    pub fn code(self) -> &'static str {
        match self.0 {
            Language::Ar => "ar",
            Language::En => "en",
        }
    }

    /// `rtl` or `ltr`.
    pub fn direction(self) -> &'static str {
        match self.0 {
            Language::Ar => "rtl",
            Language::En => "ltr",
        }
    }
}

/// The messages of one language, and its rules of plural.
pub struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words({})", self.code())
    }
}

impl Words {
    /// The messages in this file of Fluent's.
    ///
    /// # Panics
    /// If they do not read, or one is there twice: the files are part of the program.
    pub fn read(language: Language, text: &str) -> Self {
        let id: LanguageIdentifier =
            Script(language).code().parse().expect("the code of a language is an identifier");
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        let resource = FluentResource::try_new(text.to_owned());
        let resource = resource.expect("the words are read by a test");
        bundle.add_resource(resource).expect("the words are read by a test");
        Self { language, bundle }
    }

    /// `ar` or `en`.
    pub fn code(&self) -> &'static str {
        self.script().code()
    }

    /// The direction of its script: `rtl` or `ltr`.
    pub fn direction(&self) -> &'static str {
        self.script().direction()
    }

    /// How the other language is written.
    pub fn other(&self) -> Script {
        Script(match self.language {
            Language::Ar => Language::En,
            Language::En => Language::Ar,
        })
    }

    fn script(&self) -> Script {
        Script(self.language)
    }

    /// Is there such a message?
    pub fn has(&self, id: &str) -> bool {
        self.bundle.has_message(id)
    }

    /// A message without a variable. One that is missing shows its name.
    pub fn say(&self, id: &str) -> String {
        self.format(id, None)
    }

    /// A message about a number `n`.
    pub fn count(&self, id: &str, n: u64) -> String {
        self.count_with(id, n, &[])
    }

    /// A message about a number `n`, with these variables too. `form` in it is the form of plural
    /// that `n` asks for.
    pub fn count_with(
        &self,
        id: &str,
        n: u64,
        variables: &[(&'static str, FluentValue<'_>)],
    ) -> String {
        let number = [("n", n.into()), ("form", form(self.language, n).into())];
        self.with(id, &[&number, variables].concat())
    }

    /// A message with these variables.
    pub fn with(&self, id: &str, variables: &[(&'static str, FluentValue<'_>)]) -> String {
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
