//! API keys: shown once, stored as a hash. Sessions of browsers are in [`super::sessions`].

use aws_lc_rs::digest;
use domain::ids::AccountId;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::engine::columns::{At, micros};
use crate::ids::ApiKeyId;
use crate::random::random_token;
use crate::{Error, Tx};

/// The columns of a key, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "id, account_id, name, scope, created_at, last_used_at, revoked_at"
    };
}
pub(crate) use columns;

statements! {
    INSERT = "insert into api_key (id, account_id, name, scope, secret_hash, created_at)
        values ($1, $2, $3, $4, $5, $6)";
    FIND_BY_HASH = concat!("select ", columns!(), " from api_key where secret_hash = $1 and revoked_at is null");
    LIST = concat!("select ", columns!(), " from api_key order by id");
    LIST_OF_ACCOUNT = concat!("select ", columns!(), " from api_key where account_id = $1 order by id");
    REVOKE = "update api_key set revoked_at = $2 where id = $1 and revoked_at is null";
    TOUCH = "update api_key set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at <= $3)";
}

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Read,
    /// Seeing and pressing buttons.
    Operate,
    /// All, keys and deletion included.
    Admin,
}

impl Scope {
    /// The word kept in the database and used by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Read, Self::Operate, Self::Admin].into_iter().find(|scope| scope.as_str() == word)
    }
}

/// A key as kept: its secret is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// The account it opens; `None` opens the whole installation (an operator's key).
    pub account_id: Option<AccountId>,
    /// What its maker called it.
    pub name: String,
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// The account it opens; `None` opens the whole installation.
    pub account_id: Option<AccountId>,
    /// Its name for people.
    pub name: String,
    pub scope: Scope,
}

const PREFIX: &str = "lk_";
const RANDOM_BYTES: usize = 32;
const RANDOM_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;

/// A fresh secret: `lk_`, 32 random bytes in URL-safe characters, and a checksum of six.
pub fn fresh_secret() -> SecretString {
    let random = random_token(RANDOM_BYTES);
    let random = random.expose_secret();
    format!("{PREFIX}{random}{}", checksum(random)).into()
}

/// Whether a text is written as a secret is; tells a typo from a key that was revoked.
pub fn is_well_formed(secret: &str) -> bool {
    let Some((random, check)) = secret.strip_prefix(PREFIX).and_then(|rest| rest.split_at_checked(RANDOM_CHARS)) else {
        return false;
    };
    check == checksum(random)
}

/// Stores a key under its secret's hash.
pub async fn insert(tx: &mut Tx, key: &NewApiKey, secret: &SecretString, now: Timestamp) -> Result<ApiKeyId, Error> {
    let NewApiKey { account_id, name, scope } = key;
    let id = ApiKeyId::fresh(now);
    let account_id = account_id.map(|id| id.0);
    run!(tx, INSERT, id, account_id, name.as_str(), scope.as_str(), hash(secret.expose_secret()), micros(now))?;
    Ok(id)
}

/// Finds the key that a secret belongs to; a revoked one is not found.
pub async fn find_by_secret(tx: &mut Tx, secret: &SecretString) -> Result<Option<ApiKey>, Error> {
    if !is_well_formed(secret.expose_secret()) {
        return Ok(None);
    }
    let row: Option<Row> = one!(tx, FIND_BY_HASH, hash(secret.expose_secret()))?;
    row.map(ApiKey::try_from).transpose()
}

/// Every key of an account, or every key there is; revoked ones included.
pub async fn list(tx: &mut Tx, account: Option<AccountId>) -> Result<Vec<ApiKey>, Error> {
    let rows: Vec<Row> = match account {
        Some(account) => all!(tx, LIST_OF_ACCOUNT, account.0)?,
        None => all!(tx, LIST)?,
    };
    tx.readable(rows.into_iter().map(ApiKey::try_from))
}

/// Withdraws a key; false when there is none to withdraw. Its sessions end with it.
pub async fn revoke(tx: &mut Tx, id: ApiKeyId, now: Timestamp) -> Result<bool, Error> {
    Ok(run!(tx, REVOKE, id, micros(now))? == 1)
}

/// Notes that a key was used, at most once a minute; whether it was noted.
pub async fn touch(tx: &mut Tx, id: ApiKeyId, now: Timestamp) -> Result<bool, Error> {
    let a_minute_ago = now - SignedDuration::from_mins(1);
    Ok(run!(tx, TOUCH, id, micros(now), micros(a_minute_ago))? == 1)
}

row! {
    /// One row of `api_key`.
    pub(crate) struct Row {
        id: Uuid,
        account_id: Option<i64>,
        name: String,
        scope: String,
        created_at: i64,
        last_used_at: Option<i64>,
        revoked_at: Option<i64>,
    }
}

impl TryFrom<Row> for ApiKey {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let at = At { table: "api_key", id: &row.id };
        Ok(Self {
            id: ApiKeyId(row.id),
            account_id: row.account_id.map(AccountId),
            scope: at.some("scope", Scope::parse(&row.scope))?,
            created_at: at.time("created_at", row.created_at)?,
            last_used_at: at.maybe_time("last_used_at", row.last_used_at)?,
            revoked_at: at.maybe_time("revoked_at", row.revoked_at)?,
            name: row.name,
        })
    }
}

/// SHA-256: the secret has 256 random bits, so no slow hash is needed.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec()
}

fn checksum(random: &str) -> String {
    let mut check = hex::encode(digest::digest(&digest::SHA256, format!("{PREFIX}{random}").as_bytes()));
    check.truncate(CHECK_CHARS);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_in_a_secret_is_told_from_a_foreign_secret() {
        let secret = fresh_secret();
        let text = secret.expose_secret();
        assert!(is_well_formed(text), "{text}");
        assert_eq!(text.len(), 3 + RANDOM_CHARS + CHECK_CHARS);
        let flipped = if text.ends_with('0') { "1" } else { "0" };
        assert!(!is_well_formed(&format!("{}{flipped}", &text[..text.len() - 1])));
        assert!(!is_well_formed("lk_ü"));
        assert!(!is_well_formed(""));
    }
}
