//! Stories of secrets at rest: no plain text in the database, keys rotate, nothing opens elsewhere.

use bytes::Bytes;
use domain::channel::Onboarding;
use domain::delivery::Format;
use domain::ids::{ChannelId, PhoneNumberId};
use domain::signup::SignupRoute;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use server::seal::Keyring;
use server::store::channels::NewChannel;
use server::store::endpoints::NewEndpoint;
use server::store::events::{EventState, NewEvent};
use server::store::ids::SignupId;
use server::store::signups::NewSignup;
use server::store::{
    Engine, Error, Store, accounts, channels, endpoints, erasures, events, numbers, reseal, settings, signups,
};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::{a_channel, new_channel, noon};
use crate::support::stores::Database;

/// Every secret of the story begins with this.
const MARK: &str = "hush-";

/// So many sealed values the story fills.
const SEALED: usize = 11;

/// Fills every sealed column; the channel and the signup.
async fn fill(store: &Store) -> (ChannelId, SignupId) {
    let mut writer = store.write().await.unwrap();
    let tx = &mut writer;
    let account = accounts::create(tx, "Bakery", noon()).await.unwrap();
    let new = NewChannel { verify_token: "hush-verify".into(), ..new_channel(account, 1) };
    let channel = channels::insert(tx, &new).await.unwrap();
    let channel = channels::find(tx, channel).await.unwrap().unwrap();
    channels::renew_token(tx, channel.id, &"hush-access".into(), None, noon()).await.unwrap();
    numbers::set_pin(tx, &channel.phone_number_id, &"hush-123456".into(), noon()).await.unwrap();
    settings::secret_or(tx, settings::VERIFY_TOKEN, &"hush-setting".into(), noon()).await.unwrap();
    let signup = NewSignup {
        account_id: channel.account_id,
        inbox_id: None,
        route: SignupRoute::Own,
        onboarding: Onboarding::Standard,
        waba_id: None,
        phone_number_id: None,
        business_id: None,
        code: "hush-code".into(),
    };
    let signup = signups::insert(tx, &signup, noon()).await.unwrap();
    signups::set_token(tx, signup, &"hush-signup".into(), None, noon()).await.unwrap();
    let event = NewEvent {
        received_at: noon(),
        waba_id: None,
        phone_number_id: None,
        phone_digits: None,
        channel_id: None,
        account_id: None,
        field: "messages".into(),
        state: EventState::ToInterpret,
        dedup_key: vec![7; 16],
        body: Bytes::from_static(b"hush-body"),
    };
    events::insert_batch(tx, &[event]).await.unwrap();
    erasures::insert(tx, channel.account_id, vec!["hush-person".into()], noon()).await.unwrap();
    let settings = endpoints::Settings {
        name: "helpdesk".into(),
        url: "https://hooks.example.com/hush-path".into(),
        host: "hooks.example.com".into(),
        kinds: Vec::new(),
        headers: [("authorization".to_owned(), SecretString::from("hush-header"))].into_iter().collect(),
        per_second: None,
    };
    let new = NewEndpoint {
        account_id: channel.account_id,
        channel_id: None,
        format: Format::Standard,
        secret: "hush-before".into(),
        settings,
    };
    let endpoint = endpoints::insert(tx, &new, noon()).await.unwrap();
    let until = noon() + SignedDuration::from_hours(24);
    endpoints::rotate_secret(tx, endpoint, &"hush-secret".into(), until, noon()).await.unwrap();
    writer.commit().await.unwrap();
    (channel.id, signup)
}

async fn reads_everything(store: &Store, channel: ChannelId, signup: SignupId) {
    let tx = &mut store.read().await.unwrap();
    let credentials = channels::credentials(tx, channel).await.unwrap().unwrap();
    assert_eq!(credentials.access_token.expose_secret(), "hush-access");
    assert_eq!(credentials.verify_token.expose_secret(), "hush-verify");
    let pin = numbers::pin(tx, &PhoneNumberId("1061".into())).await.unwrap().unwrap();
    assert_eq!(pin.expose_secret(), "hush-123456");
    let setting = settings::get_secret(tx, settings::VERIFY_TOKEN).await.unwrap().unwrap();
    assert_eq!(setting.expose_secret(), "hush-setting");
    assert_eq!(signups::token(tx, signup).await.unwrap().unwrap().0.expose_secret(), "hush-signup");
    assert_eq!(events::to_interpret(tx, 1).await.unwrap().events[0].1, b"hush-body");
    let erasure = erasures::unfinished(tx, Timestamp::MAX, 1).await.unwrap()[0];
    let person = erasures::find(tx, erasure).await.unwrap().unwrap().person.unwrap();
    assert_eq!(person.0, ["hush-person"]);
    let endpoint = endpoints::ids(tx).await.unwrap()[0];
    let endpoint = endpoints::find(tx, endpoint).await.unwrap().unwrap();
    assert_eq!(endpoint.settings.url.expose_secret(), "https://hooks.example.com/hush-path");
    assert_eq!(endpoint.settings.headers["authorization"].expose_secret(), "hush-header");
    assert_eq!(endpoint.secret.expose_secret(), "hush-secret");
    assert_eq!(endpoint.previous_secret.unwrap().0.expose_secret(), "hush-before");
}

