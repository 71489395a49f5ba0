//! Writes a measurement page with its plots and raw figures: `NAME.md`, `plots/NAME-*.svg` and `raw/NAME.json`. Reads raw
//! figures back, so that a page can be rendered again without a measurement. Must not know what is measured.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A page while it is built.
pub(crate) struct Page {
    path: PathBuf,
    name: String,
    text: String,
}

impl Page {
    /// Begins a page at this path with its title and introduction.
    pub(crate) fn new(path: &Path, title: &str, introduction: &str) -> anyhow::Result<Self> {
        let name = path.file_stem().and_then(|name| name.to_str()).context("the page has no name")?.to_owned();
        Ok(Self { path: path.to_owned(), name, text: format!("# {title}\n\n{introduction}\n\n") })
    }

    /// Appends Markdown to the page.
    pub(crate) fn push(&mut self, markdown: &str) {
        self.text.push_str(markdown);
    }

    /// Appends a list with one item per line.
    pub(crate) fn push_list(&mut self, lines: &[String]) {
        for line in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(self.text, "- {line}");
        }
    }

    /// Writes a plot beside the page and links it as an image.
    pub(crate) fn push_plot(&mut self, plot: &str, description: &str, svg: &str) -> anyhow::Result<()> {
        let file = format!("plots/{}-{plot}.svg", self.name);
        write(&self.beside(&file), svg)?;
        write!(self.text, "\n![{description}]({file})\n")?;
        Ok(())
    }

    /// Links the raw figures and writes the page.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        let file = format!("raw/{}.json", self.name);
        write!(self.text, "\nThe raw figures are in [{file}]({file}).\n")?;
        write(&self.path, &self.text)
    }

    fn beside(&self, file: &str) -> PathBuf {
        self.path.with_file_name(file)
    }
}

/// Writes the raw figures of the page at this path, as one line of JSON.
pub(crate) fn write_raw(page: &Path, raw: &impl Serialize) -> anyhow::Result<()> {
    let name = page.file_stem().and_then(|name| name.to_str()).context("the page has no name")?;
    write(&page.with_file_name(format!("raw/{name}.json")), &format!("{}\n", serde_json::to_string(raw)?))
}

/// Reads raw figures from a file.
pub(crate) fn read_raw<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} does not have the expected figures", path.display()))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
