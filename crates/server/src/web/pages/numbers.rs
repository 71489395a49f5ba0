//! The list of numbers: the most urgent first, with counts by level and a search box.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::channel::Channel;
use domain::health::Level;
use domain::ids::ChannelId;
use jiff::Timestamp;

use super::badge::{self, Mark};
use super::layout::{Layout, page};
use crate::App;
use crate::flows::number::view::{self, View};
use crate::messages;
use crate::store::{Tx, channels};
use crate::web::error::Result;
use crate::web::extract::auth::{Principal, Read, SignedIn};
use crate::web::extract::query::Params;
use strum::VariantArray as _;

/// Rows on one page.
const ROWS: usize = 50;

/// Numbers looked at for one list; an account has hundreds at most.
const MOST: usize = 5_000;

/// How many channels are fetched at once.
const BATCH: i64 = 500;

#[derive(Template)]
#[template(path = "numbers.html")]
struct NumbersPage {
    layout: Layout,
    query: String,
    level: &'static str,
    counts: Vec<Count>,
    total: usize,
    rows: Vec<Row>,
    shown_from: usize,
    shown_to: usize,
    found: usize,
    before: Option<String>,
    after: Option<String>,
    has_any: bool,
}

struct Count {
    word: &'static str,
    mark: Mark,
    numbers: usize,
    is_chosen: bool,
}

struct Row {
    id: i64,
    name: String,
    phone: String,
    mark: Mark,
    says: String,
    whose: &'static str,
    since: String,
}

/// A number and its last assessment.
struct Known {
    channel: Channel,
    level: Level,
    since: Option<Timestamp>,
}

/// `GET /numbers`: the numbers that the key can access.
pub(super) async fn list_numbers(State(app): State<App>, signed: SignedIn<Read>, params: Params) -> Result<Response> {
    let mut tx = app.store.read().await?;
    let mut known = all_of(&mut tx, &signed.principal).await?;
    drop(tx);
    let total = known.len();
    let query: String = params.first("q").trim().chars().take(80).collect();
    known.retain(|number| matches(&number.channel, &query));
    let chosen = params.first("level").parse::<Level>().ok();
    let counts = count(&known, chosen);
    known.retain(|number| chosen.is_none_or(|level| number.level == level));
    // the worst first, and of these the longest stuck
    known.sort_by_key(|number| (std::cmp::Reverse(number.level.urgency()), number.since, number.channel.id));
    let found = known.len();
    let number: usize = params.first("page").parse().unwrap_or(0);
    let start = number.saturating_mul(ROWS).min(found);
    let shown: Vec<ChannelId> = known.iter().skip(start).take(ROWS).map(|number| number.channel.id).collect();
    let mut views: BTreeMap<ChannelId, View> =
        view::load_many(&app, &shown).await?.into_iter().map(|view| (view.channel.id, view)).collect();
    let rows: Vec<Row> = shown.iter().filter_map(|id| views.remove(id)).map(row).collect();
    let level = chosen.map_or("", |level| level.into_str());
    let address = |page: usize| format!("/numbers?{}", query_string(&query, level, page));
    page(&NumbersPage {
        layout: Layout::of("Numbers", &signed.principal),
        shown_from: start + usize::from(!rows.is_empty()),
        shown_to: start + rows.len(),
        before: (start > 0).then(|| address(number.saturating_sub(1))),
        after: (start + rows.len() < found).then(|| address(number.saturating_add(1))),
        query,
        level,
        counts,
        total,
        rows,
        found,
        has_any: total > 0,
    })
}

async fn all_of(tx: &mut Tx, principal: &Principal) -> Result<Vec<Known>> {
    let mut known = Vec::new();
    let mut after: Option<ChannelId> = None;
    while known.len() < MOST {
        let batch = channels::list_assessed(tx, principal.key.account_id, after, BATCH).await?;
        let is_last = batch.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        after = batch.last().map(|(channel, _)| channel.id);
        for (channel, assessment) in batch {
            let level = assessment.level.as_deref().and_then(|level| level.parse().ok()).unwrap_or(Level::Unknown);
            let since = assessment.last.get("since").and_then(|since| since.as_str()?.parse().ok());
            known.push(Known { channel, level, since });
        }
        if is_last {
            break;
        }
    }
    Ok(known)
}

fn matches(channel: &Channel, query: &str) -> bool {
    if query.is_empty() {
        return true;
    }
    let digits: String = query.chars().filter(char::is_ascii_digit).collect();
    let needle = query.to_lowercase();
    channel.name.to_lowercase().contains(&needle)
        || (digits.len() >= 3 && channel.phone_number.digits().contains(&digits))
        || channel.phone_number_id.0 == query
        || channel.waba_id.0 == query
}

fn count(known: &[Known], chosen: Option<Level>) -> Vec<Count> {
    let mut levels = Level::VARIANTS.to_vec();
    levels.sort_by_key(|level| std::cmp::Reverse(level.urgency()));
    levels
        .into_iter()
        .map(|level| Count {
            word: level.into_str(),
            mark: badge::level(level),
            numbers: known.iter().filter(|number| number.level == level).count(),
            is_chosen: chosen == Some(level),
        })
        .collect()
}

fn row(view: View) -> Row {
    Row {
        id: view.channel.id.0,
        name: view.channel.name,
        phone: view.reading.display_phone_number.unwrap_or_else(|| view.channel.phone_number.to_string()),
        mark: badge::level(view.report.level),
        says: messages::summary(&view.report).title,
        whose: messages::your_move(view.report.responsible),
        since: messages::time_element(view.report.since, "ago"),
    }
}

fn query_string(query: &str, level: &str, page: usize) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("q", query), ("level", level)] {
        if !value.is_empty() {
            pairs.append_pair(name, value);
        }
    }
    if page > 0 {
        pairs.append_pair("page", &page.to_string());
    }
    pairs.finish()
}
