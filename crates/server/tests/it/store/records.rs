//! Stories of the smaller nouns: keys, sessions, snapshots, signups, announcements, settings,
//! idempotency keys.

use domain::channel::Onboarding;
use domain::ids::{ChannelId, WabaId};
use domain::meta::failure::{Failure, FailureKind};
use domain::meta::reading::{NumberReading, NumberStatus, WabaReading};
use domain::signup::{SignupRoute, SignupState};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use server::store::announcements::{self, NewAnnouncement};
use server::store::api_keys::{self, NewApiKey, Scope};
use server::store::idempotency::{self, Reservation};
use server::store::sessions::{self, NewSession};
use server::store::signups::{self, NewSignup, Signup};
use server::store::{Conflict, Error, accounts, settings, snapshots};

use super::{a_channel, noon};
use crate::support::stores::both;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_until_it_is_revoked_and_is_touched_once_a_minute() {
    both(async |store| {
        let tx = &mut store.write().await.unwrap();
        let account = accounts::create(tx, "Bakery", noon()).await.unwrap();
        let secret = api_keys::fresh_secret();
        let new = NewApiKey { account_id: Some(account), name: "till".into(), scope: Scope::Operate };
        let id = api_keys::insert(tx, &new, &secret, noon()).await.unwrap();
        let operator = NewApiKey { account_id: None, name: "ops".into(), scope: Scope::Admin };
        api_keys::insert(tx, &operator, &api_keys::fresh_secret(), noon()).await.unwrap();
        let found = api_keys::find_by_secret(tx, &secret).await.unwrap().unwrap();
        assert_eq!((found.id, found.account_id, found.scope), (id, Some(account), Scope::Operate));
        assert!(api_keys::find_by_secret(tx, &api_keys::fresh_secret()).await.unwrap().is_none());
        assert!(api_keys::find_by_secret(tx, &"lk_typo".into()).await.unwrap().is_none());
        assert!(api_keys::touch(tx, id, noon()).await.unwrap());
        assert!(!api_keys::touch(tx, id, noon() + MINUTE / 2).await.unwrap());
        assert!(api_keys::touch(tx, id, noon() + MINUTE).await.unwrap());
        assert_eq!(api_keys::list(tx, None).await.unwrap().len(), 2);
        assert_eq!(api_keys::list(tx, Some(account)).await.unwrap()[0].last_used_at, Some(noon() + MINUTE));

        let token: SecretString = "cookie".into();
        let expires_at = noon() + MINUTE * 60;
        let session = NewSession { token: token.clone(), key_id: id, csrf_token: "csrf".into(), expires_at };
        sessions::insert(tx, &session, noon()).await.unwrap();
        let found = sessions::find(tx, &token, noon()).await.unwrap().unwrap();
        assert_eq!((found.key.id, found.csrf_token.as_str()), (id, "csrf"));
        assert_eq!(sessions::find(tx, &token, expires_at).await.unwrap(), None);
        assert!(api_keys::revoke(tx, id, noon()).await.unwrap());
        assert!(!api_keys::revoke(tx, id, noon()).await.unwrap());
        assert_eq!(sessions::find(tx, &token, noon()).await.unwrap(), None, "it ends with its key");
        assert!(api_keys::find_by_secret(tx, &secret).await.unwrap().is_none());
        assert_eq!(sessions::purge_expired(tx, expires_at).await.unwrap(), 1);
        assert!(!sessions::delete(tx, &token).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_read_keeps_the_reading_and_an_older_read_never_wins() {
    both(async |store| {
        let id = a_channel(&store, 1).await.id;
        let tx = &mut store.write().await.unwrap();
        assert_eq!(snapshots::latest(tx, id).await.unwrap(), None);
        let reading = NumberReading { status: Some(NumberStatus::Connected), ..NumberReading::default() };
        let waba = WabaReading { name: Some("Bakery".into()), ..WabaReading::default() };
        let failure = Failure::unanswered("no answer in 10 s");
        assert!(snapshots::save_failure(tx, id, &failure, noon()).await.unwrap());
        assert!(snapshots::save(tx, id, &reading, Some(&waba), noon() + MINUTE).await.unwrap());
        let kept = snapshots::latest(tx, id).await.unwrap().unwrap();
        assert_eq!((&kept.reading, kept.checked_at, &kept.error), (&reading, Some(noon() + MINUTE), &None));
        let older = NumberReading::default();
        assert!(!snapshots::save(tx, id, &older, None, noon()).await.unwrap());
        assert!(!snapshots::save_failure(tx, id, &failure, noon()).await.unwrap());
        assert!(snapshots::save_failure(tx, id, &failure, noon() + MINUTE * 2).await.unwrap());
        let kept = snapshots::latest(tx, id).await.unwrap().unwrap();
        assert_eq!((&kept.reading, &kept.waba), (&reading, &Some(waba)));
        assert_eq!(kept.error.unwrap().kind, FailureKind::Transient);
        assert_eq!(kept.error_at, Some(noon() + MINUTE * 2));
        assert!(!snapshots::save(tx, ChannelId(99), &reading, None, noon()).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_grows_only_when_something_changed() {
    both(async |store| {
        let id = a_channel(&store, 1).await.id;
        let tx = &mut store.write().await.unwrap();
        let reading = NumberReading { status: Some(NumberStatus::Pending), ..NumberReading::default() };
        let better = NumberReading { status: Some(NumberStatus::Connected), ..NumberReading::default() };
        let steps = [
            ("waiting", &reading, true),
            ("waiting", &reading, false),
            ("live", &reading, true),
            ("live", &better, true),
        ];
        for (n, (level, reading, is_news)) in steps.into_iter().enumerate() {
            let at = noon() + MINUTE * i32::try_from(n).unwrap();
            assert_eq!(snapshots::append_history(tx, id, level, reading, None, at).await.unwrap(), is_news, "{n}");
        }
        let entries = snapshots::history(tx, id, None, 2).await.unwrap();
        assert_eq!((entries[0].level.as_str(), &entries[0].reading), ("live", &better));
        let rest = snapshots::history(tx, id, Some(entries[1].id), 9).await.unwrap();
        assert_eq!(rest.iter().map(|entry| entry.at).collect::<Vec<_>>(), [noon()]);
        assert_eq!(snapshots::purge_history(tx, noon() + MINUTE * 99).await.unwrap(), 2);
        assert_eq!(snapshots::history(tx, id, None, 9).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signup_goes_on_after_an_interruption_and_its_code_counts_once() {
    both(async |store| {
        let tx = &mut store.write().await.unwrap();
        let account_id = accounts::create(tx, "Bakery", noon()).await.unwrap();
        let new = NewSignup {
            account_id,
            inbox_id: None,
            route: SignupRoute::Own,
            onboarding: Onboarding::Coexistence,
            waba_id: Some(WabaId("102".into())),
            phone_number_id: None,
            business_id: None,
            code: "AQD-code".into(),
        };
        let id = signups::insert(tx, &new, noon()).await.unwrap();
        let again = signups::insert(tx, &new, noon()).await.unwrap_err();
        assert!(matches!(again, Error::Conflict(Conflict::SignupCode)), "{again}");
        assert_eq!(signups::find_by_code(tx, &new.code).await.unwrap().unwrap().id, id);
        assert!(signups::token(tx, id).await.unwrap().is_none());
        assert!(signups::set_token(tx, id, &"EAAG-1".into(), Some(noon()), noon()).await.unwrap());
        let (token, expires_at) = signups::token(tx, id).await.unwrap().unwrap();
        assert_eq!((token.expose_secret(), expires_at), ("EAAG-1", Some(noon())));
        let waiting = signups::waiting(tx, &WabaId("102".into())).await.unwrap();
        assert_eq!(waiting.iter().map(|signup| signup.id).collect::<Vec<_>>(), [id]);
        let error = Some(json!({"code": "token_refused"}));
        let failed = Signup { state: SignupState::Failed, error: error.clone(), ..waiting[0].clone() };
        assert!(signups::update(tx, &failed, noon() + MINUTE).await.unwrap());
        signups::drop_token(tx, id).await.unwrap();
        assert!(signups::token(tx, id).await.unwrap().is_none());
        let kept = signups::find_in_account(tx, account_id, id).await.unwrap().unwrap();
        assert_eq!((kept.error, kept.updated_at), (error, noon() + MINUTE));
        assert_eq!(signups::waiting(tx, &WabaId("102".into())).await.unwrap(), []);
        assert_eq!(signups::list(tx, account_id, None, 9).await.unwrap().len(), 1);
        assert_eq!(signups::list(tx, account_id, Some(id), 9).await.unwrap(), []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn announcements_are_paged_and_streamed() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.write().await.unwrap();
        let mut ids = Vec::new();
        for n in 0..4 {
            let new = NewAnnouncement {
                account_id: channel.account_id,
                channel_id: (n != 2).then_some(channel.id),
                kind: "number_live".into(),
                args: json!({"n": n}),
                at: noon(),
            };
            ids.push(announcements::append(tx, &new).await.unwrap());
        }
        let newest = announcements::list(tx, channel.account_id, None, None, 2).await.unwrap();
        assert_eq!(newest.iter().map(|a| a.id).collect::<Vec<_>>(), [ids[3], ids[2]]);
        assert_eq!((&newest[0].args, newest[1].channel_id), (&json!({"n": 3}), None));
        let of_channel = announcements::list(tx, channel.account_id, Some(channel.id), Some(ids[3]), 9).await.unwrap();
        assert_eq!(of_channel.iter().map(|a| a.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
        assert_eq!(announcements::purge(tx, noon() + MINUTE).await.unwrap(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_keep_values_and_secrets_and_replicas_agree_on_a_fresh_one() {
    both(async |store| {
        let tx = &mut store.write().await.unwrap();
        assert_eq!(settings::get(tx, "x").await.unwrap(), None);
        settings::set_json(tx, "y", &vec![1, 2], noon()).await.unwrap();
        assert_eq!(settings::get_json(tx, "y").await.unwrap(), Some(vec![1, 2]));
        let first = settings::secret_or(tx, settings::VERIFY_TOKEN, &"one".into(), noon()).await.unwrap();
        let second = settings::secret_or(tx, settings::VERIFY_TOKEN, &"two".into(), noon()).await.unwrap();
        assert_eq!((first.expose_secret(), second.expose_secret()), ("one", "one"));
        let kept = settings::get_secret(tx, settings::VERIFY_TOKEN).await.unwrap().unwrap();
        assert_eq!(kept.expose_secret(), "one");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_key_is_answered_once_and_the_same() {
    both(async |store| {
        let tx = &mut store.write().await.unwrap();
        let reserve = async |tx: &mut _, hash: &[u8]| idempotency::reserve(tx, None, "k", hash, noon()).await.unwrap();
        assert_eq!(reserve(tx, b"a").await, Reservation::Fresh);
        assert_eq!(reserve(tx, b"a").await, Reservation::InProgress);
        assert_eq!(reserve(tx, b"b").await, Reservation::Mismatch);
        assert!(idempotency::release(tx, None, "k").await.unwrap());
        assert_eq!(reserve(tx, b"a").await, Reservation::Fresh);
        assert!(idempotency::complete(tx, None, "k", 201, "{}").await.unwrap());
        assert_eq!(reserve(tx, b"a").await, Reservation::Completed { status: 201, body: "{}".into() });
        assert!(!idempotency::release(tx, None, "k").await.unwrap(), "an answer stands");
        assert_eq!(idempotency::purge(tx, noon() + MINUTE).await.unwrap(), 1);
    })
    .await;
}
