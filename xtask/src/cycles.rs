//! No two files of a crate import each other, directly or around a circle.
//!
//! Read are `use` declarations and paths in the code, as this workspace writes them. A path
//! leads to the file that defines its item: through `pub use`, but not through the parents that
//! merely declare a module. Tests within a file do not count, because nothing depends on them.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree;

/// The crates that are held to it.
const CRATES: &[&str] = &["cli", "core", "local"];

/// A module, by the names on the way to it from the root.
type Module = Vec<String>;

/// The files of a crate by their modules, and what each imports.
struct Crate {
    files: BTreeMap<Module, File>,
}

struct File {
    path: String,
    /// What its code says, apart from `use` declarations.
    code: String,
    imports: Vec<Import>,
}

struct Import {
    /// As it is written: `crate`, `super` or a child comes first.
    path: Vec<String>,
    /// What it is called in the file; `*` for everything.
    name: String,
    is_public: bool,
}

impl Crate {
    /// `files` are paths below `src` with their texts.
    fn new(files: &[(String, String)]) -> Self {
        let files = files.iter().map(|(path, text)| {
            let mut module: Module = path
                .trim_end_matches(".rs")
                .split('/')
                .map(str::to_owned)
                .collect();
            let is_parent = |name: &String| matches!(name.as_str(), "lib" | "main" | "mod");
            module.pop_if(|name| is_parent(name));
            (module, File::parse(path, text))
        });
        Self {
            files: files.collect(),
        }
    }

    /// The files that each file uses an item of.
    fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let edges = self.files.iter().map(|(module, file)| {
            let used = self.paths(module, file).into_iter();
            let used = used
                .filter_map(|path| self.definition(&path, &mut Vec::new()))
                .filter(|used| *used != file.path)
                .collect();
            (file.path.as_str(), used)
        });
        edges.collect()
    }

    /// The paths of a file within its crate, from the root on.
    fn paths(&self, module: &Module, file: &File) -> Vec<Vec<String>> {
        // Modules that can be named here: imported ones, and children.
        let mut names: BTreeMap<&str, Module> = BTreeMap::new();
        for child in self.files.keys() {
            if let Some((name, parent)) = child.split_last()
                && parent == module.as_slice()
            {
                names.insert(name, child.clone());
            }
        }
        let mut paths = Vec::new();
        for import in &file.imports {
            let Some(path) = absolute(module, &import.path, &names) else {
                continue;
            };
            if self.files.contains_key(&path) && import.name != "*" {
                names.insert(&import.name, path);
            } else if !import.is_public || words(&file.code).any(|word| word == import.name) {
                // What is only passed on is not used.
                paths.push(path);
            }
        }
        for written in written_paths(&file.code) {
            paths.extend(absolute(module, &written, &names));
        }
        paths
    }

    /// The file that defines what a path leads to; none for what is not in the crate.
    fn definition<'a>(&'a self, path: &[String], seen: &mut Vec<Vec<String>>) -> Option<&'a str> {
        if seen.contains(&path.to_vec()) {
            return None;
        }
        seen.push(path.to_vec());
        let (module, rest) = (0..=path.len())
            .rev()
            .map(|length| path.split_at(length))
            .find(|(module, _)| self.files.contains_key(*module))?;
        let file = &self.files[module];
        let exported = rest.first().and_then(|item| {
            let mut exports = file.imports.iter().filter(|import| import.is_public);
            let export = exports.find(|import| import.name == *item)?;
            let names = BTreeMap::new();
            let children = absolute(&module.to_vec(), &export.path, &names)
                .unwrap_or_else(|| [module, export.path.as_slice()].concat());
            self.definition(&children, seen)
        });
        Some(exported.unwrap_or(&file.path))
    }
}

/// A path from the root of the crate; none where it leads out of it.
fn absolute(
    module: &Module,
    path: &[String],
    names: &BTreeMap<&str, Module>,
) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let mut found = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.clone(),
        "super" => {
            let mut parent = module.clone();
            parent.pop()?;
            let is_higher = rest.first().is_some_and(|next| next == "super");
            if is_higher {
                return absolute(&parent, rest, names);
            }
            parent
        }
        name => names.get(name)?.clone(),
    };
    found.extend_from_slice(rest);
    Some(found)
}

impl File {
    fn parse(path: &str, text: &str) -> Self {
        let mut file = Self {
            path: path.to_owned(),
            code: String::new(),
            imports: Vec::new(),
        };
        let mut lines = text.lines().map(without_comment);
        while let Some(line) = lines.next() {
            let line = line.trim();
            if line == "#[cfg(test)]" {
                // What follows is a module to the end of the file, or one declaration.
                match lines.next() {
                    Some(next) if next.ends_with('{') => break,
                    _ => continue,
                }
            }
            let (is_public, used) = match line.split_once("use ") {
                Some(("", used)) => (false, used),
                Some((visibility, used))
                    if visibility.starts_with("pub") && visibility.ends_with(' ') =>
                {
                    (true, used)
                }
                _ => {
                    file.code.push_str(line);
                    file.code.push('\n');
                    continue;
                }
            };
            let mut used = used.to_owned();
            while !used.ends_with(';') {
                let Some(more) = lines.next() else { break };
                used.push_str(more.trim());
            }
            let used = used.trim_end_matches(';');
            add_imports(&[], used, is_public, &mut file.imports);
        }
        file
    }
}

fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

