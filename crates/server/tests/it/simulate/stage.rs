//! Plays the stories of several companies at once, on one server and in one world, and stops wherever
//! somebody has something to do or something is to be looked at.

use std::collections::BTreeSet;

use domain::channel::Channel;
use domain::ids::{PhoneNumberId, WabaId};
use domain::registration::Caller;
use domain::registration::ledger::Ledger;
use graph_emulator::world::TokenDeath;
use graph_emulator::{Config as EmulatorConfig, NumberView, Popup, WebhookFault, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use server::flows::number::record::NumberRecord;
use server::flows::queue::{Job, enqueue_now};
use server::store::{Engine, channels, numbers};

use super::story::{self, Move, Story};
use super::watch::{Ended, Watch};
use crate::app::{START, TestApp, browser};

/// How long a world lasts: the longest story, and the slowest of schedules after it.
const LASTS: SignedDuration = SignedDuration::from_hours(16 * 24);

/// An owner whose signup failed, or whom the page told that it did not work, tries again after a while.
const TRIES_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// A number that is live, and to which nothing more happens, is left alone after this long.
const WELL_FOR: SignedDuration = SignedDuration::from_hours(2);

/// How a batch is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// Seeds the generated histories.
    pub(super) seed: u64,
    /// The least time between two readings of one account, in seconds.
    pub(super) pace: u64,
}

/// One number on the stage.
struct Player {
    /// The company's place under the seed.
    place: u64,
    story: Story,
    /// The number's id, once it was through the popup.
    id: Option<String>,
    began: Timestamp,
    /// How much of the plan is done.
    done: usize,
    /// When its owner tries the signup again.
    retry_at: Option<Timestamp>,
    watch: Watch,
    has_ended: bool,
}

/// A world, a server, and who acts in it.
pub(super) struct Stage {
    app: TestApp,
    players: Vec<Player>,
    /// When to turn to whom.
    turns: BTreeSet<(Timestamp, usize)>,
    ended: Vec<Ended>,
}

/// Plays companies from first to last; what became of each number.
pub(super) async fn play(how: How, places: std::ops::Range<u64>) -> Vec<Ended> {
    let mut stage = Stage::set(how, places).await;
    let end = START.parse::<Timestamp>().unwrap() + LASTS;
    while let Some(next) = stage.next_instant().await.filter(|next| *next < end) {
        stage.move_to(next).await;
    }
    stage.move_to(end).await;
    for who in 0..stage.players.len() {
        stage.end(who).await;
    }
    stage.ended
}

impl Stage {
    async fn set(how: How, places: std::ops::Range<u64>) -> Self {
        let meta = EmulatorConfig { seed: how.seed ^ places.start, ..EmulatorConfig::default() };
        let app = TestApp::with_meta(
            Engine::Sqlite,
            |config, meta| {
                config.meta.system_user_token = Some(meta.with_world(World::issue_partner_token).into());
                config.limits.account_check_interval_seconds = how.pace;
            },
            meta,
        )
        .await;
        let start: Timestamp = START.parse().unwrap();
        let mut stage = Self { app, players: Vec::new(), turns: BTreeSet::new(), ended: Vec::new() };
        for place in places {
            for story in story::company(how.seed, place) {
                let began = start + story.signs_up;
                stage.turns.insert((began, stage.players.len()));
                let watch = Watch::new(&story, began);
                stage.players.push(Player {
                    place,
                    story,
                    id: None,
                    began,
                    done: 0,
                    retry_at: None,
                    watch,
                    has_ended: false,
                });
            }
        }
        stage
    }

    async fn next_instant(&self) -> Option<Timestamp> {
        if self.players.iter().all(|player| player.has_ended) {
            return None;
        }
        let turn = self.turns.first().map(|(at, _)| *at);
        self.app.next_due().await.into_iter().chain(turn).min()
    }

    /// Moves both clocks to an instant, lets those act whose turn it is, and everything else follow.
    async fn move_to(&mut self, at: Timestamp) {
        let at = at.max(self.app.clock.now());
        self.app.clock.set(at);
        self.app.meta.set_now(at).await;
        let mut seen = Vec::new();
        while let Some((due, who)) = self.turns.first().copied().filter(|(due, _)| *due <= at) {
            self.turns.remove(&(due, who));
            self.turn(who, at).await;
            seen.push(who);
        }
        self.app.settle().await;
        for who in seen {
            self.look(who, at).await;
        }
    }

