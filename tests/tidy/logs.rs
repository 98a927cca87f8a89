//! What is logged: a constant sentence, and fields that are known to hold nothing of persons.

use crate::tree::{Source, sources};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::str::FromStr;

/// The macros that log, and those that open a span.
const MACROS: [&str; 10] = [
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "trace_span",
    "debug_span",
    "info_span",
    "warn_span",
    "error_span",
];

/// What may stand in a log beside the sentence: ids, numbers, constant words, addresses, and what
/// the system or one of our own errors says. No error of ours quotes a value.
const FIELDS: [&str; 40] = [
    "address",
    "bundle",
    "bytes",
    "code",
    "common",
    "dot",
    "edge",
    "endpoint",
    "entries",
    "entry",
    "epoch",
    "error",
    "every",
    "failure",
    "fork",
    "inputs",
    "journal",
    "method",
    "now",
    "office",
    "path",
    "phase",
    "quic",
    "reason",
    "record",
    "refusal",
    "refused",
    "route",
    "seq",
    "serial",
    "since",
    "stage",
    "state",
    "status",
    "until",
    "version",
    "wait",
    "waits_for",
    "was",
    "why",
];

/// Complaints about one file.
fn complaints(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    match TokenStream::from_str(&source.text) {
        Ok(tokens) => walk(tokens, &mut found),
        Err(why) => found.push((0, why.to_string())),
    }
    found.into_iter().map(|(line, why)| format!("{}:{line}: {why}", source.path)).collect()
}

type Complaint = (usize, String);

fn walk(tokens: TokenStream, found: &mut Vec<Complaint>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (i, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        if is_log(&tokens[..i]) && group.delimiter() == Delimiter::Parenthesis {
            let line = group.span_open().start().line;
            let said = judge(group.stream()).into_iter().map(|why| (line, why));
            found.extend(said);
        }
        walk(group.stream(), found);
    }
}

/// Does `tracing::NAME!` end here?
fn is_log(before: &[TokenTree]) -> bool {
    let [.., TokenTree::Ident(krate), TokenTree::Punct(a), TokenTree::Punct(b), name, bang] =
        before
    else {
        return false;
    };
    let is = |p: &TokenTree, c: char| matches!(p, TokenTree::Punct(p) if p.as_char() == c);
    let named = matches!(name, TokenTree::Ident(name) if MACROS.iter().any(|m| name == m));
    krate == "tracing" && (a.as_char(), b.as_char()) == (':', ':') && named && is(bang, '!')
}

/// What is wrong with the arguments of one.
fn judge(arguments: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = arguments.into_iter().collect();
    let comma = |t: &TokenTree| matches!(t, TokenTree::Punct(p) if p.as_char() == ',');
    let arguments: Vec<&[TokenTree]> =
        tokens.split(comma).filter(|part| !part.is_empty()).collect();
    let mut said = Vec::new();
    let mut sentences = 0;
    for argument in arguments {
        match argument {
            [TokenTree::Literal(text)] => {
                sentences += 1;
                let text = text.to_string();
                if !text.starts_with('"') || text.contains(['{', '}']) {
                    said.push(format!("{text}: a log's sentence is constant: use a field"));
                }
            }
            _ => said.extend(field(argument)),
        }
    }
    if sentences != 1 {
        said.push(format!("{sentences} sentences: a log has one, and nothing is put into it"));
    }
    said
}

/// What is wrong with one field: `name`, `%name`, `?name`, `name = ..` or `%value.name`.
fn field(argument: &[TokenTree]) -> Option<String> {
    let is = |t: &TokenTree, c: char| matches!(t, TokenTree::Punct(p) if p.as_char() == c);
    let named = argument.iter().position(|t| is(t, '=')).map_or(argument, |at| &argument[..at]);
    let mut words = named.iter().filter(|t| !is(t, '%') && !is(t, '?')).map(ToString::to_string);
    let name = words.next().unwrap_or_default();
    let rest = words.next();
    let known = rest.is_none() && FIELDS.contains(&name.as_str());
    (!known).then(|| format!("`{name}`: not a field that is known to hold nothing of persons"))
}

#[test]
fn logs_are_constant_sentences_with_known_fields() {
    let shipped = |s: &&Source| s.path.contains("/src/") && !s.tests_only;
    let ours = |s: &&Source| s.path.starts_with("agent/") || s.path.starts_with("server-stub/");
    let sources = sources();
    let complaints: Vec<String> =
        sources.iter().filter(shipped).filter(ours).flat_map(complaints).collect();
    crate::none(&complaints);
}

#[cfg(test)]
mod planted {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        complaints(&Source::planted("agent/src/a.rs", text))
    }

    #[test]
    fn a_sentence_with_something_put_into_it_is_refused() {
        assert_eq!(said("fn f() { tracing::info!(\"welcome {name}\"); }").len(), 1);
        assert_eq!(said("fn f() { tracing::warn!(\"welcome {}\", name); }").len(), 2);
        assert_eq!(said("fn f() { tracing::warn!(%serial); }").len(), 1);
        assert_eq!(said("fn f() { x.map(|e| tracing::error!(concat!(\"a\"))); }").len(), 2);
    }

    #[test]
    fn a_field_that_nobody_vouched_for_is_refused() {
        for text in ["%operator", "name = x.name", "?draft", "phone = 1", "record.person = 1"] {
            let text = format!("fn f() {{ tracing::info!({text}, \"an act\"); }}");
            assert_eq!(said(&text).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_constant_sentence_with_known_fields_passes() {
        let text = "fn f() { tracing::info!(office = %id, %serial, code = ?bye.code, \"said\"); \
                    let _ = tracing::debug_span!(\"engine.turn\", inputs = a.len()); info!(x); }";
        assert!(said(text).is_empty(), "{:?}", said(text));
    }
}
