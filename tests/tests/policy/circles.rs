//! No files of a crate import each other in a circle: a reader can begin with the file that imports
//! none of the others, and read upwards.
//!
//! An import is a `use` of another file of the crate, or a path in its code that begins with
//! `crate` or `super`. A name counts for the file that defines it: the test follows re-exports.
//! `mod` declares, and is no import.
//!
//! A module and its submodules are one module in several files. The parent may call and re-export
//! its submodules while they use its types, so an import *down*, from a file to a submodule of its
//! own, is not counted. Imports up and sideways are. The test thus finds two submodules that import
//! each other, and a submodule whose parent imports a third file that needs the submodule.
//!
//! Imports that only tests have are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use penstock_tests::repository::root;

use crate::files::rust_files;
use crate::imports::Imports;

/// How many re-exports of one name are followed.
const RE_EXPORTS: usize = 8;

/// A file's place in its crate: the names of the modules that lead to it. A crate's root has none.
type Module = Vec<String>;

/// The files of a crate, each with its path in the repository.
#[derive(Default)]
struct Crate(BTreeMap<Module, (String, Imports)>);

/// Which file imports which names of which other.
type Graph = BTreeMap<Module, BTreeMap<Module, BTreeSet<String>>>;

impl Crate {
    /// Reads the files of a crate, each a path below `src` and its text.
    fn of(name: &str, files: &[(String, String)]) -> Self {
        let mut read = BTreeMap::new();
        for (path, text) in files {
            let bare = path.trim_end_matches(".rs");
            let bare = bare.strip_suffix("/mod").unwrap_or(bare);
            let module = match bare {
                // A program is a crate of its own.
                "main" => continue,
                "lib" => Vec::new(),
                _ => bare.split('/').map(str::to_owned).collect(),
            };
            read.insert(module, (format!("{name}/src/{path}"), Imports::of(text)));
        }
        let of_tests: Vec<Module> = read
            .iter()
            .flat_map(|(module, (_, imports))| {
                let names = imports.test_modules.iter();
                names.map(|name| [module.as_slice(), std::slice::from_ref(name)].concat())
            })
            .collect();
        read.retain(|module, _| !of_tests.iter().any(|test| module.starts_with(test)));
        Self(read)
    }

    /// The file that defines what `path` names in the file `from`. `None`: another crate does.
    fn defining(&self, from: &[String], path: &[String], re_exports: usize) -> Option<Module> {
        let up = path.iter().take_while(|segment| *segment == "super").count();
        let (mut module, rest) = match path.first()?.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (from.to_vec(), &path[1..]),
            "super" => (from[..from.len().checked_sub(up)?].to_vec(), &path[up..]),
            first => (self.submodule(from, first)?, &path[1..]),
        };
        for (at, segment) in rest.iter().enumerate() {
            if let Some(submodule) = self.submodule(&module, segment) {
                module = submodule;
                continue;
            }
            let (_, imports) = self.0.get(&module)?;
            let passed_on = imports.uses.iter().find(|import| import.name == *segment);
            return match passed_on {
                Some(import) if re_exports > 0 => {
                    let path = [import.path.as_slice(), &rest[at + 1..]].concat();
                    self.defining(&module, &path, re_exports - 1)
                }
                _ => Some(module),
            };
        }
        Some(module)
    }

    fn submodule(&self, module: &[String], name: &str) -> Option<Module> {
        let submodule = [module, &[name.to_owned()]].concat();
        self.0.contains_key(&submodule).then_some(submodule)
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (module, (_, imports)) in &self.0 {
            let uses = imports.uses.iter().map(|import| &import.path);
            for path in uses.chain(&imports.paths) {
                let Some(target) = self.defining(module, path, RE_EXPORTS) else { continue };
                // Of one's own, or down to a submodule of one's own.
                if target.starts_with(module) {
                    continue;
                }
                let names = graph.entry(module.clone()).or_default().entry(target).or_default();
                names.extend(path.last().cloned());
            }
        }
        graph
    }

    /// The circles, each as its imports.
    fn circles(&self) -> Vec<Vec<String>> {
        let graph = self.graph();
        let reach: BTreeMap<&Module, BTreeSet<&Module>> =
            graph.keys().map(|module| (module, reachable(&graph, module))).collect();
        let both_ways = |a: &Module, b: &Module| {
            reach[a].contains(b) && reach.get(b).is_some_and(|r| r.contains(a))
        };
        let mut seen: BTreeSet<&Module> = BTreeSet::new();
        let mut circles = Vec::new();
        for first in graph.keys() {
            if !reach[first].contains(first) || seen.contains(first) {
                continue;
            }
            let members: Vec<&Module> =
                graph.keys().filter(|other| both_ways(first, other)).collect();
            seen.extend(&members);
            let imports =
                members.iter().flat_map(|from| graph[*from].iter().map(move |to| (*from, to)));
            let inside = imports.filter(|(_, (to, _))| members.contains(to));
            circles.push(inside.map(|(from, (to, names))| self.line(from, to, names)).collect());
        }
        circles
    }

    fn line(&self, from: &Module, to: &Module, names: &BTreeSet<String>) -> String {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{} -> {}: {}", self.0[from].0, self.0[to].0, names.join(", "))
    }
}

