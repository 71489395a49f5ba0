//! One number's page: its tabs, and the part of each tab that the script fetches again.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::channel::Channel;
use domain::registration::Caller;

use super::account_health::AccountHealth;
use super::next_action::Form;
use super::registration::Registration;
use super::tab::Tab;
use super::view::{Content, NumberView, TimelineRow};
use super::webhook::WebhookCard;
use crate::App;
use crate::flows::forwarding::endpoints::view;
use crate::flows::number::{self, record::NumberRecord};
use crate::store::announcements;
use crate::web::error::{ApiError, Result};
use crate::web::extract::auth::{ChannelOf, Principal, Read};
use crate::web::extract::query::Params;
use crate::web::pages::forwarding::rows::Forwarding;
use crate::web::pages::layout::{Layout, page};
use crate::web::pages::notice::Notice;

/// Announcements on the page; the API lists all of them.
const TIMELINE_ROWS: i64 = 50;

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

/// `GET` of a tab.
pub(super) async fn show(app: App, on: ChannelOf<Read>, params: Params, tab: Tab) -> Result<Response> {
    render(&app, &on.channel, &on.principal, tab, note(params.first("note"))).await
}

/// `GET` of a tab's address followed by `/live`: the part below the tabs, for the script.
pub(super) async fn show_live(app: App, on: ChannelOf<Read>, tab: Tab) -> Result<Response> {
    let number = load(&app, &on.channel, &on.principal, tab).await?;
    page(&LivePart { number, csrf: on.principal.csrf_token.unwrap_or_default() })
}

/// The tab with the failure of an action on top. A failure of the server is passed on.
pub(super) async fn show_failure(
    app: &App,
    channel: &Channel,
    principal: &Principal,
    tab: Tab,
    error: ApiError,
) -> Result<Response> {
    if error.code().status().is_server_error() {
        return Err(error);
    }
    let shown = render(app, channel, principal, tab, Some(Notice::of_error(&error))).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

async fn render(
    app: &App,
    channel: &Channel,
    principal: &Principal,
    tab: Tab,
    notice: Option<Notice>,
) -> Result<Response> {
    let number = load(app, channel, principal, tab).await?;
    let layout = Layout::of(&format!("{} · {}", number.phone, tab.label()), principal);
    page(&NumberPage { csrf: layout.csrf.clone(), layout, number, notice })
}

/// Loads the head of the page and only the content of this tab.
async fn load(app: &App, channel: &Channel, principal: &Principal, tab: Tab) -> Result<NumberView> {
    let record = NumberRecord::load_or_refuse(app, channel.id).await?;
    let now = app.clock.now();
    let health = number::view::view(app, &record, now);
    let press = record.registration_state(Caller::Press, now);
    let rename = record.registration_state(Caller::ApplyNewName, now);
    let content = match tab {
        Tab::Health => {
            let is_operator = principal.administers_installation();
            Content::Health(Box::new(AccountHealth::new(&health, &press, &rename, is_operator, now)))
        }
        Tab::Registration => Content::Registration(Box::new(Registration::new(&health, &press, &rename, now))),
        Tab::Forwarding => {
            let endpoints = view::list(app, channel.account_id, Some(channel.id)).await?;
            let webhook = Box::new(WebhookCard::new(&health));
            Content::Forwarding { webhook, forwarding: Forwarding::new(&endpoints, principal) }
        }
        Tab::Timeline => {
            let mut tx = app.store.read().await?;
            let rows = announcements::list(&mut tx, channel.account_id, Some(channel.id), None, TIMELINE_ROWS).await?;
            Content::Timeline(rows.iter().map(TimelineRow::from).collect())
        }
    };
    Ok(NumberView::new(&health, tab, content, now))
}

/// The closed set of notices after an action.
fn note(word: &str) -> Option<Notice> {
    let (tone, text) = match word {
        "accepted" => ("good", "Meta accepted the registration."),
        "refused" => {
            ("caution", "Meta refused the registration. Its answer is shown below. We try again where that can help.")
        }
        "not_called" => (
            "caution",
            "The number was checked and not registered: the call would only have used up an attempt. The reason is shown below.",
        ),
        "code_sent" => ("good", "Meta is sending a code to the number. Enter it below."),
        "already_verified" => ("good", "The number is already verified. The registration continues."),
        "webhook" => ("good", "Webhook registered successfully. Messages of this number arrive here."),
        "taken_over" => ("good", "The callback of the Meta app leads here. Account events arrive here from now on."),
        "not_taken_over" => ("caution", "Meta accepted the callback of the app, but shows another one. Try again."),
        "refreshed" => ("good", "The values are up to date."),
        "endpoint_deleted" => ("good", "The endpoint is deleted. Events are no longer delivered to it."),
        "stale" => ("caution", "Meta did not answer. The values shown are from the last successful check."),
        _ => return None,
    };
    Some(Notice::new(tone, text))
}
