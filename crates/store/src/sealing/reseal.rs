//! Key rotation: finds what was sealed with an older key and seals it with the current one. A value
//! that changed meanwhile is left alone: whoever wrote it used the current key. A value that does not open is passed over.

use std::collections::BTreeMap;

use domain::phone::E164;
use jiff::Timestamp;

use super::keyring::SealKeyId;
use crate::delivery::endpoints;
use crate::events::{BODY_PLACE, UnreadableEvent, erasures, open_body, quarantine};
use crate::ids::{EndpointId, ErasureId, EventId, SignupId};
use crate::numbers::channels::credentials::{access_place, verify_place};
use crate::numbers::{number, signups};
use crate::{Error, Tx, settings};

statements! {
    ACCESS = "select phone_number, access_token from channel where substr(access_token, 1, 4) <> $1 limit $2";
    SET_ACCESS = "update channel set access_token = $2 where phone_number = $1 and access_token = $3";
    VERIFY = "select phone_number, verify_token from channel where substr(verify_token, 1, 4) <> $1 limit $2";
    SET_VERIFY = "update channel set verify_token = $2 where phone_number = $1 and verify_token = $3";
    PIN = "select phone_number_id, pin from number where substr(pin, 1, 4) <> $1 limit $2";
    SET_PIN = "update number set pin = $2 where phone_number_id = $1 and pin = $3";
    SIGNUP = "select id, access_token from signup where substr(access_token, 1, 4) <> $1 limit $2";
    SET_SIGNUP = "update signup set access_token = $2 where id = $1 and access_token = $3";
    ERASURE = "select id, person from erasure where substr(person, 1, 4) <> $1 limit $2";
    SET_ERASURE = "update erasure set person = $2 where id = $1 and person = $3";
    SETTING = "select name, sealed from setting where substr(sealed, 1, 4) <> $1 limit $2";
    SET_SETTING = "update setting set sealed = $2 where name = $1 and sealed = $3";
    ENDPOINT_URL = "select id, url from endpoint where substr(url, 1, 4) <> $1 limit $2";
    SET_ENDPOINT_URL = "update endpoint set url = $2 where id = $1 and url = $3";
    ENDPOINT_HEADERS = "select id, headers from endpoint where substr(headers, 1, 4) <> $1 limit $2";
    SET_ENDPOINT_HEADERS = "update endpoint set headers = $2 where id = $1 and headers = $3";
    ENDPOINT_SECRET = "select id, secret from endpoint where substr(secret, 1, 4) <> $1 limit $2";
    SET_ENDPOINT_SECRET = "update endpoint set secret = $2 where id = $1 and secret = $3";
    ENDPOINT_BEFORE = "select id, previous_secret from endpoint where substr(previous_secret, 1, 4) <> $1 limit $2";
    SET_ENDPOINT_BEFORE = "update endpoint set previous_secret = $2 where id = $1 and previous_secret = $3";
    EVENT = "select id, body from event where id > $3 and substr(body, 1, 4) <> $1 order by id limit $2";
    SET_EVENT = "update event set body = $2 where id = $1 and body = $3";
}

/// What no key of the keyring opens. A rotation leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unopened {
    /// The causes by the names of row and column; events are not among them.
    pub values: BTreeMap<String, String>,
    /// How many events; they are in quarantine.
    pub events: u64,
}

/// One batch of a rotation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// Values that an older key had sealed.
    pub resealed: u64,
    /// Values that were found not to open.
    found: u64,
}

impl Batch {
    /// Whether nothing was left to look at.
    pub const fn is_last(self) -> bool {
        self.resealed == 0 && self.found == 0
    }
}

impl Unopened {
    /// Notes a value that does not open; 1 the first time.
    fn note(&mut self, error: &Error) -> u64 {
        u64::from(self.values.insert(error.to_string(), error.chain()).is_none())
    }
}

/// Seals up to `limit` values of a sealed column anew. What does not open stays among those that are found, so that many
/// more are read.
macro_rules! column {
    ($tx:expr, $limit:expr, $known:expr, $batch:expr, $key:ty, $find:expr, $set:expr, $table:literal, $column:literal,
        $place:expr) => {{
        let current = $tx.keyring.current();
        let limit = $limit + i64::try_from($known.values.len()).unwrap_or(0);
        let rows: Vec<($key, Vec<u8>)> = all!($tx, $find, current.as_slice(), limit)?;
        for (key, old) in rows {
            let opened = $place(&key).and_then(|place| {
                let plain = $tx.keyring.open(&place, &old).map_err(Error::corrupt($table, &key, $column))?;
                Ok((place, plain))
            });
            match opened {
                Ok((place, plain)) => {
                    let new = $tx.keyring.seal(&place, &plain)?;
                    $batch.resealed += run!($tx, $set, key, new, old)?;
                }
                Err(error) => $batch.found += $known.note(&error),
            }
        }
    }};
}

