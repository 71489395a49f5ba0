//! Key rotation: finds what was sealed with an older key and seals it with the current one. A value
//! that changed meanwhile is left alone: whoever wrote it used the current key.

use domain::phone::E164;
use jiff::Timestamp;

use super::keyring::SealKeyId;
use crate::delivery::endpoints;
use crate::events::{BODY_PLACE, erasures};
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

/// Seals up to `limit` values of each sealed column anew.
macro_rules! column {
    ($tx:expr, $limit:expr, $key:ty, $find:expr, $set:expr, $table:literal, $column:literal, $place:expr) => {{
        let current = $tx.keyring.current();
        let rows: Vec<($key, Vec<u8>)> = all!($tx, $find, current.as_slice(), $limit)?;
        let mut done = 0;
        for (key, old) in rows {
            let place: String = $place(&key)?;
            let plain = $tx.keyring.open(&place, &old).map_err(Error::corrupt($table, &key, $column))?;
            let new = $tx.keyring.seal(&place, &plain)?;
            done += run!($tx, $set, key, new, old)?;
        }
        done
    }};
}

/// Seals with the current key what an older one sealed, up to `limit` values of each kind; how many
/// it were. Called again until it says 0, in a transaction each.
pub async fn reseal(tx: &mut Tx, limit: i64) -> Result<u64, Error> {
    let phone = |text: &String| E164::parse(text).map_err(Error::corrupt("channel", text, "phone_number"));
    let access = |key: &String| phone(key).map(|phone| access_place(&phone));
    let verify = |key: &String| phone(key).map(|phone| verify_place(&phone));
    let pin = |key: &String| Ok::<_, Error>(number::pin_place(key));
    let signup = |key: &SignupId| Ok::<_, Error>(signups::token_place(*key));
    let erasure = |key: &ErasureId| Ok::<_, Error>(erasures::place(key));
    let setting = |key: &String| Ok::<_, Error>(settings::place(key));
    let mut done = 0;
    done += column!(tx, limit, String, ACCESS, SET_ACCESS, "channel", "access_token", access);
    done += column!(tx, limit, String, VERIFY, SET_VERIFY, "channel", "verify_token", verify);
    done += column!(tx, limit, String, PIN, SET_PIN, "number", "pin", pin);
    done += column!(tx, limit, SignupId, SIGNUP, SET_SIGNUP, "signup", "access_token", signup);
    done += column!(tx, limit, ErasureId, ERASURE, SET_ERASURE, "erasure", "person", erasure);
    done += column!(tx, limit, String, SETTING, SET_SETTING, "setting", "sealed", setting);
    done += reseal_endpoints(tx, limit).await?;
    done += reseal_events(tx, limit).await?;
    Ok(done)
}

async fn reseal_endpoints(tx: &mut Tx, limit: i64) -> Result<u64, Error> {
    let of = |column: &'static str| move |key: &EndpointId| Ok::<_, Error>(endpoints::place(column, *key));
    let mut done = 0;
    done += column!(tx, limit, EndpointId, ENDPOINT_URL, SET_ENDPOINT_URL, "endpoint", "url", of("url"));
    done +=
        column!(tx, limit, EndpointId, ENDPOINT_HEADERS, SET_ENDPOINT_HEADERS, "endpoint", "headers", of("headers"));
    done += column!(tx, limit, EndpointId, ENDPOINT_SECRET, SET_ENDPOINT_SECRET, "endpoint", "secret", of("secret"));
    done += column!(
        tx,
        limit,
        EndpointId,
        ENDPOINT_BEFORE,
        SET_ENDPOINT_BEFORE,
        "endpoint",
        "previous_secret",
        of("secret")
    );
    Ok(done)
}

/// How far the events are, under which key: they are many, and none is to be read twice.
const PROGRESS: &str = "resealed_events";

async fn reseal_events(tx: &mut Tx, limit: i64) -> Result<u64, Error> {
    let current = tx.keyring.current();
    let progress: Option<(SealKeyId, EventId)> =
        settings::get_json(tx, PROGRESS).await?.map(|(key, id)| (key, EventId(id)));
    let after = progress.filter(|(key, _)| *key == current).map_or(EventId(0), |(_, id)| id);
    let rows: Vec<(EventId, Vec<u8>)> = all!(tx, EVENT, current.as_slice(), limit, after)?;
    match rows.last() {
        Some((id, _)) => settings::set_json(tx, PROGRESS, &(current, id.0), Timestamp::UNIX_EPOCH).await?,
        None => settings::remove(tx, PROGRESS).await.map(|_| ())?,
    }
    let mut done = 0;
    for (id, old) in rows {
        let plain = tx.keyring.open(BODY_PLACE, &old).map_err(Error::corrupt("event", id, "body"))?;
        let new = tx.keyring.seal(BODY_PLACE, &plain)?;
        done += run!(tx, SET_EVENT, id, new, old)?;
    }
    Ok(done)
}
