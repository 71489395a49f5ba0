//! `kill -9` at every failpoint of signup, registration and an owner's entries: after a restart the number goes
//! live by itself, with the stored PIN, and with at most one call more than needed.
//!
//! The real program, the real signal. Only its clock runs faster than the wall clock (`Clock::system`), so that
//! the minutes it waits for a lost answer are seconds here.

use graph_emulator::world::{NameDecision, RegisterKind};
use graph_emulator::{NumberAction, Popup, Review};
use jiff::SignedDuration;
use serde_json::json;
use server::runtime::failpoint::Failpoint;
use server::store::Engine;

use self::process::Installation;

mod list;
mod load;
mod process;

/// How many tests run at once: each has two processes, and there may be two cores.
const CONCURRENT: usize = 3;

/// Kills a signup at each failpoint, a few at a time.
async fn at_each(points: &[Failpoint], engine: Engine) {
    use futures::StreamExt as _;

    let kills = points.iter().map(|point| killed_in_signup(*point, engine));
    let done: Vec<()> = futures::stream::iter(kills).buffer_unordered(CONCURRENT).collect().await;
    assert_eq!(done.len(), points.len());
}

/// A signup is killed at this failpoint; the process is started again, and the browser tries again.
async fn killed_in_signup(point: Failpoint, engine: Engine) {
    let place = Installation::new(&format!("a signup killed at {}", point.as_str()), engine).await;
    let mut doomed = place.start(Some(point)).await;
    let signup = place.meta.sign_up(Popup::default()).await;
    let browser = place.authorize(&signup);
    doomed.kill_at(point).await;
    browser.await.unwrap();

    let process = place.start(None).await;
    // what the browser gets is its own matter: its code may be spent
    place.authorize(&signup).await.unwrap();
    let number = signup.phone_number_id.unwrap();
    place.wait_until_live(&process, &number).await;
    place.check(&number, 1).await;
    drop(process);
}

/// A registration by the planner is killed at this failpoint: a webhook has just approved the name. It comes a
/// while after the refusal: a name read as good within ten minutes of it is not new evidence.
async fn killed_in_a_job(point: Failpoint, engine: Engine) {
    let mut place = Installation::new(&format!("the planner killed at {}", point.as_str()), engine).await;
    let calm = place.start(None).await;
    let review = Some(Review { lasts: None, outcome: NameDecision::Approved });
    let signup = place.meta.sign_up(Popup { review, ..Popup::default() }).await;
    place.authorize(&signup).await.unwrap();
    let number = signup.phone_number_id.unwrap();
    place.wait_until_refused(&calm, &number).await;
    calm.end().await;

    place.pass(SignedDuration::from_mins(20)).await;
    let mut doomed = place.start(Some(point)).await;
    place.meta.act(&number, NumberAction::ApproveName).await.unwrap();
    doomed.kill_at(point).await;
    let process = place.start(None).await;
    place.wait_until_live(&process, &number).await;
    place.check(&number, 2).await;
    drop(process);
}

/// The process is killed while it handles an owner's entry: the next process resumes.
async fn killed_over_what_its_owner_entered(point: Failpoint, engine: Engine) {
    let place = Installation::new(&format!("its owner's entry killed at {}", point.as_str()), engine).await;
    let calm = place.start(None).await;
    let popup = if point == Failpoint::CodeVerified {
        Popup { verified: false, ..Popup::default() }
    } else {
        Popup { existing_pin: Some("271828".to_owned()), ..Popup::default() }
    };
    let signup = place.meta.sign_up(popup).await;
    assert_eq!(place.authorize(&signup).await.unwrap(), Some(200));
    let number = signup.phone_number_id.unwrap();
    let inbox = place.inbox().await;
    let (path, entry) = if point == Failpoint::CodeVerified {
        let asked = place.post(&format!("/inboxes/{inbox}/registration/code"), &json!({ "method": "SMS" }));
        assert_eq!(asked.await.unwrap(), Some(200));
        let code = place.meta.number(&number).unwrap().sent_code.unwrap();
        (format!("/inboxes/{inbox}/registration/code/verify"), json!({ "code": code }))
    } else {
        (format!("/inboxes/{inbox}/registration/pin"), json!({ "pin": "271828" }))
    };
    calm.end().await;

    let mut doomed = place.start(Some(point)).await;
    let entered = place.post(&path, &entry);
    doomed.kill_at(point).await;
    entered.await.unwrap();
    let before = place.meta.number(&number).unwrap().register_calls.len();
    let process = place.start(None).await;
    place.wait_until_live(&process, &number).await;
    place.check(&number, before.max(1)).await;
    drop(process);
}

/// Failpoints that only a person reaches; every signup reaches the others.
const BY_A_PERSON: [Failpoint; 2] = [Failpoint::PinKept, Failpoint::CodeVerified];

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_of_a_signup_the_number_still_goes_live() {
    let points: Vec<Failpoint> = Failpoint::ALL.iter().copied().filter(|point| !BY_A_PERSON.contains(point)).collect();
    at_each(&points, Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_over_what_its_owner_entered_the_number_still_goes_live() {
    for point in BY_A_PERSON.into_iter().chain([Failpoint::IntentCommitted, Failpoint::RegisterAnswered]) {
        killed_over_what_its_owner_entered(point, Engine::Sqlite).await;
    }
}

/// The points between which a transaction of one engine might differ from the other's.
#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_too() {
    let points = [Failpoint::CodeExchanged, Failpoint::IntentCommitted, Failpoint::RegisterAnswered];
    at_each(&points, Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_planners_own_call_the_number_still_goes_live() {
    for point in [Failpoint::IntentCommitted, Failpoint::RegisterAnswered, Failpoint::OutcomeSettled] {
        killed_in_a_job(point, Engine::Sqlite).await;
    }
}

/// Without a system token there is only the code: killed before its exchange, the same code is accepted again
/// within its lifetime.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_not_exchanged_may_be_sent_again() {
    let mut place = Installation::new("a code that is sent again", Engine::Sqlite).await;
    place.system_token = None;
    place.clock_speed = 1;
    let mut doomed = place.start(Some(Failpoint::SignupWritten)).await;
    let signup = place.meta.sign_up(Popup::default()).await;
    let browser = place.authorize(&signup);
    doomed.kill_at(Failpoint::SignupWritten).await;
    browser.await.unwrap();

    let process = place.start(None).await;
    let number = signup.phone_number_id.clone().unwrap();
    place.repeat_until_accepted(&process, &signup).await;
    place.wait_until_live(&process, &number).await;
    place.check(&number, 1).await;
    let calls = place.meta.number(&number).unwrap().register_calls;
    assert_eq!(calls.iter().filter(|call| call.kind == RegisterKind::Register).count(), 1);
}
