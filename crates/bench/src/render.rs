//! `bench render`: renders measurement pages and plots again from their raw figures. Must not measure anything.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::run::page::read_raw;
use crate::run::{forward, peers, report};

/// Which pages to render.
#[derive(Debug, clap::Args)]
pub(crate) struct Render {
    /// Folder of the pages, with their raw figures in `raw`.
    #[arg(long, default_value = "docs/measurements")]
    folder: PathBuf,
    /// Names of the pages, for example `soak`; every page with raw figures unless given.
    pages: Vec<String>,
}

impl Render {
    /// Renders the requested pages and their plots.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut pages = self.pages.clone();
        if pages.is_empty() {
            for entry in std::fs::read_dir(self.folder.join("raw"))? {
                let path = entry?.path();
                pages.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
            }
            pages.sort();
        }
        for page in &pages {
            let raw = self.folder.join("raw").join(format!("{page}.json"));
            render(page, &raw, &self.folder.join(format!("{page}.md")))?;
        }
        Ok(())
    }
}

fn render(page: &str, raw: &Path, out: &Path) -> anyhow::Result<()> {
    match page {
        "soak" => forward::report::write_soak(&read_raw(raw)?, out),
        "backlog" => forward::report::write_backlog(&read_raw(raw)?, out),
        "peers" => peers::report::write(&read_raw(raw)?, out),
        _ if page.starts_with("bench") => report::write(&read_raw(raw)?, out),
        _ => bail!("no page is named {page}"),
    }
}