/// Adds what one tree of a `use` declaration imports.
fn add_imports(prefix: &[String], used: &str, is_public: bool, imports: &mut Vec<Import>) {
    let used = used.trim();
    if let Some((before, group)) = used.split_once('{') {
        let before = before.trim_end_matches("::").split("::");
        let before = before.filter(|name| !name.is_empty()).map(str::to_owned);
        let prefix: Vec<String> = prefix.iter().cloned().chain(before).collect();
        let group = group.strip_suffix('}').unwrap_or(group);
        let mut depth = 0;
        let members = group.split(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        });
        for member in members.filter(|member| !member.trim().is_empty()) {
            add_imports(&prefix, member, is_public, imports);
        }
        return;
    }
    let (used, alias) = match used.split_once(" as ") {
        Some((used, alias)) => (used, Some(alias)),
        None => (used, None),
    };
    let mut path: Vec<String> = prefix.to_vec();
    path.extend(used.split("::").map(str::to_owned));
    if path.len() > 1 {
        path.pop_if(|last| last == "self");
    }
    let last = path.last().cloned().unwrap_or_default();
    if last == "*" {
        path.pop();
    }
    let name = alias.map_or(last, str::to_owned);
    imports.push(Import {
        path,
        name,
        is_public,
    });
}

/// The paths with `::` in them that code has.
fn written_paths(code: &str) -> impl Iterator<Item = Vec<String>> {
    let paths = code.split(|c: char| !is_of_word(c) && c != ':');
    paths
        .filter(|path| path.contains("::") && !path.starts_with("::"))
        .map(|path| path.split("::").map(str::to_owned).collect())
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c| !is_of_word(c))
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A circle, by its files, the first one again at the end.
fn circle<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    fn visit<'a>(
        file: &'a str,
        edges: &BTreeMap<&'a str, BTreeSet<&'a str>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<&'a str>> {
        if let Some(start) = way.iter().position(|earlier| *earlier == file) {
            return Some([&way[start..], &[file]].concat());
        }
        if !done.insert(file) {
            return None;
        }
        way.push(file);
        let used = edges.get(file).into_iter().flatten();
        let found = used.copied().find_map(|used| visit(used, edges, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    edges
        .keys()
        .find_map(|file| visit(file, edges, &mut Vec::new(), &mut done))
}

#[test]
fn no_files_of_a_crate_import_each_other() {
    for name in CRATES {
        let source = tree::root().join("crates").join(name).join("src");
        let files: Vec<(String, String)> = tree::files(&source)
            .unwrap()
            .iter()
            .filter(|file| !file.ends_with("src/main.rs"))
            .map(|file| {
                let path = file.strip_prefix(&source).unwrap().display().to_string();
                (path, std::fs::read_to_string(file).unwrap())
            })
            .collect();
        let source = Crate::new(&files);
        let edges = source.edges();
        assert!(edges.len() > 10, "files of {name} were overlooked");
        let circle = circle(&edges).map(|circle| circle.join(" -> "));
        assert_eq!(circle, None, "a circle in crates/{name}/src");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, String)> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        let source = Crate::new(&files);
        let edges = source.edges();
        let edge = |(from, to): (&&str, &BTreeSet<&str>)| {
            let to = to.iter();
            to.map(|to| format!("{from} {to}")).collect::<Vec<_>>()
        };
        edges.iter().flat_map(edge).collect()
    }

    #[test]
    fn a_path_leads_to_the_file_that_defines_its_item() {
        let files = [
            (
                "lib.rs",
                "mod a;\nmod b;\npub use a::{Item, inner::Deep};\npub struct Own;\n",
            ),
            ("a.rs", "mod inner;\npub struct Item;\n"),
            ("a/inner.rs", "use super::Item;\npub struct Deep;\n"),
            (
                "b/mod.rs",
                "mod leaf;\npub(crate) use leaf::Leaf;\nuse other::crate_a;\n",
            ),
            ("b/leaf.rs", "use crate::{\n    Deep,\n    Own,\n};\n"),
            ("c.rs", "use crate::b::Leaf;\nuse crate::a as aliased;\n"),
            ("d.rs", "use crate::b;\nfn f() { b::leaf::f(); }\n"),
            ("e.rs", "fn f() -> crate::a::Item { x::crate::b() }\n"),
            (
                "f.rs",
                "mod g;\npub use g::{Passed, Used};\nfn f(_: Used) {}\n",
            ),
            ("f/g.rs", "pub struct Used;\npub struct Passed;\n"),
        ];
        assert_eq!(
            edges(&files),
            [
                "a/inner.rs a.rs",
                "b/leaf.rs a/inner.rs",
                "b/leaf.rs lib.rs",
                "c.rs b/leaf.rs",
                "d.rs b/leaf.rs",
                "e.rs a.rs",
                "f.rs f/g.rs",
            ]
        );
    }

    #[test]
    fn comments_and_tests_are_no_imports() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            (
                "a.rs",
                "// use crate::b::B;\n/// [`crate::b`]\n#[cfg(test)]\nmod canned;\nfn f() {}\n\
                 #[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n",
            ),
            ("b.rs", "use crate::a::f;\nuse super::a::{self, g as h};\n"),
        ];
        assert_eq!(edges(&files), ["b.rs a.rs"]);
    }

    #[test]
    fn a_circle_is_named_by_its_files() {
        let edges = |pairs: &[(&'static str, &'static str)]| {
            let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for (from, to) in pairs {
                edges.entry(from).or_default().insert(to);
            }
            circle(&edges)
        };
        assert_eq!(edges(&[("a", "b"), ("a", "c"), ("b", "c")]), None);
        assert_eq!(
            edges(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")]),
            Some(vec!["b", "c", "d", "b"])
        );
    }
}
