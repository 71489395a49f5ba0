//! Evidence: the newest change of each kind to a number. Which change is news is the domain's rule.

use domain::ids::PhoneNumberId;
use domain::registration::{self, ChangeKind, Changes, Dated, Source};
use jiff::Timestamp;

use super::number::ensure;
use crate::engine::columns::{At, micros};
use crate::words::{source, source_word};
use crate::{Error, Tx};

statements! {
    SELECT = "select kind, at, source from number_change where phone_number_id = $1";
    SET = "insert into number_change (phone_number_id, kind, at, source) values ($1, $2, $3, $4)
        on conflict (phone_number_id, kind) do update set at = excluded.at, source = excluded.source";
}

/// The newest change of each kind; kinds of another version are passed over.
pub async fn changes(tx: &mut Tx, number: &PhoneNumberId) -> Result<Changes, Error> {
    let rows: Vec<(String, i64, String)> = all!(tx, SELECT, number.as_str())?;
    let at = At { table: "number_change", id: number };
    let mut changes = Changes::default();
    for (kind, micros, word) in rows {
        if let Some(kind) = ChangeKind::parse(&kind) {
            let dated = Dated { at: at.time("at", micros)?, source: at.some("source", source(&word))? };
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
    for kind in &noted {
        run!(tx, SET, number.as_str(), kind.as_str(), micros(at), source_word(source))?;
    }
    Ok(noted)
}
