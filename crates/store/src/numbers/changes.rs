//! Evidence: the newest change of each kind to a number. Which change is news is the domain's rule.

use domain::ids::PhoneNumberId;
use domain::registration::{self, ChangeKind, Changes, Dated, Source};
use jiff::Timestamp;

use super::json_list;
use super::number::ensure;
use crate::engine::columns::{At, micros};
use crate::{Error, Tx};

statements! {
    SELECT = "select kind, at, source from number_change where phone_number_id = $1";
    SET = "insert into number_change (phone_number_id, kind, at, source)
        select $1, value, $3, $4 from json_each($2) where true
        on conflict (phone_number_id, kind) do update set at = excluded.at, source = excluded.source",
        postgres: "insert into number_change (phone_number_id, kind, at, source)
        select $1, kind, $3, $4 from json_array_elements_text($2::json) as kind
        on conflict (phone_number_id, kind) do update set at = excluded.at, source = excluded.source";
}

/// The newest change of each kind; a kind that this version does not know is left out.
pub async fn changes(tx: &mut Tx, number: &PhoneNumberId) -> Result<Changes, Error> {
    read(number, all!(tx, SELECT, number.as_str())?)
}

/// Changes from the columns `kind`, `at`, `source`.
pub(super) fn read(number: &PhoneNumberId, rows: Vec<(String, i64, String)>) -> Result<Changes, Error> {
    let at = At { table: "number_change", id: number };
    let mut changes = Changes::default();
    for (kind, micros, word) in rows {
        if let Ok(kind) = kind.parse::<ChangeKind>() {
            let dated = Dated { at: at.time("at", micros)?, source: at.some("source", word.parse().ok())? };
            changes.0.insert(kind, dated);
        }
    }
    Ok(changes)
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
    store_changes(tx, number, &noted, at, source).await?;
    Ok(noted)
}

/// Stores changes that are known to be newer than those on record, in one statement.
pub async fn store_changes(
    tx: &mut Tx,
    number: &PhoneNumberId,
    kinds: &[ChangeKind],
    at: Timestamp,
    source: Source,
) -> Result<(), Error> {
    if kinds.is_empty() {
        return Ok(());
    }
    let kinds = json_list(kinds.iter().map(ChangeKind::into_str));
    run!(tx, SET, number.as_str(), kinds, micros(at), source.into_str())?;
    Ok(())
}
