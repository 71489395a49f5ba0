//! What is reconciled automatically, told as one story over a table (policy, "What is reconciled automatically"): a callback
//! or a subscription is lost, changed or fought over on every level. Each is repaired, told once, has a budget, and is left
//! to a person in the end, in one process, across restarts, and by two replicas at a time.

use domain::ids::ChannelId;
use graph_emulator::{Fault, NumberAction, SignupResult, WabaAction};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use server::flows::queue::{Job, enqueue_now};
use server::store::Engine;
use server::store::api_keys::Scope;

use super::callbacks::{APP_SUBSCRIBE, app_callback_is_taken, foreign};
use super::support::{CHANGE_NUMBER, SUBSCRIBE, changes, flawless, fresh, number_of, refused_with, rows, waba_of};
use crate::app::TestApp;

rows!(
    a_lost_or_foreign_callback_is_repaired_within_a_budget_and_then_left_to_a_person,
    the_same_across_restarts,
    a_repair_that_meta_refuses_is_tried_ever_more_rarely_and_asks_a_person,
    two_numbers_of_an_account_whose_subscription_was_lost_are_both_brought_back,
);

/// Who runs the jobs.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// The process that began the story.
    OneProcess,
    /// A new process for every repair.
    Restarts,
    /// Two processes at a time, on one database.
    TwoReplicas,
}

/// One row of the table.
struct Case {
    name: &'static str,
    /// What another system does.
    disturb: fn(&Stage<'_>) -> Disturbance,
    /// The finding that tells it.
    code: &'static str,
    /// How often it is repaired in seven days.
    budget: usize,
    /// How often people are told, all in all: once for each time, where it was read before it was repaired, and once more
    /// when a person is asked.
    told: usize,
    /// What a person then does.
    remedy: Remedy,
}

enum Disturbance {
    OnNumber(NumberAction),
    OnAccount(WabaAction),
    /// Done already, on the app.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    RegisterWebhook,
    TakeOver,
}

const CASES: &[Case] = &[
    Case {
        name: "subscription lost",
        disturb: |_| Disturbance::OnAccount(WabaAction::Unsubscribe),
        code: "not_subscribed",
        budget: 3,
        told: 4,
        remedy: Remedy::RegisterWebhook,
    },
    Case {
        name: "override of the account foreign",
        disturb: |_| Disturbance::OnAccount(WabaAction::SetOverride { over: Some(foreign()) }),
        code: "override_foreign",
        budget: 1,
        told: 2,
        remedy: Remedy::RegisterWebhook,
    },
    Case {
        name: "override of the number foreign",
        disturb: |_| Disturbance::OnNumber(NumberAction::SetOverride { over: Some(foreign()) }),
        code: "override_foreign",
        budget: 1,
        told: 2,
        remedy: Remedy::RegisterWebhook,
    },
    // messages arrive by the app's callback meanwhile: nobody is woken up
    Case {
        name: "override of the account removed",
        disturb: |_| Disturbance::OnAccount(WabaAction::SetOverride { over: None }),
        code: "override_missing",
        budget: 3,
        told: 0,
        remedy: Remedy::RegisterWebhook,
    },
    Case {
        name: "callback of the app removed",
        disturb: |stage| {
            stage.app.meta.with_world(|world, _| world.drop_app_level());
            Disturbance::Done
        },
        code: "app_callback_missing",
        budget: 3,
        told: 1,
        remedy: Remedy::TakeOver,
    },
    Case {
        name: "callback of the app foreign",
        disturb: |stage| {
            app_callback_is_taken(stage.app);
            Disturbance::Done
        },
        code: "app_callback_foreign",
        budget: 1,
        told: 1,
        remedy: Remedy::TakeOver,
    },
    Case {
        name: "fields of the app removed",
        disturb: |stage| {
            let own = format!("{}/webhooks/whatsapp", stage.app.url);
            stage.app.meta.with_world(|world, _| world.subscribe_app_level(&own, "ours", &["messages"]));
            Disturbance::Done
        },
        code: "app_fields_missing",
        budget: 3,
        told: 1,
        remedy: Remedy::TakeOver,
    },
];

/// One number, and who works on it.
struct Stage<'a> {
    app: &'a TestApp,
    form: Form,
    signup: SignupResult,
    inbox: ChannelId,
}

impl Stage<'_> {
    async fn disturb(&self, case: &Case) {
        match (case.disturb)(self) {
            Disturbance::OnNumber(action) => self.app.meta.act(&number_of(&self.signup), action).await.unwrap(),
            Disturbance::OnAccount(action) => self.app.meta.act_on_waba(&waba_of(&self.signup), action).await.unwrap(),
            Disturbance::Done => {}
        }
    }

    /// Everything is read at Meta, and what follows from it is done.
    async fn notice(&self) {
        enqueue_now(&self.app.app, &[Job::Health(self.inbox), Job::AppCallback]).await.unwrap();
        match self.form {
            Form::OneProcess => self.app.settle().await,
            Form::Restarts => {
                let process = self.app.start_again().await;
                self.app.settle_in(&process).await;
                process.stop().await;
            }
            Form::TwoReplicas => {
                let (one, other) = (self.app.start_again().await, self.app.start_again().await);
                tokio::join!(self.app.settle_in(&one), self.app.settle_in(&other));
                one.stop().await;
                other.stop().await;
            }
        }
    }

    async fn finding(&self, code: &str) -> Option<Value> {
        let health = self.app.get(&self.app.inbox(self.inbox, "/health")).await.expect(200);
        health["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == code).cloned()
    }

    /// How often people were told of this finding of the number.
    async fn told(&self, code: &str) -> usize {
        let path = self.app.path(&format!("/announcements?inbox_id={}&limit=200", self.inbox));
        let list = self.app.get(&path).await.expect(200);
        list["data"].as_array().unwrap().iter().filter(|told| told["args"]["finding"] == code).count()
    }

    async fn remedy(&self, remedy: Remedy) {
        match remedy {
            Remedy::RegisterWebhook => {
                let path = self.app.inbox(self.inbox, "/register_webhook");
                let body = self.app.post(&path, json!({})).await.expect(200);
                assert_eq!(body["route"]["arrives_here"], true, "{body}");
            }
            Remedy::TakeOver => {
                let operator = self.app.another_key(None, Scope::Admin).await;
                let path = "/api/v1/app_callback/take_over";
                let body = self.app.send(Method::POST, path, None, Some(&operator)).await.expect(200);
                assert_eq!(body["state"], "ours", "{body}");
            }
        }
    }
}

