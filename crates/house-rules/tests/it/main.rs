//! The house rules, each a test that reads the sources or the documents.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod code;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod language;

/// Fails with the list of offences, one a line.
#[cfg(test)]
fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}: {} offences\n{}", offences.len(), offences.join("\n"));
}