    /// What a number's story has for this instant.
    async fn turn(&mut self, who: usize, at: Timestamp) {
        if self.players[who].id.is_none() {
            self.sign_up(who, at).await;
            return;
        }
        if self.players[who].retry_at.is_some_and(|due| due <= at) {
            self.players[who].retry_at = None;
            if self.channel(who).await.is_none() {
                self.sign_up(who, at).await;
            }
        }
        let began = self.players[who].began;
        while let Some((after, what)) = self.players[who].story.plan.get(self.players[who].done).cloned() {
            if began + after > at {
                break;
            }
            self.players[who].done += 1;
            self.make(who, &what, at).await;
        }
    }

    /// Through the popup and back with its result; what stands at zero happens in between.
    async fn sign_up(&mut self, who: usize, at: Timestamp) {
        let known = self.siblings(who).into_iter().find_map(|sibling| self.view(sibling));
        let (again, is_alone) = (self.players[who].id.is_some(), known.is_none());
        let popup = Popup {
            waba_id: known.map(|view| view.waba_id),
            phone_number: self.view(who).map(|view| view.phone_number),
            ..self.players[who].story.popup.clone()
        };
        let result = self.app.meta.sign_up(popup).await;
        let player = &mut self.players[who];
        player.id.clone_from(&result.phone_number_id);
        if !again {
            player.began = at;
            self.note(who, at).await;
            Box::pin(self.turn(who, at)).await;
        }
        // beside other numbers the code alone names none
        let code_alone = self.players[who].story.code_alone && is_alone;
        let path = if code_alone { "/signups" } else { "/whatsapp/authorization" };
        let body = if code_alone { json!({ "code": result.code }) } else { browser(&result) };
        let answer = self.app.post(&self.app.path(path), body).await;
        if let Some(waba) = result.waba_id {
            // what the sweep does within five minutes
            enqueue_now(&self.app.app, &[Job::Fleet(WabaId(waba))]).await.unwrap();
        }
        if !answer.status.is_success() {
            self.players[who].watch.remark(at, format!("the signup was answered {}", answer.status));
            self.players[who].retry_at = Some(at + TRIES_AGAIN);
            self.turns.insert((at + TRIES_AGAIN, who));
        }
    }

    fn siblings(&self, who: usize) -> Vec<usize> {
        let place = self.players[who].place;
        (0..self.players.len()).filter(|other| *other != who && self.players[*other].place == place).collect()
    }

    fn view(&self, who: usize) -> Option<NumberView> {
        self.app.meta.number(self.players[who].id.as_ref()?)
    }

    async fn channel(&self, who: usize) -> Option<Channel> {
        let id = PhoneNumberId(self.players[who].id.clone()?);
        let mut tx = self.app.app.store.read().await.unwrap();
        channels::find_by_phone_number_id(&mut tx, &id).await.unwrap()
    }

    async fn make(&mut self, who: usize, what: &Move, at: Timestamp) {
        let id = self.players[who].id.clone().unwrap();
        let Some(view) = self.view(who) else { return };
        // how it stands before: what a move takes away stood until now
        self.note(who, at).await;
        self.players[who].watch.remark(at, format!("{what:?}"));
        match what {
            Move::Meta(action) => self.app.meta.act(&id, action.clone()).await.unwrap(),
            Move::MetaIfLive(action) if view.registered => self.app.meta.act(&id, action.clone()).await.unwrap(),
            Move::MetaIfLive(_) => {}
            Move::Calls(fault) => self.app.meta.fail(fault.clone().on_number(&id)),
            Move::Webhook(field, effect) => self.app.meta.add_webhook_fault(WebhookFault {
                field: Some((*field).to_owned()),
                waba_id: Some(view.waba_id),
                times: 1,
                effect: *effect,
            }),
            Move::TokensDie => self.app.meta.with_world(|world, _| {
                let business = world.waba(&view.waba_id).unwrap().business_id;
                world.kill_tokens_of(&business, TokenDeath::SessionInvalidated);
            }),
            Move::Throttle => self.app.meta.with_world(|world, now| world.set_usage(&view.waba_id, 5_000, now)),
            Move::Press | Move::EnterPin(_) | Move::VerifyByCode => {
                if !self.at_the_page(who, what).await {
                    let player = &mut self.players[who];
                    player
                        .story
                        .plan
                        .insert(player.done, (at.duration_since(player.began) + TRIES_AGAIN, what.clone()));
                    player.story.plan[player.done..].sort_by_key(|(after, _)| *after);
                }
            }
        }
        self.note(who, at).await;
    }

