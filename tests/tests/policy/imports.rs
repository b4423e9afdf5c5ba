//! The imports of a Rust file, read from its tokens: comments and strings cannot be taken for code,
//! and paths inside macros are seen.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

/// The imports of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imports {
    /// Each `use`, one entry a name.
    pub uses: Vec<Use>,
    /// Paths in code that begin with `crate` or `super`.
    pub paths: Vec<Vec<String>>,
    /// Submodules that only tests have.
    pub test_modules: BTreeSet<String>,
}

/// One name that a `use` brings in.
#[derive(Debug, PartialEq, Eq)]
pub struct Use {
    /// The path as written, `super` counted from the file.
    pub path: Vec<String>,
    /// The name in this file; `*` for all that the path holds.
    pub name: String,
}

impl Imports {
    /// Reads the imports of a file. Those that only tests have are left out.
    ///
    /// # Panics
    /// If the text does not consist of Rust's tokens.
    pub fn of(text: &str) -> Self {
        let mut imports = Self::default();
        imports.read(&tokens(text.parse().expect("Rust's tokens")), 0);
        imports
    }

    /// Reads the tokens of a module that lies `depth` inline modules below its file.
    fn read(&mut self, tokens: &[TokenTree], depth: usize) {
        let mut at = 0;
        let mut of_tests = false;
        while let Some(token) = tokens.get(at) {
            let rest = &tokens[at..];
            if word(rest, 0).as_deref() == Some("mod") && word(rest, 1).is_some() {
                self.module(&rest[1..], depth, of_tests);
                at += 2;
                // The body has been read.
                at += usize::from(matches!(tokens.get(at), Some(TokenTree::Group(_))));
                of_tests = false;
            } else if word(rest, 0).as_deref() == Some("use") && !is(rest, 1, '<') {
                let end = rest.iter().position(|t| is(std::slice::from_ref(t), 0, ';'));
                let end = end.unwrap_or(rest.len());
                if !of_tests {
                    let mut found = Vec::new();
                    tree(&rest[1..end], Vec::new(), &mut found);
                    self.uses.extend(found.into_iter().filter_map(|found| from_file(found, depth)));
                }
                at += end;
                of_tests = false;
            } else if let Some(path) = path(rest) {
                at += path.len() * 3 - 2;
                let found = Use { name: String::new(), path };
                self.paths.extend(from_file(found, depth).map(|found| found.path));
            } else {
                if let TokenTree::Group(group) = token {
                    let is_attribute = at > 0 && is(&tokens[at - 1..], 0, '#');
                    of_tests |= is_attribute && plain(&group.stream()) == "cfg(test)";
                    self.read(&self::tokens(group.stream()), depth);
                }
                at += 1;
            }
        }
    }

    /// Reads `name;` or `name { … }` after `mod`.
    fn module(&mut self, tokens: &[TokenTree], depth: usize, of_tests: bool) {
        match tokens.get(1) {
            Some(TokenTree::Group(_)) if of_tests => {}
            Some(TokenTree::Group(body)) => self.read(&self::tokens(body.stream()), depth + 1),
            _ if of_tests => self.test_modules.extend(word(tokens, 0)),
            _ => {}
        }
    }
}

fn tokens(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

fn plain(stream: &TokenStream) -> String {
    stream.to_string().split_whitespace().collect()
}

fn word(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at)? {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

fn is(tokens: &[TokenTree], at: usize, sign: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

fn is_parted(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens, at, ':') && is(tokens, at + 1, ':')
}

/// A path that begins here with `crate::` or `super::`.
fn path(tokens: &[TokenTree]) -> Option<Vec<String>> {
    let first = word(tokens, 0).filter(|word| word == "crate" || word == "super")?;
    let mut path = vec![first];
    while is_parted(tokens, path.len() * 3 - 2)
        && let Some(next) = word(tokens, path.len() * 3)
    {
        path.push(next);
    }
    (path.len() > 1).then_some(path)
}

/// Reads one tree of a `use`: `a::b`, `a::{b, c as d}`, `a::*`.
fn tree(tokens: &[TokenTree], mut path: Vec<String>, found: &mut Vec<Use>) {
    let mut at = 0;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Group(group)) => {
                let inner = self::tokens(group.stream());
                for part in inner.split(|token| is(std::slice::from_ref(token), 0, ',')) {
                    tree(part, path.clone(), found);
                }
                return;
            }
            Some(TokenTree::Ident(ident)) => path.push(ident.to_string()),
            Some(TokenTree::Punct(punct)) if punct.as_char() == '*' => {
                return found.push(Use { path, name: "*".to_owned() });
            }
            _ => return,
        }
        if !is_parted(tokens, at + 1) {
            break;
        }
        at += 3;
    }
    // `a::{self}` brings in `a`.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let alias = word(tokens, at + 1).filter(|word| word == "as").and(word(tokens, at + 2));
    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
    found.push(Use { path, name });
}

/// The same as seen from the file. `None`: it only names what an inline module of the file holds.
fn from_file(found: Use, depth: usize) -> Option<Use> {
    let Use { path, name } = found;
    let up = path.iter().take_while(|segment| *segment == "super").count();
    match path.first().map(String::as_str) {
        Some("super") if up <= depth => None,
        Some("super") => Some(Use { path: path[depth..].to_vec(), name }),
        Some("self") if depth > 0 => None,
        _ => Some(Use { path, name }),
    }
}

fn paths(text: &str) -> Vec<String> {
    let imports = Imports::of(text);
    let uses = imports.uses.iter().map(|u| format!("{} = {}", u.name, u.path.join("::")));
    uses.chain(imports.paths.iter().map(|path| path.join("::"))).collect()
}

#[test]
fn a_use_is_read_whatever_its_form() {
    for (text, expected) in [
        ("use crate::a;", vec!["a = crate::a"]),
        ("pub(crate) use super::a::{b, c as d};", vec!["b = super::a::b", "d = super::a::c"]),
        ("pub use a::{self, b::{C, D}};", vec!["a = a", "C = a::b::C", "D = a::b::D"]),
        ("use super::*;", vec!["* = super"]),
        ("fn f() { use crate::a::B; }", vec!["B = crate::a::B"]),
        ("fn f() -> impl Sized + use<'a, T> {}", vec![]),
    ] {
        assert_eq!(paths(text), expected, "{text}");
    }
}

#[test]
fn a_path_in_code_is_read_in_macros_too_and_not_in_comments_or_strings() {
    let text = "/// [`crate::a`]\nfn f() { g!(crate::b::C, \"crate::d\"); super::e() } // super::f";
    assert_eq!(paths(text), ["crate::b::C", "super::e"]);
    assert_eq!(paths("pub(crate) fn f() {} pub(super) fn g() {}"), Vec::<String>::new());
}

#[test]
fn an_inline_module_is_part_of_its_file_and_tests_are_left_out() {
    let text = "mod a { use super::B; use super::super::c::D; }
        #[cfg(test)] mod tests { use crate::e::F; }
        #[cfg(test)] mod more;
        #[cfg(test)] use crate::g::H;
        mod last { use crate::i::J; }";
    assert_eq!(paths(text), ["D = super::c::D", "J = crate::i::J"]);
    assert_eq!(Imports::of(text).test_modules, BTreeSet::from(["more".to_owned()]));
}