/// Seals with the current key what an older one sealed, up to `limit` values of each kind. Called again until it was the
/// last batch, in a transaction each. What does not open is added to `known`.
pub async fn reseal(tx: &mut Tx, limit: i64, known: &mut Unopened) -> Result<Batch, Error> {
    let phone = |text: &String| E164::parse(text).map_err(Error::corrupt("channel", text, "phone_number"));
    let access = |key: &String| phone(key).map(|phone| access_place(&phone));
    let verify = |key: &String| phone(key).map(|phone| verify_place(&phone));
    let pin = |key: &String| Ok::<_, Error>(number::pin_place(key));
    let signup = |key: &SignupId| Ok::<_, Error>(signups::token_place(*key));
    let erasure = |key: &ErasureId| Ok::<_, Error>(erasures::place(key));
    let setting = |key: &String| Ok::<_, Error>(settings::place(key));
    let mut batch = Batch::default();
    column!(tx, limit, known, batch, String, ACCESS, SET_ACCESS, "channel", "access_token", access);
    column!(tx, limit, known, batch, String, VERIFY, SET_VERIFY, "channel", "verify_token", verify);
    column!(tx, limit, known, batch, String, PIN, SET_PIN, "number", "pin", pin);
    column!(tx, limit, known, batch, SignupId, SIGNUP, SET_SIGNUP, "signup", "access_token", signup);
    column!(tx, limit, known, batch, ErasureId, ERASURE, SET_ERASURE, "erasure", "person", erasure);
    column!(tx, limit, known, batch, String, SETTING, SET_SETTING, "setting", "sealed", setting);
    reseal_endpoints(tx, limit, known, &mut batch).await?;
    reseal_events(tx, limit, known, &mut batch).await?;
    Ok(batch)
}

async fn reseal_endpoints(tx: &mut Tx, limit: i64, known: &mut Unopened, batch: &mut Batch) -> Result<(), Error> {
    let of = |column: &'static str| move |key: &EndpointId| Ok::<_, Error>(endpoints::place(column, *key));
    let (url, headers, secret) = (of("url"), of("headers"), of("secret"));
    column!(tx, limit, known, batch, EndpointId, ENDPOINT_URL, SET_ENDPOINT_URL, "endpoint", "url", url);
    column!(
        tx,
        limit,
        known,
        batch,
        EndpointId,
        ENDPOINT_HEADERS,
        SET_ENDPOINT_HEADERS,
        "endpoint",
        "headers",
        headers
    );
    column!(tx, limit, known, batch, EndpointId, ENDPOINT_SECRET, SET_ENDPOINT_SECRET, "endpoint", "secret", secret);
    let (find, set) = (ENDPOINT_BEFORE, SET_ENDPOINT_BEFORE);
    column!(tx, limit, known, batch, EndpointId, find, set, "endpoint", "previous_secret", secret);
    Ok(())
}

/// How far the events are, under which key: they are many, and none is to be read twice.
const PROGRESS: &str = "resealed_events";

async fn reseal_events(tx: &mut Tx, limit: i64, known: &mut Unopened, batch: &mut Batch) -> Result<(), Error> {
    let current = tx.keyring.current();
    let progress: Option<(SealKeyId, EventId)> =
        settings::get_json(tx, PROGRESS).await?.map(|(key, id)| (key, EventId(id)));
    let after = progress.filter(|(key, _)| *key == current).map_or(EventId(0), |(_, id)| id);
    let rows: Vec<(EventId, Vec<u8>)> = all!(tx, EVENT, current.as_slice(), limit, after)?;
    match rows.last() {
        Some((id, _)) => settings::set_json(tx, PROGRESS, &(current, id.0), Timestamp::UNIX_EPOCH).await?,
        None => settings::remove(tx, PROGRESS).await.map(|_| ())?,
    }
    let mut unreadable = Vec::new();
    for (id, old) in rows {
        match open_body(tx, id, &old) {
            Ok(plain) => {
                let new = tx.keyring.seal(BODY_PLACE, &plain)?;
                batch.resealed += run!(tx, SET_EVENT, id, new, old)?;
            }
            Err(error) => unreadable.push(UnreadableEvent::new(id, &error)),
        }
    }
    quarantine::quarantine(tx, &unreadable).await?;
    let found = u64::try_from(unreadable.len()).unwrap_or(u64::MAX);
    known.events += found;
    batch.found += found;
    Ok(())
}
