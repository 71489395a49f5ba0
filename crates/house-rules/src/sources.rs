//! The files of the workspace as text. It does not parse them.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// One file: its path from the root of the workspace, with `/` between folders, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    /// The lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }
}

/// The folder that holds the workspace's `Cargo.toml`: the one Cargo runs the tests in, which need not be
/// the one they were built in.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
    manifest.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from).join("../..")
}

/// Every file below a folder of the workspace with one of these extensions, sorted by path. Build
/// output is left out. Fails where a file cannot be read.
pub fn below(folder: &str, extensions: &[&str]) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    walk(&root().join(folder), folder, extensions, &mut found)?;
    Ok(found)
}

fn walk(folder: &Path, name: &str, extensions: &[&str], found: &mut Vec<Source>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        let Some(file) = path.file_name().and_then(|file| file.to_str()) else { continue };
        let name = format!("{name}/{file}");
        if path.is_dir() {
            if !["target", "node_modules", ".venv", "proptest-regressions"].contains(&file) {
                walk(&path, &name, extensions, found)?;
            }
        } else if path.extension().and_then(|it| it.to_str()).is_some_and(|it| extensions.contains(&it)) {
            found.push(Source { path: name, text: fs::read_to_string(&path)? });
        }
    }
    Ok(())
}

/// One file of the workspace. Fails where it cannot be read.
pub fn file(path: &str) -> io::Result<Source> {
    Ok(Source { path: path.to_owned(), text: fs::read_to_string(root().join(path))? })
}
