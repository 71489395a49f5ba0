//! Evidence: the newest change of each kind to a number. Which change is news is the domain's rule.

use std::collections::BTreeMap;

use domain::ids::PhoneNumberId;
use domain::registration::{self, ChangeKind, Changes, Dated, Source};
use jiff::Timestamp;

use super::json_list;
use super::number::ensure;
use crate::engine::columns::{At, micros};
use crate::words::{source, source_word};
use crate::{Error, Tx};

statements! {
    OF_NUMBERS = "select phone_number_id, kind, at, source from number_change
        where phone_number_id in (select value from json_each($1))",
        postgres: "select phone_number_id, kind, at, source from number_change
        where phone_number_id in (select json_array_elements_text($1::json))";
    SET = "insert into number_change (phone_number_id, kind, at, source) values ($1, $2, $3, $4)
        on conflict (phone_number_id, kind) do update set at = excluded.at, source = excluded.source";
}

/// The newest change of each kind; a kind that this version does not know is left out.
pub async fn changes(tx: &mut Tx, number: &PhoneNumberId) -> Result<Changes, Error> {
    let all = of_numbers(tx, &json_list([number.as_str()])).await?;
    Ok(all.into_values().next().unwrap_or_default())
}

/// The newest change of each kind to each of these numbers (a JSON list of ids).
pub(super) async fn of_numbers(tx: &mut Tx, numbers: &str) -> Result<BTreeMap<PhoneNumberId, Changes>, Error> {
    let rows: Vec<(String, String, i64, String)> = all!(tx, OF_NUMBERS, numbers)?;
    let mut found: BTreeMap<PhoneNumberId, Changes> = BTreeMap::new();
    for (number, kind, micros, word) in rows {
        let Some(kind) = ChangeKind::parse(&kind) else { continue };
        let at = At { table: "number_change", id: &number };
        let dated = Dated { at: at.time("at", micros)?, source: at.some("source", source(&word))? };
        found.entry(PhoneNumberId(number)).or_default().0.insert(kind, dated);
    }
    Ok(found)
}

/// Writes changes down and says which of them were news; a repeated or older one is none.
pub async fn note_changes(
    tx: &mut Tx,
    number: &PhoneNumberId,
    kinds: &[ChangeKind],
    at: Timestamp,
    source: Source,
) -> Result<Vec<ChangeKind>, Error> {
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    ensure(tx, number).await?;
    let mut known = changes(tx, number).await?;
    let noted = registration::note_changes(&mut known, kinds, at, source);
    for kind in &noted {
        run!(tx, SET, number.as_str(), kind.as_str(), micros(at), source_word(source))?;
    }
    Ok(noted)
}
