//! Deleting an inbox tears its webhooks down, and nothing there blocks it: A1.

use graph_emulator::world::TokenDeath;
use graph_emulator::{Fault, Popup, WabaAction};
use reqwest::Method;
use server::store::api_keys::Scope;
use server::store::{Engine, channels, numbers};
use tracing::Level;

use super::capture::Logs;
use super::support::{
    CHANGE_NUMBER, UNSUBSCRIBE, changes, channel_count, fresh, number_of, on_record, refused_with, rows, waba_of,
};
use crate::app::APP_ID;

rows!(
    a1_the_last_channel_of_its_account_takes_the_app_off_it,
    a1_while_siblings_remain_only_the_numbers_own_override_is_cleared,
    a1_the_first_number_gone_its_sibling_still_hears,
    a1_a_failure_there_never_blocks_the_deletion,
    a1_the_record_of_the_number_stays,
    a1_only_an_administrator_of_the_account_may_delete,
);

async fn a1_the_last_channel_of_its_account_takes_the_app_off_it(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let kept = on_record(&app, inbox).await;
    app.meta.clear_log();
    app.delete(&app.inbox(inbox, "")).await.expect(204);
    app.settle().await;
    assert_eq!(changes(&app), [UNSUBSCRIBE]);
    let call = &app.meta.calls(UNSUBSCRIBE)[0];
    assert_eq!((call.waba_id.as_deref(), call.status), (signup.waba_id.as_deref(), Some(200)));
    assert_eq!(call.token.as_deref(), Some(kept.token_print().as_str()));
    let waba = app.meta.with_world(|world, _| world.waba(&waba_of(&signup))).unwrap();
    assert!(!waba.subscriptions.contains_key(APP_ID));
    assert_eq!(channel_count(&app).await, 0);
    app.get(&app.inbox(inbox, "")).await.expect(404);
    app.get(&app.inbox(inbox, "/health")).await.expect(404);
}

async fn a1_while_siblings_remain_only_the_numbers_own_override_is_cleared(engine: Engine) {
    let app = fresh(engine).await;
    let (first, first_inbox) = app.signed_up(Popup::default()).await;
    let (second, second_inbox) = app.signed_up(Popup { waba_id: first.waba_id.clone(), ..Popup::default() }).await;
    app.settle().await;
    app.meta.clear_log();
    app.delete(&app.inbox(second_inbox, "")).await.expect(204);
    app.settle().await;
    assert_eq!(changes(&app), [CHANGE_NUMBER]);
    let call = &app.meta.calls(CHANGE_NUMBER)[0];
    assert_eq!(call.phone_number_id, second.phone_number_id);
    assert_eq!(call.body["webhook_configuration"]["override_callback_uri"], "");
    assert!(app.meta.number(&number_of(&second)).unwrap().overrides.is_empty());
    let waba = app.meta.with_world(|world, _| world.waba(&waba_of(&first))).unwrap();
    let standing = waba.subscriptions[APP_ID].clone().expect("the first number's override");
    assert_eq!(Some(standing.callback_url), on_record(&app, first_inbox).await.webhook.override_url);
    assert_eq!(channel_count(&app).await, 1);
}

async fn a1_the_first_number_gone_its_sibling_still_hears(engine: Engine) {
    let app = fresh(engine).await;
    let (first, first_inbox) = app.signed_up(Popup::default()).await;
    let (second, second_inbox) = app.signed_up(Popup { waba_id: first.waba_id.clone(), ..Popup::default() }).await;
    app.settle().await;
    app.meta.clear_log();
    app.delete(&app.inbox(first_inbox, "")).await.expect(204);
    app.settle().await;
    assert_eq!(app.meta.calls(UNSUBSCRIBE), [], "a sibling lives on this subscription");
    app.meta.clear_webhook_log();
    app.meta.receive_text(&number_of(&second), "15550009999", "hello").await.unwrap();
    let heard = app.meta.webhook_log().remove(0);
    let own = on_record(&app, second_inbox).await.webhook.override_url.unwrap();
    assert_eq!((heard.callback_url, heard.status), (own, Some(200)));
}

async fn a1_a_failure_there_never_blocks_the_deletion(engine: Engine) {
    for token_dies in [false, true] {
        let logs = Logs::capture();
        let app = fresh(engine).await;
        let (signup, inbox) = app.signed_up(Popup::default()).await;
        app.settle().await;
        if token_dies {
            let kill = WabaAction::KillTokens { death: TokenDeath::Revoked };
            app.meta.act_on_waba(&waba_of(&signup), kill).await.unwrap();
        } else {
            app.meta.fail(Fault::refusal(UNSUBSCRIBE, refused_with(2, "The removal failed for a test")));
        }
        app.delete(&app.inbox(inbox, "")).await.expect(204);
        app.settle().await;
        assert_eq!(channel_count(&app).await, 0);
        let failed = logs.at(Level::ERROR);
        assert_eq!(failed.len(), 1, "{failed:?}");
        let said = if token_dies { "The user has revoked access" } else { "The removal failed for a test" };
        assert!(
            failed[0].starts_with("[WHATSAPP] Webhook teardown failed: ") && failed[0].contains(said),
            "{failed:?}"
        );
        app.get(&app.inbox(inbox, "")).await.expect(404);
    }
}

async fn a1_the_record_of_the_number_stays(engine: Engine) {
    let app = fresh(engine).await;
    let (_, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let before = on_record(&app, inbox).await;
    app.delete(&app.inbox(inbox, "")).await.expect(204);
    let mut tx = app.app.store.read().await.unwrap();
    let number = &before.channel.phone_number_id;
    assert_eq!(numbers::attempts(&mut tx, number, 10).await.unwrap(), before.attempts, "Meta goes on counting them");
    assert!(numbers::pin(&mut tx, number).await.unwrap().is_some(), "Meta goes on asking for it");
    assert!(channels::credentials(&mut tx, inbox).await.unwrap().is_none());
}

async fn a1_only_an_administrator_of_the_account_may_delete(engine: Engine) {
    let app = fresh(engine).await;
    let (_, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    app.meta.clear_log();
    let operator = app.another_key(Some(app.account), Scope::Operate).await;
    let (_, stranger) = app.another_account(Scope::Admin).await;
    app.send(Method::DELETE, &app.inbox(inbox, ""), None, Some(&operator)).await.expect(403);
    app.send(Method::DELETE, &app.inbox(inbox, ""), None, Some(&stranger)).await.expect(404);
    assert_eq!((changes(&app), channel_count(&app).await), (Vec::new(), 1));
}
