//! Stories of numbers: the ledger, the sealed PIN, evidence, and what outlives a channel.

use domain::ids::{ChannelId, PhoneNumberId};
use domain::meta::failure::{Failure, MetaError};
use domain::meta::reading::NumberReading;
use domain::registration::ledger::{AttemptOutcome, Basis, CallKind};
use domain::registration::{ChangeKind, Source};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use server::store::channels::Webhook;
use server::store::numbers::{self, NumberFacts, record};
use server::store::{Conflict, Error, channels, snapshots};

use super::{a_channel, noon};
use crate::support::stores::both;

fn number() -> PhoneNumberId {
    PhoneNumberId("1061".into())
}

fn refusal() -> AttemptOutcome {
    AttemptOutcome::Failed(Failure::from_meta(MetaError {
        code: 133_016,
        http_status: Some(400),
        message: "(#133016) Account register deregister rate limit exceeded".into(),
        ..MetaError::default()
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_number_has_one_call_without_an_outcome() {
    both(async |store| {
        let tx = &mut store.write().await.unwrap();
        let open = async |tx: &mut _, number: &PhoneNumberId| {
            numbers::open_attempt(tx, number, CallKind::Register, Basis::Blind, "ready", noon()).await
        };
        let first = open(tx, &number()).await.unwrap();
        let second = open(tx, &number()).await.unwrap_err();
        assert!(matches!(second, Error::Conflict(Conflict::UnsettledCall)), "{second}");
        open(tx, &PhoneNumberId("another".into())).await.unwrap();
        assert!(numbers::settle_attempt(tx, first, &AttemptOutcome::Success, noon()).await.unwrap());
        open(tx, &number()).await.unwrap();
        assert_eq!(numbers::unsettled(tx, noon(), 9).await.unwrap().len(), 2);
        assert_eq!(numbers::attempts(tx, &number(), 9).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_for_one_number_are_refused_but_one() {
    both(async |store| {
        let openers: Vec<_> = (0..16)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut tx = store.write().await.unwrap();
                    let opened =
                        numbers::open_attempt(&mut tx, &number(), CallKind::Register, Basis::Person, "press", noon())
                            .await;
                    tx.commit().await.unwrap();
                    opened.is_ok()
                })
            })
            .collect();
        let mut opened = 0;
        for opener in openers {
            opened += u32::from(opener.await.unwrap());
        }
        assert_eq!(opened, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_overwrites_what_was_assumed_and_never_the_other_way() {
    both(async |store| {
        let tx = &mut store.write().await.unwrap();
        let later = noon() + SignedDuration::from_mins(2);
        let id = numbers::open_attempt(tx, &number(), CallKind::Register, Basis::Evidence, "name_good", noon())
            .await
            .unwrap();
        assert!(numbers::assume_attempt(tx, id, &AttemptOutcome::Success, noon()).await.unwrap());
        assert!(!numbers::assume_attempt(tx, id, &refusal(), later).await.unwrap());
        assert!(numbers::settle_attempt(tx, id, &refusal(), later).await.unwrap());
        assert!(!numbers::settle_attempt(tx, id, &AttemptOutcome::Success, later).await.unwrap());
        let kept = numbers::attempt(tx, id).await.unwrap().unwrap();
        assert_eq!(kept.attempt.outcome, Some(refusal()));
        assert_eq!(kept.attempt.settled_at, Some(later));
        assert_eq!((kept.is_assumed, kept.reason.as_str()), (false, "name_good"));
        assert_eq!((kept.attempt.kind, kept.attempt.basis), (CallKind::Register, Basis::Evidence));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_and_pin_outlive_the_channel() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.write().await.unwrap();
        numbers::set_pin(tx, &number(), &"123456".into(), noon()).await.unwrap();
        numbers::open_attempt(tx, &number(), CallKind::Deregister, Basis::Person, "x", noon()).await.unwrap();
        channels::delete(tx, channel.id).await.unwrap();
        assert_eq!(numbers::pin(tx, &number()).await.unwrap().unwrap().expose_secret(), "123456");
        assert_eq!(numbers::attempts(tx, &number(), 9).await.unwrap()[0].attempt.kind, CallKind::Deregister);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_counts_once_even_when_everybody_brings_it_at_once() {
    both(async |store| {
        let writers: Vec<_> = (0..12)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut tx = store.write().await.unwrap();
                    let kinds = [ChangeKind::NameGood, ChangeKind::TwoStepOff];
                    let noted =
                        numbers::note_changes(&mut tx, &number(), &kinds, noon(), Source::Webhook).await.unwrap();
                    tx.commit().await.unwrap();
                    noted.len()
                })
            })
            .collect();
        let mut news = 0;
        for writer in writers {
            news += writer.await.unwrap();
        }
        assert_eq!(news, 2);
        let tx = &mut store.write().await.unwrap();
        let older = noon() - SignedDuration::from_hours(1);
        let noted = numbers::note_changes(tx, &number(), &[ChangeKind::TwoStepOff], older, Source::Webhook).await;
        assert_eq!(noted.unwrap(), []);
        assert_eq!(numbers::note_changes(tx, &number(), &[], noon(), Source::Person).await.unwrap(), []);
    })
    .await;
}

/// The joined statement must say what the statements of each table say.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_holds_what_its_tables_hold() {
    both(async |store| {
        let bare = a_channel(&store, 1).await;
        let full = a_channel(&store, 2).await;
        let mut writer = store.write().await.unwrap();
        let tx = &mut writer;
        let id = full.phone_number_id.clone();
        numbers::set_pin(tx, &id, &"123456".into(), noon()).await.unwrap();
        numbers::set_hold(tx, &id, Some(noon())).await.unwrap();
        let facts = NumberFacts { was_registered: true, ..NumberFacts::default() };
        numbers::save(tx, &id, &facts, None, noon()).await.unwrap();
        numbers::note_changes(tx, &id, &[ChangeKind::NewToken], noon(), Source::Reading).await.unwrap();
        let call = numbers::open_attempt(tx, &id, CallKind::Register, Basis::Person, "x", noon()).await.unwrap();
        numbers::settle_attempt(tx, call, &AttemptOutcome::Success, noon()).await.unwrap();
        numbers::open_attempt(tx, &id, CallKind::Deregister, Basis::Person, "y", noon()).await.unwrap();
        channels::record_last_seen(tx, &[full.id], noon()).await.unwrap();
        channels::record_verified(tx, full.id, noon()).await.unwrap();
        let webhook = Webhook {
            error: Some("refused".into()),
            checked_at: Some(noon()),
            ..channels::webhook(tx, full.id).await.unwrap()
        };
        channels::set_webhook(tx, full.id, &webhook).await.unwrap();
        channels::set_assessment(tx, full.id, "live", Some(noon()), &serde_json::json!({"since": "x"})).await.unwrap();
        let later = noon() + SignedDuration::from_mins(1);
        let reading = NumberReading { verified_name: Some("Bakery".into()), ..NumberReading::default() };
        snapshots::save(tx, full.id, &reading, None, later).await.unwrap();

        let mut many = record::load_many(tx, &[full.id, ChannelId(99), bare.id]).await.unwrap();
        assert_eq!(many.iter().map(|row| row.channel.id).collect::<Vec<_>>(), [bare.id, full.id]);
        assert!(record::load(tx, ChannelId(99)).await.unwrap().is_none());
        many.push(record::load(tx, full.id).await.unwrap().unwrap());
        for row in many {
            let channel = channels::find(tx, row.channel.id).await.unwrap().unwrap();
            let mut attempts = numbers::attempts(tx, &channel.phone_number_id, 9).await.unwrap();
            attempts.reverse();
            let credentials = channels::credentials(tx, channel.id).await.unwrap().unwrap();
            assert_eq!(row.channel, channel);
            assert_eq!(row.credentials.access_token.expose_secret(), credentials.access_token.expose_secret());
            assert_eq!(row.credentials.verify_token.expose_secret(), credentials.verify_token.expose_secret());
            assert_eq!(Some(row.token), channels::token_state(tx, channel.id).await.unwrap());
            assert_eq!(row.facts, numbers::facts(tx, &channel.phone_number_id).await.unwrap());
            assert_eq!(row.attempts, attempts);
            assert_eq!(row.changes, numbers::changes(tx, &channel.phone_number_id).await.unwrap());
            assert_eq!(row.snapshot, snapshots::latest(tx, channel.id).await.unwrap());
            assert_eq!(row.webhook, channels::webhook(tx, channel.id).await.unwrap());
            assert_eq!(Some(row.assessment), channels::assessment(tx, channel.id).await.unwrap());
            let expected = (channel.id == full.id).then_some(noon());
            assert_eq!((row.has_pin, row.pin_set_at, row.held_until), (expected.is_some(), expected, expected));
        }
    })
    .await;
}
