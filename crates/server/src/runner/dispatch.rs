//! Which flow runs which job. Nothing else is decided here.

use crate::App;
use crate::flows::queue::Job;
use crate::flows::{self, FlowError, Next};

pub(super) async fn dispatch(app: App, job: Job) -> Result<Next, FlowError> {
    let app = &app;
    match &job {
        Job::Interpret => flows::ingest::interpret::interpret(app).await,
        Job::AssignEarlier(id) => flows::ingest::earlier::assign_earlier(app, *id).await,
        Job::Register(id) => flows::registration::advance(app, *id).await,
        Job::Subscribe(id) => flows::subscription::reconcile(app, *id).await,
        Job::Health(id) => flows::health::check(app, *id).await,
        Job::Fleet(waba) => flows::health::check_fleet(app, waba).await,
        Job::Assess(id) => flows::health::reassess(app, *id).await,
        Job::Token(id) => flows::token::check(app, *id).await,
        Job::Coexistence(id) => flows::onboarding::coexistence::sync(app, *id).await,
        Job::Signup(id) => flows::onboarding::signup::resume(app, *id).await,
        Job::SharedWaba(waba) => flows::onboarding::recover::adopt_shared_waba(app, waba).await,
        Job::AppCallback => flows::app_callback::reconcile(app).await,
        Job::Erase(id) => flows::erasure::run(app, *id).await,
        Job::Purge => flows::retention::purge_expired(app).await,
        Job::Sweep => flows::sweep::sweep(app).await,
    }
}
