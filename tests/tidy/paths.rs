//! The paths that a source file names, `use` trees spelled out; comments, strings and whatever is
//! compiled for tests only are left out. Knows nothing of types: `a::b` is a path wherever it stands.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::iter::Peekable;
use std::str::FromStr;

/// One path, and the line on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub segments: Vec<String>,
    pub line: usize,
}

/// All paths of two or more segments, and what `use` and `extern crate` name.
pub fn paths(text: &str) -> Result<Vec<Named>, String> {
    let tokens = TokenStream::from_str(text).map_err(|e| e.to_string())?;
    let mut found = Vec::new();
    walk(tokens, &mut found);
    Ok(found)
}

type Tokens = Peekable<proc_macro2::token_stream::IntoIter>;

fn walk(tokens: TokenStream, found: &mut Vec<Named>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut in_use = false;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(p) if p.as_char() == '#' => attribute(&mut tokens),
            TokenTree::Punct(p) if p.as_char() == ';' => in_use = false,
            TokenTree::Group(group) => {
                in_use = false;
                walk(group.stream(), found);
            }
            TokenTree::Ident(word) if word == "use" => in_use = true,
            TokenTree::Ident(word) if word == "extern" => in_use = next_is(&mut tokens, "crate"),
            TokenTree::Ident(word) if word == "crate" && in_use && !colons(&mut tokens) => {}
            TokenTree::Ident(word) => {
                let first =
                    Named { line: word.span().start().line, segments: vec![word.to_string()] };
                path(first, &mut tokens, in_use, found);
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// `#[cfg(test)]` takes the item behind it away; any other attribute is walked like a group.
fn attribute(tokens: &mut Tokens) {
    tokens.next_if(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == '!'));
    let Some(TokenTree::Group(group)) = tokens.peek() else { return };
    if group.stream().to_string().replace(' ', "") != "cfg(test)" {
        return;
    }
    tokens.next();
    for token in tokens.by_ref() {
        match token {
            TokenTree::Punct(p) if p.as_char() == ';' => return,
            TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => return,
            _ => {}
        }
    }
}

/// The rest of a path that has begun; a `{..}` or `(..)` behind it is looked through in its turn.
fn path(mut named: Named, tokens: &mut Tokens, in_use: bool, found: &mut Vec<Named>) {
    while colons(tokens) {
        tokens.next();
        tokens.next();
        match tokens.peek() {
            Some(TokenTree::Ident(word)) => {
                named.segments.push(word.to_string());
                tokens.next();
            }
            Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Brace && in_use => {
                let group = g.clone();
                tokens.next();
                return branches(&named, &group, found);
            }
            _ => break,
        }
    }
    if tokens.next_if(|t| in_use && matches!(t, TokenTree::Ident(w) if w == "as")).is_some() {
        tokens.next();
    }
    if named.segments.len() > 1 || in_use {
        found.push(named);
    }
}

/// The branches of a `use` tree.
fn branches(stem: &Named, group: &Group, found: &mut Vec<Named>) {
    let mut tokens = group.stream().into_iter().peekable();
    while let Some(token) = tokens.next() {
        if let TokenTree::Ident(word) = token {
            let mut named = Named { line: word.span().start().line, ..stem.clone() };
            if word == "self" {
                found.push(named);
                continue;
            }
            named.segments.push(word.to_string());
            path(named, &mut tokens, true, found);
        }
    }
}

fn colons(tokens: &mut Tokens) -> bool {
    let mut ahead = tokens.clone();
    let colon = |t: Option<TokenTree>| matches!(t, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(ahead.next()) && colon(ahead.next())
}

fn next_is(tokens: &mut Tokens, word: &str) -> bool {
    matches!(tokens.peek(), Some(TokenTree::Ident(w)) if w == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        paths(text).unwrap().iter().map(|n| n.segments.join("::")).collect()
    }

    #[test]
    fn a_use_tree_is_spelled_out() {
        assert_eq!(
            named("use crate::{a::B, c::{self, d as e}}; use sled;"),
            ["crate::a::B", "crate::c", "crate::c::d", "sled"]
        );
    }

    #[test]
    fn a_path_in_a_body_a_macro_or_a_type_counts() {
        let text = "fn f() -> quinn::Connection { g!(sled::open(x)); h::<tokio::Thing>() }";
        assert_eq!(named(text), ["quinn::Connection", "sled::open", "tokio::Thing"]);
    }

    #[test]
    fn a_path_in_an_attribute_counts() {
        assert_eq!(named("#[derive(bincode::Encode)] struct S;"), ["bincode::Encode"]);
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let text = "/// a::b\n//! c::d\nconst S: &str = \"e::f\"; // g::h\n\
                    #[cfg(test)] extern crate std;\n#[cfg(test)] mod tests { use i::j; }\nuse k::l;";
        assert_eq!(named(text), ["k::l"]);
    }

    #[test]
    fn the_line_is_where_the_path_begins() {
        assert_eq!(paths("\n\nuse a::{\n b,\n};").unwrap()[0].line, 4);
    }
}