/// The files that `from` imports, and those that they import, and so on.
fn reachable<'a>(graph: &'a Graph, from: &Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Module> = graph.get(from).into_iter().flat_map(BTreeMap::keys).collect();
    while let Some(module) = open.pop() {
        if reached.insert(module) {
            open.extend(graph.get(module).into_iter().flat_map(BTreeMap::keys));
        }
    }
    reached
}

/// The circles of the crate in `folder`.
fn circles_of(folder: &Path) -> Vec<Vec<String>> {
    let src = folder.join("src");
    let files: Vec<(String, String)> = rust_files(&src)
        .into_iter()
        .map(|file| {
            let path = file.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
            (path, std::fs::read_to_string(&file).unwrap())
        })
        .collect();
    assert!(!files.is_empty(), "no files in {}", src.display());
    Crate::of(folder.strip_prefix(root()).unwrap().to_str().unwrap(), &files).circles()
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let folders = ["functions", "shared"].map(|folder| std::fs::read_dir(root().join(folder)));
    let folders = folders.into_iter().flat_map(Result::unwrap).map(|entry| entry.unwrap().path());
    let crates: Vec<_> = folders.filter(|folder| folder.join("Cargo.toml").is_file()).collect();
    assert!(crates.len() >= 14, "only {} crates were found", crates.len());
    let circles: Vec<Vec<String>> = crates.iter().flat_map(|folder| circles_of(folder)).collect();
    let told: Vec<String> = circles.iter().map(|circle| circle.join("\n  ")).collect();
    assert!(circles.is_empty(), "files import each other in a circle:\n  {}", told.join("\n\n  "));
}

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let circles = Crate::of("x", &files).circles();
    circles.into_iter().map(|circle| circle.join("; ")).collect()
}

#[test]
fn files_that_import_each_other_are_found_with_the_names() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::{B, C};"),
        ("b.rs", "fn f() { crate::c::g() }"),
        ("c.rs", "use super::a; use crate::d::D;"),
        ("d.rs", "use std::fmt;"),
    ];
    assert_eq!(
        circles(&files),
        [
            "x/src/a.rs -> x/src/b.rs: B, C; x/src/b.rs -> x/src/c.rs: g; x/src/c.rs -> x/src/a.rs: a"
        ]
    );
}

#[test]
fn a_name_counts_for_the_file_that_defines_it() {
    let of = |b: &str| {
        circles(&[
            ("lib.rs", "mod a; mod b; mod c; pub use a::A; pub use self::b::B as Other;"),
            ("a.rs", "use crate::Other;"),
            ("b.rs", b),
            ("c.rs", ""),
        ])
    };
    assert_eq!(
        of("use crate::A;"),
        ["x/src/a.rs -> x/src/b.rs: Other; x/src/b.rs -> x/src/a.rs: A"]
    );
    assert_eq!(of("use crate::c::C;"), Vec::<String>::new());
}

#[test]
fn a_parent_may_use_its_submodules_but_they_not_each_other() {
    let of = |other: &str| {
        circles(&[
            ("lib.rs", "mod p;"),
            ("p/mod.rs", "mod a; mod b; pub use a::A; use b::B;"),
            ("p/a.rs", "use super::{Type, b::B};"),
            ("p/b.rs", other),
        ])
    };
    assert_eq!(of("use super::Type;"), Vec::<String>::new());
    assert_eq!(of("use super::a::A;").len(), 1);
    assert_eq!(of("use super::A;").len(), 1);
}

#[test]
fn a_submodule_is_in_a_circle_with_a_file_that_its_parent_imports() {
    let files = [
        ("lib.rs", "mod p; mod q;"),
        ("p.rs", "mod a; use crate::q::Q;"),
        ("p/a.rs", "use super::Type;"),
        ("q.rs", "use crate::p::a::A;"),
    ];
    assert_eq!(circles(&files).len(), 1);
}

#[test]
fn programs_and_tests_are_left_out() {
    let files = [
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod tests;"),
        ("main.rs", "use crate::a::A;"),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "#[cfg(test)] mod tests { use crate::a::A; }"),
        ("tests.rs", "use crate::a::A;"),
    ];
    assert_eq!(circles(&files), Vec::<String>::new());
}