    /// Somebody does this at the page; whether it worked.
    async fn at_the_page(&mut self, who: usize, what: &Move) -> bool {
        if let Move::EnterPin(pin) = what {
            return self.press(who, "/registration/pin", json!({ "pin": pin })).await;
        }
        if !matches!(what, Move::VerifyByCode) {
            return self.press(who, "/registration", json!({})).await;
        }
        let asked = self.press(who, "/registration/code", json!({})).await;
        let Some(code) = self.view(who).and_then(|view| view.sent_code).filter(|_| asked) else { return asked };
        self.press(who, "/registration/code/verify", json!({ "code": code })).await
    }

    /// A press of some button; before there is an inbox there is no page.
    async fn press(&mut self, who: usize, path: &str, body: Value) -> bool {
        let Some(channel) = self.channel(who).await else { return false };
        let answer = self.app.post(&self.app.inbox(channel.id, path), body).await;
        let at = self.app.clock.now();
        let why = answer.json()["registration"]["why"].to_string();
        self.players[who].watch.remark(at, format!("answered {} {why}", answer.status));
        assert!(!answer.status.is_server_error() || answer.status == 502, "{path}: {}", answer.text);
        answer.status.is_success()
    }

    /// Looks at the number, and comes back when something may have changed by itself.
    async fn note(&mut self, who: usize, at: Timestamp) {
        let Some(view) = self.view(who) else { return };
        let pin = self.stored_pin(&view).await;
        let ledger = self.ledger(&view).await;
        if let Some(back) = self.players[who].watch.look(&view, pin.as_deref(), &ledger, at) {
            self.turns.insert((back, who));
        }
    }

    async fn stored_pin(&self, view: &NumberView) -> Option<String> {
        use secrecy::ExposeSecret as _;
        let mut tx = self.app.app.store.read().await.unwrap();
        let pin = numbers::pin(&mut tx, &PhoneNumberId(view.id.clone())).await.unwrap();
        pin.map(|pin| pin.expose_secret().to_owned())
    }

    /// The calls on record, as the product counts them; who holds the number besides is not asked.
    async fn ledger(&self, view: &NumberView) -> Ledger {
        let mut tx = self.app.app.store.read().await.unwrap();
        let newest_first = numbers::attempts(&mut tx, &PhoneNumberId(view.id.clone()), 1_000).await.unwrap();
        let attempts = newest_first.into_iter().rev().map(|recorded| recorded.attempt).collect();
        Ledger { attempts, ..Ledger::default() }
    }

    /// After everything that is due has run: where the number stands, and when to come back.
    async fn look(&mut self, who: usize, at: Timestamp) {
        if self.players[who].has_ended {
            return;
        }
        self.note(who, at).await;
        let Some(view) = self.view(who) else { return };
        let player = &mut self.players[who];
        match player.story.plan.get(player.done) {
            Some((after, _)) => {
                self.turns.insert((player.began + *after, who));
            }
            None if player.watch.is_well_for(&view, at) > WELL_FOR => self.end(who).await,
            None => {
                self.turns.insert((at + WELL_FOR + SignedDuration::from_mins(1), who));
            }
        }
    }

    /// Draws the line under a number: checks its record, and lets it go.
    async fn end(&mut self, who: usize) {
        if std::mem::replace(&mut self.players[who].has_ended, true) {
            return;
        }
        let Some(view) = self.view(who) else { return };
        let at = self.app.clock.now();
        if let Some(channel) = self.channel(who).await {
            let record = NumberRecord::load_or_refuse(&self.app.app, channel.id).await.unwrap();
            let state = record.registration_state(Caller::Planner, at);
            self.players[who].watch.remark(at, format!("in the end: {:?}", state.decision));
        }
        let pin = self.stored_pin(&view).await;
        let id = PhoneNumberId(view.id.clone());
        let mut tx = self.app.store.write().await.unwrap();
        let rows = numbers::attempts(&mut tx, &id, 1_000).await.unwrap();
        if let Some(channel) = channels::find_by_phone_number_id(&mut tx, &id).await.unwrap() {
            channels::delete(&mut tx, channel.id).await.unwrap();
        }
        tx.commit().await.unwrap();
        let player = &self.players[who];
        let ended = player.watch.end(player.place, &view, pin.as_deref(), &rows, at);
        self.ended.push(ended);
    }
}
