//! Reads the settings of the file and of the environment, and refuses settings that do not exist. An error names the
//! line of the file and never quotes a value: the value may be a secret.

use std::io;
use std::path::Path;

use confique::Layer as _;

use super::{Config, ConfigError, debug, unknown};

/// Settings of one source, each of which may be missing.
type Values = <Config as confique::Config>::Layer;

/// The text of the file; empty if it does not exist.
pub(super) fn read_file(file: &Path) -> Result<String, ConfigError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(ConfigError::Read(format!("{} cannot be read: {error}", file.display()))),
    }
}

/// The settings in the text of a file.
pub(super) fn parse(text: &str) -> Result<Values, ConfigError> {
    let failed = |error: &toml::de::Error| ConfigError::Read(describe(text, error));
    let table: toml::Table = toml::from_str(text).map_err(|error| failed(&error))?;
    unknown::check_file(&table)?;
    toml::from_str(text).map_err(|error| failed(&error))
}

/// The settings in the environment.
pub(super) fn read_environment() -> Result<Values, ConfigError> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().unwrap_or_default())));
    unknown::check_variables(variables, debug::VARIABLES)?;
    Values::from_env().map_err(|error| ConfigError::Read(format!("{error:#}")))
}

/// The error with its line. The library would print the whole line, and name the value that has the wrong type.
fn describe(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    let message = error.message();
    let wrong_type = message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "));
    match wrong_type {
        Some((found, expected)) => {
            let kind = found.split([' ', '`', '"']).next().unwrap_or_default();
            format!("line {line}: the value is of the type {kind}, and must be {expected}")
        }
        None => format!("line {line}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        parse(text).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_its_line_and_shows_no_value() {
        for (text, says) in [
            ("public_url = \"a\"\n\n[meta]\napp_secret = 918273645\n", "line 4: the value is of the type integer"),
            ("[meta]\napp_secret = canary918273645\n", "line 2: "),
            ("[meta]\napp_secret = \"918273645\n", "line 2: "),
            ("[limits]\njob_workers = \"918273645\"\n", "line 2: the value is of the type string"),
            ("[log]\nformat = \"jsn\"\n", "line 2: "),
        ] {
            let error = error_of(text);
            assert!(error.contains(says) && !error.contains("918273645"), "{error}");
        }
    }

    #[test]
    fn an_empty_file_sets_nothing() {
        assert!(parse("").unwrap().is_empty());
    }
}
