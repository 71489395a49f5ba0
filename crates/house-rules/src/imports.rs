//! Which file of a crate imports which, read from the syntax of its sources. What is allowed is for
//! the tests to say.
//!
//! An import is a `use` or a path to an item of another file of the same crate. Re-exports are followed
//! to the file that defines the item. Three things are no imports: `mod`, `pub use` of any visibility,
//! and an item that a file takes from its own parent by name. Test code is left out. Inside macro calls
//! paths are found by their tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// One import: from a file to a file, with the path as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The file that imports, from the crate's `src/`.
    pub from: String,
    /// The file that defines what is imported.
    pub to: String,
    /// The path in the source, such as `super::ledger::Attempt`.
    pub path: String,
}

/// Reads the imports of one crate from its root file (`src/lib.rs` or `src/main.rs`). Fails where a file
/// cannot be read or is no Rust.
pub fn of_crate(root: &Path) -> io::Result<Vec<Import>> {
    let folder = root.parent().unwrap_or(root).to_owned();
    let mut tree = Tree { folder: folder.clone(), modules: BTreeMap::new() };
    let in_root = root.file_name().is_some_and(|name| name == "lib.rs" || name == "main.rs");
    let children = if in_root { folder } else { root.with_extension("") };
    tree.read(Vec::new(), root, &children)?;
    Ok(tree.imports())
}

/// The circles among imports: each a list of files that reach one another, sorted.
pub fn circles(imports: &[Import]) -> Vec<Vec<String>> {
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        reach.entry(&import.from).or_default().insert(&import.to);
    }
    let all: BTreeMap<&str, BTreeSet<&str>> = reach.keys().map(|from| (*from, reachable(&reach, from))).collect();
    let mut found = BTreeSet::new();
    for (from, reached) in &all {
        if reached.contains(from) {
            let both = reached.iter().filter(|to| all.get(**to).is_some_and(|back| back.contains(from)));
            found.insert(both.map(|file| (*file).to_owned()).collect::<Vec<_>>());
        }
    }
    found.into_iter().collect()
}

fn reachable<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in edges.get(file).into_iter().flatten() {
            if seen.insert(*next) {
                open.push(next);
            }
        }
    }
    seen
}

type ModulePath = Vec<String>;

/// A name brought into a module by `use`.
struct Alias {
    name: String,
    path: Vec<String>,
    is_reexport: bool,
}

struct Module {
    file: String,
    children: BTreeSet<String>,
    items: BTreeSet<String>,
    aliases: Vec<Alias>,
    /// What `use …::*` brings in.
    globs: Vec<Vec<String>>,
    /// Paths as they are written outside of `use`.
    paths: BTreeSet<Vec<String>>,
}

struct Tree {
    folder: PathBuf,
    modules: BTreeMap<ModulePath, Module>,
}

impl Tree {
    fn read(&mut self, path: ModulePath, file: &Path, children: &Path) -> io::Result<()> {
        let text = fs::read_to_string(file)?;
        let syntax =
            syn::parse_file(&text).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
        self.add(path, file, children, &syntax.items)
    }

    fn add(&mut self, path: ModulePath, file: &Path, children: &Path, items: &[Item]) -> io::Result<()> {
        let name = file.strip_prefix(&self.folder).unwrap_or(file).display().to_string();
        let mut module = Module {
            file: name,
            children: BTreeSet::new(),
            items: BTreeSet::new(),
            aliases: Vec::new(),
            globs: Vec::new(),
            paths: BTreeSet::new(),
        };
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            if let Item::Mod(child) = item {
                let ident = child.ident.to_string();
                module.children.insert(ident.clone());
                let below: ModulePath = path.iter().cloned().chain([ident.clone()]).collect();
                match &child.content {
                    Some((_, items)) => self.add(below, file, &children.join(&ident), items)?,
                    None => {
                        let flat = children.join(format!("{ident}.rs"));
                        let nested = children.join(&ident).join("mod.rs");
                        let file = if flat.exists() { flat } else { nested };
                        self.read(below, &file, &children.join(&ident))?;
                    }
                }
                continue;
            }
            if let Item::Use(import) = item {
                flatten(&import.tree, &[], !matches!(import.vis, Visibility::Inherited), &mut module);
                continue;
            }
            if let Some(ident) = ident(item) {
                module.items.insert(ident);
            }
            Paths(&mut module).visit_item(item);
        }
        self.modules.insert(path, module);
        Ok(())
    }

    fn imports(&self) -> Vec<Import> {
        let mut found = BTreeSet::new();
        for (at, module) in &self.modules {
            let aliases = module.aliases.iter().filter(|alias| !alias.is_reexport).map(|alias| &alias.path);
            for written in aliases.chain(&module.globs).chain(&module.paths) {
                let Some((target, is_item)) = self.resolve(at, written, 0) else { continue };
                let to = &self.modules[&target].file;
                let from_own_parent = is_item && at.split_last().is_some_and(|(_, parent)| parent == target);
                if *to != module.file && !from_own_parent {
                    let path = written.join("::");
                    found.insert(Import { from: module.file.clone(), to: to.clone(), path });
                }
            }
        }
        found.into_iter().collect()
    }

    /// The module that defines what a path names, and whether it names an item in it; `None` for other crates.
    fn resolve(&self, at: &ModulePath, path: &[String], depth: usize) -> Option<(ModulePath, bool)> {
        if depth > 16 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let mut here = match first.as_str() {
            "crate" => Vec::new(),
            "self" => at.clone(),
            "super" => at.split_last()?.1.to_vec(),
            name => {
                let module = &self.modules[at];
                if module.children.contains(name) {
                    at.iter().cloned().chain([name.to_owned()]).collect()
                } else {
                    let alias = module.aliases.iter().find(|alias| alias.name == name && alias.path != *path)?;
                    // a name that was brought in by `use` is counted there
                    let (home, _) = self.resolve(at, &alias.path, depth + 1)?;
                    let longer: Vec<String> = alias.path.iter().chain(rest).cloned().collect();
                    return if home == *at { None } else { self.resolve(at, &longer, depth + 1) };
                }
            }
        };
        for (position, name) in rest.iter().enumerate() {
            let module = &self.modules[&here];
            if name == "super" {
                here = here.split_last()?.1.to_vec();
            } else if module.children.contains(name) {
                here.push(name.clone());
            } else if module.items.contains(name) {
                return Some((here, true));
            } else if let Some(alias) = module.aliases.iter().find(|alias| alias.name == *name) {
                let longer: Vec<String> = alias.path.iter().chain(&rest[position + 1..]).cloned().collect();
                return self.resolve(&here, &longer, depth + 1);
            } else {
                let behind = module.globs.iter().filter_map(|glob| {
                    let (target, _) = self.resolve(&here, glob, depth + 1)?;
                    let known = &self.modules[&target];
                    (known.items.contains(name) || known.aliases.iter().any(|it| it.name == *name))
                        .then(|| target.iter().cloned().chain([name.clone()]).collect::<Vec<_>>())
                });
                let through = behind.into_iter().next();
                return match through {
                    Some(full) => {
                        let absolute: Vec<String> = ["crate".to_owned()].into_iter().chain(full).collect();
                        self.resolve(&here, &absolute, depth + 1)
                    }
                    None => Some((here, true)),
                };
            }
        }
        Some((here, false))
    }
}

