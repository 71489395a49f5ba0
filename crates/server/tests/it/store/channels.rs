//! Stories of channels: unique numbers, tenants, tokens, callbacks, the last assessment.

use domain::callbacks::{Problem, Repair, Repairs};
use domain::channel::Onboarding;
use domain::ids::{AccountId, BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::phone::E164;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::json;
use server::store::channels::{self, OverrideLevel, Reauthorization, Webhook};
use server::store::{Conflict, Error, accounts};

use super::{a_channel, new_channel, noon};
use crate::support::stores::both;

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_found_by_every_name_it_has() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.read().await.unwrap();
        let (phone, number) = (&channel.phone_number, &channel.phone_number_id);
        let expected = Some(channel.clone());
        assert_eq!(channels::find_by_phone(tx, phone).await.unwrap(), expected);
        assert_eq!(channels::find_by_phone_number_id(tx, number).await.unwrap(), expected);
        assert_eq!(channels::find_in_account(tx, channel.account_id, channel.id).await.unwrap(), expected);
        let foreign = AccountId(channel.account_id.0 + 1);
        assert_eq!(channels::find_in_account(tx, foreign, channel.id).await.unwrap(), None);
        assert_eq!(channel.onboarding, Onboarding::Standard);
    })
    .await;
}

/// A2: in the same or another account, and nothing is stored.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_number_twice_is_a_conflict_that_the_transaction_survives() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.write().await.unwrap();
        let other = accounts::create(tx, "Other", noon()).await.unwrap();
        let same_phone = channels::NewChannel { phone_number_id: PhoneNumberId("9".into()), ..new_channel(other, 1) };
        let refusal = channels::insert(tx, &same_phone).await.unwrap_err();
        assert!(matches!(refusal, Error::Conflict(Conflict::PhoneNumber)), "{refusal}");
        let same_id =
            channels::NewChannel { phone_number_id: channel.phone_number_id.clone(), ..new_channel(other, 2) };
        let refusal = channels::insert(tx, &same_id).await.unwrap_err();
        assert!(matches!(refusal, Error::Conflict(Conflict::PhoneNumberId)), "{refusal}");
        channels::insert(tx, &new_channel(other, 3)).await.unwrap();
        assert_eq!(channels::all(tx, None, 9).await.unwrap().len(), 2);
        assert_eq!(channels::list(tx, other, None, 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_by_the_last_one_seen() {
    both(async |store| {
        let tx = &mut store.write().await.unwrap();
        let account = accounts::create(tx, "Bakery", noon()).await.unwrap();
        for n in 0..5 {
            let waba_id = WabaId(format!("10{}", n / 2));
            channels::insert(tx, &channels::NewChannel { waba_id, ..new_channel(account, n) }).await.unwrap();
        }
        let first = channels::list(tx, account, None, 3).await.unwrap();
        let rest = channels::list(tx, account, Some(first[2].id), 3).await.unwrap();
        assert_eq!((first.len(), rest.len()), (3, 2));
        assert_eq!(channels::all(tx, Some(first[2].id), 100).await.unwrap(), rest);
        assert_eq!(channels::list_by_waba(tx, &WabaId("100".into())).await.unwrap().len(), 2);
    })
    .await;
}

/// W12 and A3: the verify token, the name and the number stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_re_authorisation_brings_a_token_and_ids_and_keeps_the_rest() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.write().await.unwrap();
        assert!(channels::token_dead(tx, channel.id, noon()).await.unwrap());
        assert!(!channels::token_dead(tx, channel.id, noon()).await.unwrap(), "told once");
        let later = noon() + SignedDuration::from_hours(1);
        let new = Reauthorization {
            access_token: "EAAG-new".into(),
            token_expires_at: Some(later),
            waba_id: WabaId("103".into()),
            phone_number_id: PhoneNumberId("107".into()),
            business_id: Some(BusinessId("7".into())),
            onboarding: Onboarding::Coexistence,
        };
        assert!(channels::reauthorize(tx, channel.id, &new, later).await.unwrap());
        let credentials = channels::credentials(tx, channel.id).await.unwrap().unwrap();
        assert_eq!(credentials.access_token.expose_secret(), "EAAG-new");
        assert_eq!(credentials.verify_token.expose_secret(), "verify-1");
        assert_eq!(credentials.token_expires_at, Some(later));
        let state = channels::token_state(tx, channel.id).await.unwrap().unwrap();
        assert_eq!((state.dead_since, state.renewed_at), (None, Some(later)));
        let now = channels::find(tx, channel.id).await.unwrap().unwrap();
        assert_eq!((now.name, now.phone_number), (channel.name, channel.phone_number));
        assert_eq!((now.waba_id, now.onboarding), (WabaId("103".into()), Onboarding::Coexistence));

        let sibling = channels::insert(tx, &new_channel(channel.account_id, 2)).await.unwrap();
        let refusal = channels::reauthorize(tx, sibling, &new, later).await.unwrap_err();
        assert!(matches!(refusal, Error::Conflict(Conflict::PhoneNumberId)));
        assert!(
            !channels::reauthorize(
                tx,
                ChannelId(99),
                &Reauthorization { phone_number_id: PhoneNumberId("0".into()), ..new },
                later
            )
            .await
            .unwrap()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_and_found_alive_again() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.write().await.unwrap();
        let soon = noon() + SignedDuration::from_hours(24);
        assert!(channels::renew_token(tx, channel.id, &"EAAG-2".into(), Some(soon), noon()).await.unwrap());
        channels::token_dead(tx, channel.id, noon()).await.unwrap();
        channels::token_alive(tx, channel.id, Some(noon())).await.unwrap();
        let state = channels::token_state(tx, channel.id).await.unwrap().unwrap();
        assert_eq!((state.dead_since, state.expires_at), (None, Some(noon())));
        let kept = channels::credentials(tx, channel.id).await.unwrap().unwrap();
        assert_eq!((kept.access_token.expose_secret(), kept.verify_token.expose_secret()), ("EAAG-2", "verify-1"));
        assert!(channels::credentials(tx, ChannelId(99)).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_callbacks_is_four_facts() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.write().await.unwrap();
        assert_eq!(channels::webhook(tx, channel.id).await.unwrap(), Webhook::default());
        channels::record_last_seen(tx, &[channel.id, ChannelId(99)], noon()).await.unwrap();
        channels::record_last_seen(tx, &[channel.id], noon() - SignedDuration::from_hours(1)).await.unwrap();
        channels::record_last_seen(tx, &[], noon()).await.unwrap();
        let facts = Webhook {
            subscribed_at: Some(noon()),
            override_level: OverrideLevel::Number,
            override_url: Some("https://lk.example/webhooks/whatsapp/+1".into()),
            override_error: Some("(#200)".into()),
            verified_at: None,
            last_seen_at: None,
            first_seen_at: None,
            longest_gap: None,
            error: None,
            checked_at: Some(noon()),
            repairs: Repairs {
                made: vec![Repair { problem: Problem::OverrideForeign, at: noon(), worked: true }],
                asked: Some(Problem::OverrideForeign),
            },
        };
        channels::record_verified(tx, channel.id, noon()).await.unwrap();
        channels::set_webhook(tx, channel.id, &facts).await.unwrap();
        let heard = Webhook {
            last_seen_at: Some(noon()),
            first_seen_at: Some(noon()),
            longest_gap: Some(SignedDuration::ZERO),
            ..facts
        };
        let known = Webhook { verified_at: Some(noon()), ..heard };
        assert_eq!(channels::webhook(tx, channel.id).await.unwrap(), known);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_gap_is_kept_and_fades() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.write().await.unwrap();
        let hours = SignedDuration::from_hours;
        let mut now = noon();
        let mut expect = async |gap: i64, longest: SignedDuration| {
            now += hours(gap);
            channels::record_last_seen(tx, &[channel.id], now).await.unwrap();
            let known = channels::webhook(tx, channel.id).await.unwrap();
            assert_eq!((known.last_seen_at, known.first_seen_at), (Some(now), Some(noon())));
            assert_eq!(known.longest_gap, Some(longest), "after {gap} h");
        };
        expect(0, SignedDuration::ZERO).await;
        expect(1, hours(1)).await;
        expect(32, hours(32)).await;
        expect(8, hours(32) - SignedDuration::from_mins(15)).await;
        expect(32, hours(32)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_judgement_is_kept_and_due_when_it_ends() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.write().await.unwrap();
        assert_eq!(channels::count_by_level(tx).await.unwrap(), [(String::new(), 1)]);
        let until = noon() + SignedDuration::from_hours(72);
        let told = json!({"told": ["hold_started"]});
        assert!(channels::set_assessment(tx, channel.id, "waiting_for_meta", Some(until), &told).await.unwrap());
        let kept = channels::assessment(tx, channel.id).await.unwrap().unwrap();
        assert_eq!((kept.level.as_deref(), kept.until), (Some("waiting_for_meta"), Some(until)));
        assert_eq!(kept.last, told);
        assert_eq!(channels::assessments_due(tx, noon(), 9).await.unwrap(), []);
        assert_eq!(channels::assessments_due(tx, until, 9).await.unwrap(), [channel.id]);
        let account = channel.account_id;
        assert_eq!(channels::list_by_level(tx, account, "waiting_for_meta", None, 9).await.unwrap(), [channel]);
        assert_eq!(channels::list_by_level(tx, account, "live", None, 9).await.unwrap(), []);
        assert!(!channels::set_assessment(tx, ChannelId(99), "live", None, &told).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_channel_takes_its_facts_along_and_frees_its_number() {
    both(async |store| {
        let channel = a_channel(&store, 1).await;
        let tx = &mut store.write().await.unwrap();
        channels::record_last_seen(tx, &[channel.id], noon()).await.unwrap();
        assert!(channels::rename(tx, channel.account_id, channel.id, "New", noon()).await.unwrap());
        assert!(channels::delete(tx, channel.id).await.unwrap());
        assert!(!channels::delete(tx, channel.id).await.unwrap());
        assert_eq!(channels::webhook(tx, channel.id).await.unwrap(), Webhook::default());
        let again = channels::insert(tx, &new_channel(channel.account_id, 1)).await.unwrap();
        assert_ne!(again, channel.id, "an id is never used twice");
        let phone = E164::parse("+15550000001").unwrap();
        assert_eq!(channels::find_by_phone(tx, &phone).await.unwrap().unwrap().id, again);
    })
    .await;
}
