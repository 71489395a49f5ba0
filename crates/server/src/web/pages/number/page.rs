//! One number's page and the part of it that looks again by itself.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::channel::Channel;
use domain::registration::Caller;

use super::view::NumberView;
use crate::App;
use crate::flows::endpoints::view;
use crate::flows::number::{self, record::NumberRecord};
use crate::store::announcements;
use crate::web::error::{ApiError, Result};
use crate::web::extract::auth::{ChannelOf, Principal, Read};
use crate::web::extract::query::Params;
use crate::web::pages::forwarding::rows::Forwarding;
use crate::web::pages::layout::{Layout, page};
use crate::web::pages::notice::Notice;

/// Announcements on the page; the API has them all.
const TIMELINE: i64 = 20;

#[derive(Template)]
#[template(path = "number.html")]
struct NumberPage {
    layout: Layout,
    number: NumberView,
    notice: Option<Notice>,
    csrf: String,
}

#[derive(Template)]
#[template(path = "number_live.html")]
struct LivePart {
    number: NumberView,
    csrf: String,
}

/// `GET /numbers/{id}`.
pub(super) async fn show_number(State(app): State<App>, on: ChannelOf<Read>, params: Params) -> Result<Response> {
    render(&app, &on.channel, &on.principal, note(params.first("note"))).await
}

/// `GET /numbers/{id}/live`: the part below the heading, for the script.
pub(super) async fn show_live(State(app): State<App>, on: ChannelOf<Read>) -> Result<Response> {
    let number = load(&app, &on.channel, &on.principal).await?;
    page(&LivePart { number, csrf: on.principal.csrf_token.unwrap_or_default() })
}

/// The page with what went wrong on top.
pub(super) async fn show_failure(
    app: &App,
    channel: &Channel,
    principal: &Principal,
    error: ApiError,
) -> Result<Response> {
    if error.code().status().is_server_error() {
        return Err(error);
    }
    let shown = render(app, channel, principal, Some(Notice::of_error(&error))).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

async fn render(app: &App, channel: &Channel, principal: &Principal, notice: Option<Notice>) -> Result<Response> {
    let number = load(app, channel, principal).await?;
    let layout = Layout::of(&number.phone, principal);
    page(&NumberPage { csrf: layout.csrf.clone(), layout, number, notice })
}

async fn load(app: &App, channel: &Channel, principal: &Principal) -> Result<NumberView> {
    let record = NumberRecord::load_or_refuse(app, channel.id).await?;
    let now = app.clock.now();
    let health = number::view::view(app, &record, now);
    let press = record.registration_state(Caller::Press, now);
    let rename = record.registration_state(Caller::ApplyNewName, now);
    let mut tx = app.store.read().await?;
    let told = announcements::list(&mut tx, channel.account_id, Some(channel.id), None, TIMELINE).await?;
    drop(tx);
    let endpoints = view::list(app, channel.account_id, Some(channel.id)).await?;
    let forwarding = Forwarding::new(&endpoints, principal);
    Ok(NumberView::new(&health, &press, &rename, &told, forwarding, now))
}

/// The closed set of notes.
fn note(word: &str) -> Option<Notice> {
    let (tone, text) = match word {
        "accepted" => ("good", "Meta accepted the registration."),
        "refused" => ("caution", "Meta refused this time. What it said is below; we go on by ourselves where we can."),
        "not_called" => (
            "caution",
            "We looked at the number and did not call Meta: it would only have cost a try. The reason is below.",
        ),
        "code_sent" => ("good", "Meta is sending a code to the number. Enter it below."),
        "already_verified" => ("good", "Meta says the number is verified already. We go on with the registration."),
        "webhook" => ("good", "Webhook registered successfully. Messages of this number come here."),
        "refreshed" => ("good", "Fresh from Meta."),
        "endpoint_deleted" => ("good", "The endpoint is deleted. Nothing more is forwarded to it."),
        "stale" => ("caution", "Meta could not be asked just now. What you see is from the look before."),
        _ => return None,
    };
    Some(Notice::new(tone, text))
}
