//! Every call once, on a world that takes it.

use domain::ids::BusinessId;
use domain::meta::failure::FailureKind;
use domain::meta::reading::{CodeVerification, PlatformType, Provisioned};
use graph_api::{CodeMethod, SyncKind};
use graph_emulator::Popup;
use jiff::SignedDuration;

use crate::support::{Meta, callback, secret, shown};

#[tokio::test]
async fn a_code_becomes_a_token_once() {
    let meta = Meta::start().await;
    let popup = Popup { token_lasts: Some(SignedDuration::from_hours(1_440)), ..Popup::default() };
    let result = meta.emulator.sign_up(popup).await;
    let code = result.code.unwrap().into();
    let token = meta.client.exchange_code(&code).await.unwrap();
    assert_eq!(token.expires_in, Some(SignedDuration::from_hours(1_440)));
    let again = meta.client.exchange_code(&code).await.unwrap_err();
    assert_eq!(again.kind, FailureKind::CodeSpent);
    let log = meta.emulator.calls("POST /oauth/access_token");
    assert!(log.iter().all(|call| !call.query.contains_key("code") && call.body.contains_key("code")));
}

#[tokio::test]
async fn a_token_is_examined() {
    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup::default()).await;
    let info = meta.client.debug_token(&customer.token).await.unwrap();
    assert!(info.is_valid && info.expires_at.is_none() && info.error.is_none());
    assert_eq!(info.waba_ids, Some(vec![customer.waba.clone()]));
    assert_eq!(info.app_id.unwrap().as_str(), "740000000000001");
    assert!(info.scopes.iter().any(|scope| scope == "whatsapp_business_management"));
    let unknown = meta.client.debug_token(&secret("EAAunknown")).await.unwrap();
    assert!(!unknown.is_valid && unknown.error.unwrap().code == 190);
}

#[tokio::test]
async fn a_lost_token_is_fetched_again() {
    let meta = Meta::start().await;
    let result = meta.emulator.sign_up(Popup::default()).await;
    let system = secret(&meta.emulator.with_world(graph_emulator::World::issue_partner_token));
    let business = BusinessId(result.business_id.unwrap());
    let token = meta.client.refetch_business_token(&business, &system).await.unwrap();
    assert!(meta.client.debug_token(&token).await.unwrap().is_valid);
}

#[tokio::test]
async fn the_app_level_callback_is_read_and_set() {
    let meta = Meta::start().await;
    assert_eq!(meta.client.app_subscription().await.unwrap(), None);
    let (url, verify) = (callback().await, secret("app-verify-token"));
    meta.client.subscribe_app(&url, &verify, &["messages".to_owned(), "account_update".to_owned()]).await.unwrap();
    let read = meta.client.app_subscription().await.unwrap().unwrap();
    assert_eq!((read.callback_url, read.active), (url, true));
    assert_eq!(read.fields, ["messages", "account_update"]);
}

#[tokio::test]
async fn a_number_is_registered_and_taken_off_again() {
    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup::default()).await;
    let account = meta.on(&customer);
    assert_eq!(account.number(&customer.number).await.unwrap().provisioned(), Provisioned::No);
    account.register(&customer.number, &secret("123456")).await.unwrap();
    let live = account.number(&customer.number).await.unwrap();
    assert_eq!(live.provisioned(), Provisioned::Yes);
    assert_eq!((live.platform_type, live.is_pin_enabled), (Some(PlatformType::CloudApi), Some(true)));
    account.set_pin(&customer.number, &secret("654321")).await.unwrap();
    assert_eq!(meta.emulator.number(customer.number.as_str()).unwrap().pin.as_deref(), Some("654321"));
    account.deregister(&customer.number).await.unwrap();
    assert_eq!(account.deregister(&customer.number).await.unwrap_err().kind, FailureKind::NotRegistered);
}

#[tokio::test]
async fn a_number_is_verified_by_code() {
    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup { verified: false, ..Popup::default() }).await;
    let account = meta.on(&customer);
    assert_eq!(account.code_verification(&customer.number).await.unwrap(), Some(CodeVerification::NotVerified));
    assert_eq!(meta.last_fields("GET /{phone}"), "code_verification_status");
    account.request_code(&customer.number, CodeMethod::Sms, "en_US").await.unwrap();
    let code = meta.emulator.number(customer.number.as_str()).unwrap().sent_code.unwrap();
    account.verify_code(&customer.number, &secret(&code)).await.unwrap();
    assert_eq!(account.code_verification(&customer.number).await.unwrap(), Some(CodeVerification::Verified));
    let again = account.request_code(&customer.number, CodeMethod::Voice, "en_US").await.unwrap_err();
    assert_eq!(again.kind, FailureKind::AlreadyVerified);
}

/// Facts §1.11: an override needs a subscription, and a bare call would erase it.
#[tokio::test]
async fn webhooks_are_subscribed_overridden_and_torn_down() {
    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup::default()).await;
    let (account, url, verify) = (meta.on(&customer), callback().await, secret("waba-verify-token"));
    let refused = account.subscribe_with_override(&url, &verify).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::NotSubscribed);
    account.subscribe().await.unwrap();
    account.subscribe_with_override(&url, &verify).await.unwrap();
    let apps = account.subscribed_apps().await.unwrap();
    assert_eq!(apps.len(), 1);
    assert_eq!(apps[0].override_callback_uri.as_deref(), Some(url.as_str()));
    account.set_number_override(&customer.number, &url, &verify).await.unwrap();
    let configuration = |reading: domain::meta::reading::NumberReading| reading.webhook_configuration.unwrap();
    let set = configuration(account.number(&customer.number).await.unwrap());
    assert_eq!(set.phone_number.as_deref(), Some(url.as_str()));
    account.clear_number_override(&customer.number).await.unwrap();
    assert_eq!(configuration(account.number(&customer.number).await.unwrap()).phone_number, None);
    account.unsubscribe().await.unwrap();
    assert_eq!(account.subscribed_apps().await.unwrap(), []);
}

#[tokio::test]
async fn a_coexistence_number_hands_over_its_contacts_and_history() {
    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup { coexistence: true, ..Popup::default() }).await;
    let account = meta.on(&customer);
    assert!(account.number(&customer.number).await.unwrap().reads_as_coexistence());
    assert!(!account.sync_coexistence(&customer.number, SyncKind::Contacts).await.unwrap().is_empty());
    assert!(!account.sync_coexistence(&customer.number, SyncKind::History).await.unwrap().is_empty());
    let syncs = meta.emulator.number(customer.number.as_str()).unwrap().syncs;
    assert_eq!(syncs, ["smb_app_state_sync", "history"]);
}

#[tokio::test]
async fn a_proof_goes_with_every_token_and_english_with_every_call() {
    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup::default()).await;
    meta.on(&customer).waba().await.unwrap();
    meta.client.app_subscription().await.unwrap();
    for call in meta.emulator.log() {
        assert_eq!(call.param("locale"), Some("en_US"), "{}", call.route);
        assert_eq!(call.token.is_some(), call.param("appsecret_proof").is_some(), "{}", call.route);
    }
    assert!(!format!("{:?}", meta.client).contains("emulated-app-secret"));
    assert!(!shown(&customer.token).is_empty());
}