async fn story(engine: Engine, form: Form) {
    let app = fresh(engine).await;
    for case in CASES {
        let (signup, inbox) = app.signed_up(flawless()).await;
        app.settle().await;
        let stage = Stage { app: &app, form, signup, inbox };
        let at = format!("{}, {form:?}, {}", case.name, engine.as_str());
        stage.notice().await;
        assert_eq!(stage.finding(case.code).await, None, "{at}: before");
        for round in 1..=case.budget {
            stage.disturb(case).await;
            stage.notice().await;
            assert_eq!(stage.finding(case.code).await, None, "{at}: repair {round}");
            app.advance(SignedDuration::from_mins(10)).await;
        }
        stage.disturb(case).await;
        stage.notice().await;
        let finding = stage.finding(case.code).await.unwrap_or_else(|| panic!("{at}: it is still repaired"));
        assert_eq!(finding["owner"], "operator", "{at}: {finding}");
        let remedy = if case.remedy == Remedy::TakeOver { "take_over_callback" } else { "resubscribe" };
        assert_eq!(finding["remedy"], remedy, "{at}: {finding}");
        // it is left alone, and told no second time
        app.meta.clear_log();
        app.advance(SignedDuration::from_hours(2)).await;
        stage.notice().await;
        let touched = [SUBSCRIBE, CHANGE_NUMBER, APP_SUBSCRIBE];
        let calls: Vec<String> = changes(&app).into_iter().filter(|call| touched.contains(&call.as_str())).collect();
        assert_eq!(calls, Vec::<String>::new(), "{at}");
        assert_eq!(stage.told(case.code).await, case.told, "{at}");
        // a person acts, and it is well
        stage.remedy(case.remedy).await;
        stage.notice().await;
        assert_eq!(stage.finding(case.code).await, None, "{at}: after");
    }
}

async fn a_lost_or_foreign_callback_is_repaired_within_a_budget_and_then_left_to_a_person(engine: Engine) {
    story(engine, Form::OneProcess).await;
}

async fn the_same_across_restarts(engine: Engine) {
    story(engine, Form::Restarts).await;
}

/// Replicas need a database that several processes share.
#[tokio::test]
async fn the_same_by_two_replicas() {
    story(Engine::Postgres, Form::TwoReplicas).await;
}

async fn a_repair_that_meta_refuses_is_tried_ever_more_rarely_and_asks_a_person(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(flawless()).await;
    app.settle().await;
    let stage = Stage { app: &app, form: Form::OneProcess, signup, inbox };
    app.meta.act_on_waba(&waba_of(&stage.signup), WabaAction::Unsubscribe).await.unwrap();
    app.meta.fail(Fault::refusal(SUBSCRIBE, refused_with(131_000, "Something went wrong")).times(1_000));
    app.meta.clear_log();
    stage.notice().await;
    let finding = stage.finding("not_subscribed").await.unwrap();
    assert_eq!((&finding["owner"], &finding["severity"]), (&json!("nobody"), &json!("at_risk")), "{finding}");
    app.advance(SignedDuration::from_hours(24)).await;
    let finding = stage.finding("not_subscribed").await.unwrap();
    assert_eq!((&finding["owner"], &finding["severity"]), (&json!("operator"), &json!("action_needed")), "{finding}");
    let calls = app.meta.calls(SUBSCRIBE).len();
    assert!((4..=7).contains(&calls), "{calls} calls in a day");
    // Meta recovers, and nobody has to act
    app.meta.clear_faults();
    app.advance(SignedDuration::from_hours(7)).await;
    assert_eq!(stage.finding("not_subscribed").await, None);
}

/// Subscribing for one number erases the override of the account: its siblings must not undo each other's repair.
async fn two_numbers_of_an_account_whose_subscription_was_lost_are_both_brought_back(engine: Engine) {
    let app = fresh(engine).await;
    let (first, first_inbox) = app.signed_up(flawless()).await;
    let sibling = graph_emulator::Popup { waba_id: first.waba_id.clone(), ..flawless() };
    let (second, second_inbox) = app.signed_up(sibling).await;
    app.settle().await;
    app.meta.act_on_waba(&waba_of(&first), WabaAction::Unsubscribe).await.unwrap();
    app.meta.clear_log();
    enqueue_now(&app.app, &[Job::Health(first_inbox), Job::Health(second_inbox)]).await.unwrap();
    tokio::join!(app.settle_in(&app.app), app.settle_in(&app.app));
    assert_eq!(app.meta.calls(SUBSCRIBE).iter().filter(|call| call.body.is_empty()).count(), 1);
    for (signup, inbox) in [(first, first_inbox), (second, second_inbox)] {
        let health = app.post(&app.inbox(inbox, "/health/refresh"), json!({})).await.expect(200);
        assert_eq!(health["webhook"]["route"]["arrives_here"], true, "{signup:?}: {health}");
    }
}
