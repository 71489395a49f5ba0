//! The file of seal keys: creating it and adding a key. Must not know the database.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use serde_json::json;
use server::seal::Keyring;

use crate::cli::output::{CommandStatus, Output};

/// Writes a new key as the first line of the file and keeps the lines that were there.
pub(super) fn add_key(file: &Path, output: Output) -> anyhow::Result<CommandStatus> {
    let existing = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
    };
    let is_first = existing.trim().is_empty();
    if !is_first {
        Keyring::parse(&existing.clone().into())
            .with_context(|| format!("{} exists and holds no seal keys; nothing was changed", file.display()))?;
    }
    let new = Keyring::generate();
    let id = hex::encode(Keyring::parse(&new)?.current());
    write_private(file, &format!("{}\n{existing}", new.expose_secret()))?;
    output.print(&json!({ "key": id, "file": file, "first": is_first }), || {
        let next = if is_first {
            "Keep a copy apart from the backups of the database: without the key no token and no PIN can be decrypted."
        } else {
            "A running service takes the key within a second. Encrypt everything with it: linekeeper key rotate"
        };
        format!("Wrote seal key {id} to {}. {next}", file.display())
    })
}

/// Writes a file that only its owner can read. It is written beside its place and then renamed, so that a
/// crash leaves the old content or the new one.
pub(in crate::cli) fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let new = file.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(&new)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&new, file)
    };
    write().with_context(|| format!("{} cannot be written", file.display()))
}
