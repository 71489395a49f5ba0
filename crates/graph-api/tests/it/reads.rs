//! Reading accounts and numbers: one call where it fits, fewer fields where Meta refuses one, pages.

use domain::ids::{PhoneNumberId, WabaId};
use domain::meta::failure::FailureKind;
use graph_emulator::{Fault, Popup};
use graph_emulator::{FaultError, Settings};

use crate::support::Meta;

fn nonexisting(route: &str, field: &str, node: &str) -> Fault {
    let message = format!("(#100) Tried accessing nonexisting field ({field}) on node type ({node})");
    let error = FaultError { code: 100, message: Some(message), ..FaultError::default() };
    Fault::refusal(route, error).when_fields(field).times(99)
}

const NUMBER_NODE: &str = "WhatsAppBusinessPhoneNumber";

#[tokio::test]
async fn two_hundred_and_fifty_numbers_are_three_calls() {
    let meta = Meta::start().await;
    let (customer, mut ids) = meta.fleet(250);
    let numbers = meta.on(&customer).numbers().await.unwrap();
    assert_eq!(meta.count("GET /{waba}/phone_numbers"), 3);
    let mut read: Vec<String> = numbers.into_iter().filter_map(|n| n.id).map(|id| id.0).collect();
    read.sort_unstable();
    ids.sort_unstable();
    assert_eq!(read, ids);
}

#[tokio::test]
async fn account_apps_and_numbers_are_one_call_and_one_more_per_further_hundred() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(30);
    let fleet = meta.on(&customer).fleet().await.unwrap();
    assert_eq!((fleet.numbers.len(), meta.emulator.log().len()), (30, 1));
    assert_eq!(fleet.waba.id.as_ref(), Some(&customer.waba));
    assert_eq!(fleet.waba.subscribed_apps.unwrap().len(), 1);
    assert!(fleet.waba.health_status.is_some() && fleet.numbers[0].health_status.is_none());

    let (customer, ids) = meta.fleet(101);
    meta.emulator.clear_log();
    assert_eq!(meta.on(&customer).fleet().await.unwrap().numbers.len(), ids.len());
    let routes: Vec<String> = meta.emulator.log().into_iter().map(|call| call.route).collect();
    assert_eq!(routes, ["GET /{waba}", "GET /{waba}/phone_numbers"]);
}

#[tokio::test]
async fn an_account_without_numbers_has_none() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(0);
    assert_eq!(meta.on(&customer).numbers().await.unwrap(), []);
    assert_eq!(meta.on(&customer).fleet().await.unwrap().numbers, []);
    assert_eq!(meta.on(&customer).waba().await.unwrap().subscribed_apps, None, "not asked is not none");
}

/// An old version refuses the portfolio's limit: the field goes, the others stay, and the next read
/// knows.
#[tokio::test]
async fn a_refused_field_is_left_out_from_then_on() {
    let meta = Meta::start().await;
    meta.emulator.with_world(|world, _| {
        world.settings = Settings { portfolio_limit_since: 26, ..world.settings.clone() };
    });
    let customer = meta.sign_up(Popup::default()).await;
    let account = meta.on(&customer);
    for calls in [2, 3] {
        let number = account.number(&customer.number).await.unwrap();
        assert!(number.messaging_limit_tier.is_some() && number.portfolio_limit.is_none());
        assert!(number.health_status.is_some());
        assert_eq!(meta.count("GET /{phone}"), calls);
    }
    account.fleet().await.unwrap();
    account.fleet().await.unwrap();
    assert_eq!(meta.count("GET /{waba}"), 3, "rows of lists learn by themselves, once");
}

#[tokio::test]
async fn the_nested_field_is_dropped_where_it_was_nested() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(2);
    meta.emulator.fail(nonexisting("GET /{waba}", "is_pin_enabled", NUMBER_NODE));
    let fleet = meta.on(&customer).fleet().await.unwrap();
    assert_eq!(fleet.numbers.len(), 2);
    assert!(fleet.numbers.iter().all(|n| n.is_pin_enabled.is_none() && n.status.is_some()));
}

/// Facts D5: health in lists is asked for on demand only, and no more once it is refused.
#[tokio::test]
async fn health_in_lists_is_a_capability_that_is_found_out() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(3);
    let account = meta.on(&customer);
    meta.client.try_health_in_lists();
    assert!(account.numbers().await.unwrap().iter().all(|n| n.health_status.is_some()));
    meta.emulator.fail(nonexisting("GET phone_numbers", "health_status", NUMBER_NODE));
    assert!(account.numbers().await.unwrap().iter().all(|n| n.health_status.is_none()));
    assert!(!meta.last_fields("GET /{waba}/phone_numbers").contains("health_status"));
}

#[tokio::test]
async fn a_read_that_keeps_being_refused_ends() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(1);
    meta.emulator.fail(nonexisting("GET {phone}", "", "WhatsAppBusinessPhoneNumber"));
    let failure = meta.on(&customer).number(&customer.number).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnknownField);
    assert!(meta.count("GET /{phone}") <= 2);
}

#[tokio::test]
async fn what_is_not_ours_is_access_lost_and_what_is_no_id_is_never_sent() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(1);
    let (other, _) = meta.fleet(1);
    let account = meta.client.on(&customer.waba, &other.token);
    assert_eq!(account.waba().await.unwrap_err().kind, FailureKind::AccessLost);
    assert_eq!(account.number(&customer.number).await.unwrap_err().kind, FailureKind::AccessLost);
    meta.emulator.clear_log();
    for id in ["", "..", "me", "720?fields=id", "720/register"] {
        let failure = meta.on(&customer).number(&PhoneNumberId(id.to_owned())).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Permanent, "{id}");
        let waba = WabaId(id.to_owned());
        assert!(meta.client.on(&waba, &customer.token).numbers().await.is_err());
    }
    assert!(meta.emulator.log().is_empty());
}
