//! Settings that do not exist: each is an error that names the nearest one that does. A misspelt setting would
//! otherwise be ignored, and its default used without a word.

use std::fmt;

use confique::Config as _;
use confique::meta::{FieldKind, Meta};

use super::{Config, ConfigError};

/// The prefix of every variable.
const PREFIX: &str = "LINEKEEPER_";

/// Variables of the command line, which are no settings.
const OF_COMMANDS: [&str; 2] = ["LINEKEEPER_CONFIG", "LINEKEEPER_CONFORMANCE_SECRET"];

/// A setting that does not exist, and the nearest one that does; both as they stand in the file or the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSetting {
    pub found: String,
    pub nearest: String,
}

impl fmt::Display for UnknownSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no setting {}; the nearest one is {}", self.found, self.nearest)
    }
}

/// Every setting, such as `meta.app_id`, with its variable.
fn settings() -> Vec<(String, &'static str)> {
    fn collect(section: &Meta, prefix: &str, found: &mut Vec<(String, &'static str)>) {
        for field in section.fields {
            let path = format!("{prefix}{}", field.name);
            match field.kind {
                FieldKind::Leaf { env, .. } => found.push((path, env.unwrap_or_default())),
                FieldKind::Nested { meta } => collect(meta, &format!("{path}."), found),
            }
        }
    }
    let mut found = Vec::new();
    collect(&Config::META, "", &mut found);
    found
}

/// Fails if the file holds a setting that does not exist.
pub(super) fn check_file(table: &toml::Table) -> Result<(), ConfigError> {
    let known: Vec<String> = settings().into_iter().map(|(path, _)| path).collect();
    let mut unknown = Vec::new();
    for (name, value) in table {
        match value.as_table() {
            Some(section) if section.is_empty() && !is_section(&known, name) => unknown.push(name.clone()),
            Some(section) => unknown.extend(section.keys().map(|key| format!("{name}.{key}"))),
            // a section that is no table is refused when the values are read
            None if is_section(&known, name) => {}
            None => unknown.push(name.clone()),
        }
    }
    unknown.retain(|path| !known.contains(path));
    refuse(unknown.into_iter().map(|found| {
        let nearest = nearest(&found, known.iter().map(String::as_str));
        UnknownSetting { found, nearest }
    }))
}

fn is_section(known: &[String], name: &str) -> bool {
    known.iter().any(|path| path.split_once('.').is_some_and(|(section, _)| section == name))
}

/// Fails if a variable begins like a setting's and is none. `others` are variables that are no settings.
pub(super) fn check_variables(
    variables: impl Iterator<Item = (String, String)>,
    others: &[&str],
) -> Result<(), ConfigError> {
    let settings = settings();
    let known = || settings.iter().map(|(_, variable)| *variable);
    let unknown = variables
        .filter(|(name, value)| name.starts_with(PREFIX) && !is_service_link(name, value))
        .map(|(name, _)| name)
        .filter(|name| !known().chain(OF_COMMANDS).any(|it| it == name) && !others.contains(&name.as_str()));
    refuse(unknown.map(|found| {
        let nearest = nearest(&found, known());
        UnknownSetting { found, nearest }
    }))
}

/// Whether Kubernetes or Docker set the variable for a service of that name, such as
/// `LINEKEEPER_PORT=tcp://10.0.0.1:8080`, `LINEKEEPER_PORT_8080_TCP_ADDR` and `LINEKEEPER_SERVICE_HOST`.
fn is_service_link(name: &str, value: &str) -> bool {
    let after_port = name.split_once("_PORT_").map_or("", |(_, rest)| rest);
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
        || after_port.starts_with(|c: char| c.is_ascii_digit())
}

fn refuse(unknown: impl Iterator<Item = UnknownSetting>) -> Result<(), ConfigError> {
    let mut unknown: Vec<_> = unknown.collect();
    unknown.sort_by(|one, other| one.found.cmp(&other.found));
    if unknown.is_empty() { Ok(()) } else { Err(ConfigError::Unknown(unknown)) }
}

/// The known name that takes the fewest edits. A key that stands in the wrong section counts as near.
fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> String {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |name: &&str| {
        let whole = strsim::damerau_levenshtein(found, name);
        let keys = strsim::damerau_levenshtein(&last(found), &last(name));
        whole.min(keys + 1)
    };
    known.min_by_key(distance).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_file(text: &str) -> Vec<(String, String)> {
        pairs(check_file(&toml::from_str(text).unwrap()))
    }

    fn in_environment(name: &str, value: &str) -> Vec<(String, String)> {
        pairs(check_variables(std::iter::once((name.to_owned(), value.to_owned())), &["LINEKEEPER_FAILPOINT"]))
    }

    fn pairs(result: Result<(), ConfigError>) -> Vec<(String, String)> {
        match result {
            Err(ConfigError::Unknown(unknown)) => unknown.into_iter().map(|it| (it.found, it.nearest)).collect(),
            other => {
                other.unwrap();
                Vec::new()
            }
        }
    }

    #[test]
    fn a_misspelt_setting_of_the_file_is_named_with_the_nearest_one() {
        for (text, found, nearest) in [
            ("databse = \"x\"", "databse", "database"),
            ("[metaa]\napp_id = \"1\"", "metaa.app_id", "meta.app_id"),
            ("[delivery]\nallow_subnet = []", "delivery.allow_subnet", "delivery.allow_subnets"),
            ("app_secret = \"x\"", "app_secret", "meta.app_secret"),
            ("[retention]\ndeadline_seconds = 3", "retention.deadline_seconds", "delivery.deadline_seconds"),
            ("[limit]", "limit", "listen"),
            ("[meta.app]\nid = 1", "meta.app", "meta.app_id"),
        ] {
            assert_eq!(in_file(text), [(found.to_owned(), nearest.to_owned())], "{text}");
        }
        assert_eq!(in_file("[log]\nfilter = \"info\"\n[meta]\n"), []);
        assert_eq!(in_file("b = 1\na = 2").len(), 2, "all of them are named");
        let error = check_file(&toml::from_str("databse = 1").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "there is no setting databse; the nearest one is database");
    }

    #[test]
    fn a_misspelt_variable_is_named_with_the_nearest_one() {
        for (found, nearest) in [
            ("LINEKEEPER_DATABSE", "LINEKEEPER_DATABASE"),
            ("LINEKEEPER_APP_SECRET", "LINEKEEPER_META_APP_SECRET"),
            ("LINEKEEPER_PORT", "LINEKEEPER_LISTEN"),
        ] {
            assert_eq!(in_environment(found, "8080"), [(found.to_owned(), nearest.to_owned())]);
        }
        for known in ["LINEKEEPER_META_APP_ID", "LINEKEEPER_CONFIG", "LINEKEEPER_FAILPOINT", "PATH", "XLINEKEEPER_A"] {
            assert_eq!(in_environment(known, "8080"), []);
        }
    }

    /// A service called `linekeeper` would otherwise stop the program from starting in its own cluster.
    #[test]
    fn variables_that_kubernetes_sets_for_a_service_are_left_alone() {
        for (name, value) in [
            ("LINEKEEPER_SERVICE_HOST", "10.0.0.1"),
            ("LINEKEEPER_SERVICE_PORT", "8080"),
            ("LINEKEEPER_SERVICE_PORT_HTTP", "8080"),
            ("LINEKEEPER_WEB_SERVICE_HOST", "10.0.0.1"),
            ("LINEKEEPER_PORT", "tcp://10.0.0.1:8080"),
            ("LINEKEEPER_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("LINEKEEPER_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("LINEKEEPER_PORT_8080_TCP_PROTO", "tcp"),
        ] {
            assert_eq!(in_environment(name, value), [], "{name}");
        }
    }
}
