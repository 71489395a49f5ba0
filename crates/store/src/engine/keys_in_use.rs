//! The keys that the stored values are sealed with. A sealed value begins with the id of its key: nothing is opened here.

use std::collections::BTreeSet;

use super::{Error, Tx};
use crate::sealing::SealKeyId;

statements! {
    /// Of every column but `event.body`, whose table is too large to be read whole: of it the oldest and the newest.
    IN_USE = "select substr(access_token, 1, 4) from channel
        union select substr(verify_token, 1, 4) from channel
        union select substr(pin, 1, 4) from number where pin is not null
        union select substr(access_token, 1, 4) from signup where access_token is not null
        union select substr(person, 1, 4) from erasure where person is not null
        union select substr(sealed, 1, 4) from setting where sealed is not null
        union select substr(url, 1, 4) from endpoint
        union select substr(secret, 1, 4) from endpoint
        union select substr(body, 1, 4) from event
        where id = (select min(id) from event) or id = (select max(id) from event)";
}

/// Fails with [`Error::WrongKeys`] where something is stored and the keyring has the key of nothing.
pub(super) async fn check(mut tx: Tx) -> Result<(), Error> {
    let rows: Vec<(Vec<u8>,)> = all!(tx, IN_USE)?;
    let in_use: BTreeSet<SealKeyId> = rows.into_iter().filter_map(|(id,)| id.try_into().ok()).collect();
    if in_use.is_empty() || in_use.iter().any(|id| tx.keyring.has(*id)) {
        return Ok(());
    }
    let names: Vec<String> = in_use.iter().map(hex::encode).collect();
    Err(Error::WrongKeys(names.join(", ")))
}