fn flatten(tree: &UseTree, before: &[String], is_reexport: bool, module: &mut Module) {
    let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &with(path.ident.to_string()), is_reexport, module),
        UseTree::Group(group) => {
            group.items.iter().for_each(|item| flatten(item, before, is_reexport, module));
        }
        UseTree::Glob(_) => module.globs.push(before.to_vec()),
        UseTree::Name(name) if name.ident == "self" => {
            let alias = before.last().cloned().unwrap_or_default();
            module.aliases.push(Alias { name: alias, path: before.to_vec(), is_reexport });
        }
        UseTree::Name(name) => {
            let ident = name.ident.to_string();
            module.aliases.push(Alias { name: ident.clone(), path: with(ident), is_reexport });
        }
        UseTree::Rename(name) => {
            let path = if name.ident == "self" { before.to_vec() } else { with(name.ident.to_string()) };
            module.aliases.push(Alias { name: name.rename.to_string(), path, is_reexport });
        }
    }
}

/// Collects the paths of an item, function bodies, inner `use` and macro calls included.
struct Paths<'a>(&'a mut Module);

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.0.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    /// `pub(in crate::cli)` names who may see an item; it imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        let mut inner = Module {
            file: String::new(),
            children: BTreeSet::new(),
            items: BTreeSet::new(),
            aliases: Vec::new(),
            globs: Vec::new(),
            paths: BTreeSet::new(),
        };
        flatten(&import.tree, &[], false, &mut inner);
        let written = inner.aliases.into_iter().map(|alias| alias.path).chain(inner.globs);
        self.0.paths.extend(written.filter(|path| path.len() > 1));
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        tokens(call.tokens.clone(), &mut self.0.paths);
        visit::visit_macro(self, call);
    }
}

/// Finds `a::b::c` among the tokens of a macro call.
fn tokens(stream: TokenStream, found: &mut BTreeSet<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    let mut end = |path: &mut Vec<String>| {
        if path.len() > 1 {
            found.insert(std::mem::take(path));
        }
        path.clear();
    };
    let mut groups = Vec::new();
    for token in stream {
        match token {
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    end(&mut path);
                }
                path.push(ident.to_string());
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Group(group) => {
                end(&mut path);
                colons = 0;
                groups.push(group.stream());
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {
                end(&mut path);
                colons = 0;
            }
        }
    }
    end(&mut path);
    for group in groups {
        tokens(group, found);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let mut is_test = false;
        if attribute.path().is_ident("cfg") {
            // `cfg(test)`; anything else about the attribute does not matter here
            let _ = attribute.parse_nested_meta(|meta| {
                is_test |= meta.path.is_ident("test");
                Ok(())
            });
        }
        is_test
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of the parser is non-exhaustive")]
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of the parser is non-exhaustive")]
fn ident(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(it) => &it.ident,
        Item::Enum(it) => &it.ident,
        Item::Fn(it) => &it.sig.ident,
        Item::Macro(it) => it.ident.as_ref()?,
        Item::Static(it) => &it.ident,
        Item::Struct(it) => &it.ident,
        Item::Trait(it) => &it.ident,
        Item::Type(it) => &it.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