/// Every row of every table as text.
async fn dump(engine: Engine, url: &str) -> String {
    let sqlite = "select group_concat(hex(cast(x as blob)), ' ') from (
        select access_token as x from channel union all select verify_token from channel
        union all select pin from number union all select sealed from setting
        union all select access_token from signup union all select body from event
        union all select person from erasure union all select url from endpoint union all select headers from endpoint
        union all select secret from endpoint union all select previous_secret from endpoint)";
    let postgres = "select string_agg(encode(x, 'hex'), ' ') from (
        select access_token as x from channel union all select verify_token from channel
        union all select pin from number union all select sealed from setting
        union all select access_token from signup union all select body from event
        union all select person from erasure union all select url from endpoint union all select headers from endpoint
        union all select secret from endpoint union all select previous_secret from endpoint) as sealed";
    let row: (String,) = match engine {
        Engine::Sqlite => {
            let mut conn = SqliteConnection::connect(url).await.unwrap();
            sqlx::query_as(sqlite).fetch_one(&mut conn).await.unwrap()
        }
        Engine::Postgres => {
            let mut conn = PgConnection::connect(url).await.unwrap();
            sqlx::query_as(postgres).fetch_one(&mut conn).await.unwrap()
        }
    };
    row.0.to_ascii_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_kept_in_plain_text() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = Database::empty(engine).await;
        let store = database.open(&Keyring::generate()).await;
        let (channel, signup) = fill(&store).await;
        reads_everything(&store, channel, signup).await;
        let sealed = dump(engine, &database.url).await;
        assert_eq!(sealed.split(' ').count(), SEALED);
        assert!(!sealed.contains(&hex::encode(MARK)), "{}", engine.as_str());
        store.close().await;
        if let Some(file) = database.url.strip_prefix("sqlite://") {
            let bytes = std::fs::read(file).unwrap();
            assert!(!bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_takes_over_from_an_older_one() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = Database::empty(engine).await;
        let (old, new) = (Keyring::generate(), Keyring::generate());
        let store = database.open(&old).await;
        let (channel, signup) = fill(&store).await;
        store.close().await;

        let both: SecretString = format!("{}\n{}", new.expose_secret(), old.expose_secret()).into();
        let store = database.open(&both).await;
        reads_everything(&store, channel, signup).await;
        let mut tx = store.write().await.unwrap();
        let mut unopened = reseal::Unopened::default();
        let batch = reseal::reseal(&mut tx, 100, &mut unopened).await.unwrap();
        assert_eq!(batch.resealed, u64::try_from(SEALED).unwrap());
        assert!(reseal::reseal(&mut tx, 100, &mut unopened).await.unwrap().is_last());
        assert_eq!(unopened, reseal::Unopened::default());
        tx.commit().await.unwrap();
        store.close().await;

        let store = database.open(&new).await;
        reads_everything(&store, channel, signup).await;
        store.close().await;
        let lost = Store::open(&database.url, Keyring::parse(&old).unwrap()).await.unwrap_err();
        assert!(matches!(lost, Error::WrongKeys(_)), "{lost}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_value_moved_to_another_row_does_not_open() {
    let database = Database::empty(Engine::Sqlite).await;
    let store = database.open(&Keyring::generate()).await;
    let (mine, theirs) = (a_channel(&store, 1).await, a_channel(&store, 2).await);
    let mut conn = SqliteConnection::connect(&database.url).await.unwrap();
    sqlx::query("update channel set access_token = (select access_token from channel where id = $1) where id = $2")
        .bind(mine.id.0)
        .bind(theirs.id.0)
        .execute(&mut conn)
        .await
        .unwrap();
    let tx = &mut store.read().await.unwrap();
    assert!(channels::credentials(tx, mine.id).await.is_ok());
    assert!(matches!(channels::credentials(tx, theirs.id).await, Err(Error::Corrupt { .. })));
}
