//! The map of docs/ARCHITECTURE.md, held: no circle of imports in any crate, and imports that go down
//! from floor to floor inside the server. The manifests hold the arrows between crates.

use std::collections::BTreeMap;
use std::fs;

use house_rules::imports::{self, Import};
use house_rules::sources::root;

use crate::assert_none;

/// The floors of the server, the highest first: a file imports from its own floor and from those below.
const FLOORS: &[&[&str]] =
    &[&["main", "cli"], &["web", "runner"], &["flows"], &["app"], &["runtime", "messages"], &["config"]];

/// Every crate's root files with its imports.
fn crates() -> BTreeMap<String, Vec<Import>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        for file in ["lib.rs", "main.rs"] {
            let path = folder.join("src").join(file);
            if path.exists() {
                let name = format!("{}/{file}", folder.file_name().unwrap().to_str().unwrap());
                found.insert(name, imports::of_crate(&path).unwrap());
            }
        }
    }
    assert!(found.len() > 6, "only {} crate roots were found", found.len());
    found
}

#[test]
fn no_crate_has_a_circle_of_imports() {
    let mut offences = Vec::new();
    for (name, imports) in crates() {
        for circle in imports::circles(&imports) {
            offences.push(format!("{name}: {}", circle.join(", ")));
            let inside = |import: &&Import| circle.contains(&import.from) && circle.contains(&import.to);
            offences
                .extend(imports.iter().filter(inside).map(|it| format!("    {} -> {} by {}", it.from, it.to, it.path)));
        }
    }
    assert_none("files import one another in a circle", &offences);
}

/// Files that stand on another floor than their folder. The handle to the database lies in `flows`, because only
/// a child of `flows` can keep its `write` to the flows; it imports nothing from them.
const PLACED: &[(&str, &str)] = &[("flows/database.rs", "runtime")];

fn floor(file: &str) -> Option<usize> {
    let placed = PLACED.iter().find(|(path, _)| *path == file);
    let top = placed.map_or_else(|| file.split(['/', '.']).next(), |(_, floor)| Some(*floor))?;
    FLOORS.iter().position(|floor| floor.contains(&top))
}

#[test]
fn imports_of_the_server_go_down() {
    let crates = crates();
    let imports = &crates["server/lib.rs"];
    let stood_on = imports.iter().filter_map(|import| floor(&import.to)).max();
    assert!(stood_on > Some(3), "the floors are not those of the sources");
    let up = |import: &&Import| match (floor(&import.from), floor(&import.to)) {
        (Some(from), Some(to)) => to < from,
        (None, _) | (_, None) => false,
    };
    let offences: Vec<String> =
        imports.iter().filter(up).map(|it| format!("{} -> {} by {}", it.from, it.to, it.path)).collect();
    assert_none("a file imports from a floor above its own", &offences);
}
