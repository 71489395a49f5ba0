//! The forms that create and change an endpoint: rendering, rendering again with the error at its field, and parsing. The
//! entered values are kept except secrets, which must be entered again. This file must not create or change anything.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use domain::channel::Channel;
use domain::delivery::{EventKind, Format};
use secrecy::{ExposeSecret as _, SecretString};

use super::endpoint::{endpoint_of, phone_of};
use super::rows::format_name;
use crate::App;
use crate::flows::forwarding::endpoints::{CreateEndpoint, EndpointPatch};
use crate::messages;
use crate::store::endpoints::Endpoint;
use crate::web::api::endpoints::format;
use crate::web::error::{ApiError, Result};
use crate::web::extract::auth::{Admin, ChannelOf, Principal};
use crate::web::extract::form::Fields;
use crate::web::extract::path::NestedId;
use crate::web::pages::layout::{Layout, page};

#[derive(Template)]
#[template(path = "endpoint_new.html")]
struct NewPage {
    layout: Layout,
    csrf: String,
    number: i64,
    phone: String,
    wrong: Wrong,
    entered: Entered,
    kinds: Vec<KindChoice>,
}

#[derive(Template)]
#[template(path = "endpoint_change.html")]
struct ChangePage {
    layout: Layout,
    csrf: String,
    number: i64,
    id: String,
    /// The current name; the entered one may differ.
    name: String,
    format: &'static str,
    is_of_account: bool,
    wrong: Wrong,
    entered: Entered,
    kinds: Vec<KindChoice>,
    headers: Vec<HeaderRow>,
}

/// The entered values; secrets must be entered again.
#[derive(Debug, Clone, Default)]
struct Entered {
    name: String,
    url: String,
    is_meta: bool,
    is_of_account: bool,
    per_second: String,
    kinds: Vec<EventKind>,
    /// Names of headers that are ticked for removal.
    removed: Vec<String>,
    /// The form contained secrets that are not shown again.
    had_secrets: bool,
}

impl Entered {
    fn of(fields: &Fields) -> Self {
        let text = |name: &str| fields.get(name).unwrap_or_default().to_owned();
        let is_secret = |name: &str| name == "headers" || name == "verify_token" || name.starts_with(HEADER);
        Self {
            name: text("name"),
            url: text("url"),
            is_meta: fields.get("format") == Some("meta"),
            is_of_account: fields.get("of") == Some("account"),
            per_second: text("per_second"),
            kinds: fields.all("kinds").iter().filter_map(|word| word.parse::<EventKind>().ok()).collect(),
            removed: fields.all("remove"),
            had_secrets: fields.entered().any(is_secret),
        }
    }
}

/// The error of a form and the field it belongs to, if any.
#[derive(Debug, Default)]
struct Wrong(Option<(Option<String>, String)>);

impl Wrong {
    fn of(error: &ApiError) -> Self {
        let (field, text) = error.field().map_or((None, error.detail()), |(field, text)| (Some(field), text));
        Self(Some((field.map(str::to_owned), sentence(text))))
    }

    /// The error of this field.
    fn at(&self, field: &str) -> Option<&str> {
        let (at, text) = self.0.as_ref()?;
        (at.as_deref() == Some(field)).then_some(text)
    }

    /// The error, if it belongs to none of these fields.
    fn elsewhere(&self, fields: &[&str]) -> Option<&str> {
        let (at, text) = self.0.as_ref()?;
        let is_among = at.as_deref().is_some_and(|at| fields.contains(&at));
        (!is_among).then_some(text)
    }
}

/// Capitalizes an error text that starts with a plain word; an address stays as it is.
fn sentence(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default().trim_end_matches([';', ',']);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if word.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// A checkbox for a kind of event.
struct KindChoice {
    word: &'static str,
    label: &'static str,
    meaning: &'static str,
    is_chosen: bool,
}

fn kinds(format: Option<Format>, entered: &Entered) -> Vec<KindChoice> {
    let is_possible = |kind: &EventKind| format != Some(Format::Meta) || *kind != EventKind::Announcements;
    let choice = |kind: EventKind| {
        let (label, meaning) = messages::event_kind(kind);
        KindChoice { word: kind.into_str(), label, meaning, is_chosen: entered.kinds.contains(&kind) }
    };
    EventKind::ALL.iter().copied().filter(is_possible).map(choice).collect()
}

/// A header of the endpoint, without its value.
struct HeaderRow {
    name: String,
    is_removed: bool,
}

/// Prefix of the field that takes a new value for a header.
const HEADER: &str = "header:";

/// `GET /numbers/{id}/endpoints/new`: the empty form.
pub(super) async fn show_new(State(app): State<App>, on: ChannelOf<Admin>) -> Result<Response> {
    let everything = Entered { kinds: EventKind::ALL.to_vec(), ..Entered::default() };
    new(&app, &on.channel, &on.principal, everything, Wrong::default()).await
}

/// The form again with its error. A failure of the server is passed on.
pub(super) async fn show_new_again(
    app: &App,
    channel: &Channel,
    principal: &Principal,
    fields: &Fields,
    error: ApiError,
) -> Result<Response> {
    if error.code().status().is_server_error() {
        return Err(error);
    }
    let shown = new(app, channel, principal, Entered::of(fields), Wrong::of(&error)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

async fn new(app: &App, channel: &Channel, principal: &Principal, entered: Entered, wrong: Wrong) -> Result<Response> {
    let layout = Layout::of("Create an endpoint", principal);
    page(&NewPage {
        csrf: layout.csrf.clone(),
        layout,
        number: channel.id.0,
        phone: phone_of(app, channel).await?,
        wrong,
        kinds: kinds(None, &entered),
        entered,
    })
}

/// Parses the form that creates an endpoint.
pub(super) fn wanted(channel: &Channel, fields: &Fields) -> Result<CreateEndpoint> {
    let secret = |name: &str| fields.get(name).map(SecretString::from);
    let format = format(fields.get("format"))?;
    let mut kinds = fields.all("kinds");
    if format == Format::Meta {
        // the box is ticked from the start, and this format has no such posts
        kinds.retain(|kind| kind != EventKind::Announcements.into_str());
    }
    let settings = EndpointPatch {
        name: fields.get("name").map(str::to_owned),
        url: secret("url"),
        kinds: Some(kinds),
        headers: Some(headers(fields.get("headers").unwrap_or_default())?),
        per_second: per_second(fields)?,
        verify_token: secret("verify_token"),
    };
    Ok(CreateEndpoint {
        account: channel.account_id,
        inbox: (fields.get("of") != Some("account")).then_some(channel.id),
        format,
        secret: None,
        settings,
    })
}

fn per_second(fields: &Fields) -> Result<Option<u32>> {
    let Some(text) = fields.get("per_second") else { return Ok(None) };
    let fix = "a number of posts a second, or nothing for no limit";
    text.parse().map(Some).map_err(|_| ApiError::invalid("per_second", fix))
}

/// Parses one header per line, written as `name: value`.
fn headers(text: &str) -> Result<BTreeMap<String, SecretString>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let header = |line: &str| {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| ApiError::invalid("headers", "one a line, such as Authorization: Bearer 5f0c"))?;
        Ok((name.trim().to_owned(), SecretString::from(value.trim())))
    };
    lines.map(header).collect()
}

/// `GET /numbers/{id}/endpoints/{endpoint_id}/edit`: the form with the current settings.
pub(super) async fn show_change(State(app): State<App>, on: ChannelOf<Admin>, path: NestedId) -> Result<Response> {
    let endpoint = endpoint_of(&app, &on.channel, &path).await?;
    let settings = &endpoint.settings;
    let entered = Entered {
        name: settings.name.clone(),
        url: settings.url.expose_secret().to_owned(),
        per_second: settings.per_second.map_or_else(String::new, |limit| limit.to_string()),
        kinds: settings.kinds.clone(),
        ..Entered::default()
    };
    changing(&on.channel, &on.principal, &endpoint, entered, Wrong::default())
}

/// The form again with its error. A failure of the server is passed on.
pub(super) fn show_change_again(
    channel: &Channel,
    principal: &Principal,
    endpoint: &Endpoint,
    fields: &Fields,
    error: ApiError,
) -> Result<Response> {
    if error.code().status().is_server_error() {
        return Err(error);
    }
    let shown = changing(channel, principal, endpoint, Entered::of(fields), Wrong::of(&error))?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

fn changing(
    channel: &Channel,
    principal: &Principal,
    endpoint: &Endpoint,
    entered: Entered,
    wrong: Wrong,
) -> Result<Response> {
    let layout = Layout::of("Change endpoint", principal);
    let header = |name: &String| HeaderRow { name: name.clone(), is_removed: entered.removed.contains(name) };
    page(&ChangePage {
        csrf: layout.csrf.clone(),
        layout,
        number: channel.id.0,
        id: endpoint.id.to_string(),
        name: endpoint.settings.name.clone(),
        format: format_name(endpoint.format),
        is_of_account: endpoint.channel_id.is_none(),
        wrong,
        kinds: kinds(Some(endpoint.format), &entered),
        headers: endpoint.settings.headers.keys().map(header).collect(),
        entered,
    })
}

/// Parses the form that changes an endpoint. The form shows every setting, so an empty field clears its setting.
pub(super) fn change(fields: &Fields, endpoint: &Endpoint) -> Result<EndpointPatch> {
    let needed = |name: &str, fix: &str| fields.get(name).ok_or_else(|| ApiError::invalid(name, fix));
    Ok(EndpointPatch {
        url: Some(needed("url", "enter the address that events are to be posted to")?.into()),
        name: Some(needed("name", "enter a name")?.to_owned()),
        kinds: Some(fields.all("kinds")),
        headers: Some(headers_after(&endpoint.settings.headers, fields)?),
        per_second: Some(per_second(fields)?.unwrap_or(0)),
        verify_token: fields.get("verify_token").map(SecretString::from),
    })
}

/// The headers after the change: kept, replaced or removed ones, and the added ones.
fn headers_after(before: &BTreeMap<String, SecretString>, fields: &Fields) -> Result<BTreeMap<String, SecretString>> {
    let removed = fields.all("remove");
    let mut after = BTreeMap::new();
    for (name, value) in before.iter().filter(|(name, _)| !removed.contains(name)) {
        let other = fields.get(&format!("{HEADER}{name}")).map(SecretString::from);
        after.insert(name.clone(), other.unwrap_or_else(|| value.clone()));
    }
    for (name, value) in headers(fields.get("headers").unwrap_or_default())? {
        after.retain(|known: &String, _| !known.eq_ignore_ascii_case(&name));
        after.insert(name, value);
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(headers: &BTreeMap<String, SecretString>) -> Vec<(&str, &str)> {
        headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect()
    }

    #[test]
    fn headers_are_read_one_a_line() {
        let read = headers("Authorization: Bearer a:b\r\n\n  X-Team : support ").unwrap();
        assert_eq!(shown(&read), [("Authorization", "Bearer a:b"), ("X-Team", "support")]);
        assert!(headers("no colon").unwrap_err().detail().starts_with("headers: one a line"));
    }

    #[test]
    fn a_header_is_kept_changed_removed_or_added() {
        let before = headers("Authorization: Bearer a\nX-Team: support\nX-Old: gone\nX-Case: lower").unwrap();
        let fields = Fields::from_pairs(&[
            ("header:Authorization", ""),
            ("header:X-Team", "sales"),
            ("header:X-Old", "typed, and removed all the same"),
            ("header:X-Unknown", "removed by somebody else meanwhile"),
            ("remove", "X-Old"),
            ("headers", "x-case: upper\nX-New: 1"),
        ]);
        let after = headers_after(&before, &fields).unwrap();
        let expected = [("Authorization", "Bearer a"), ("X-New", "1"), ("X-Team", "sales"), ("x-case", "upper")];
        assert_eq!(shown(&after), expected);
    }

    #[test]
    fn what_was_wrong_stands_beside_its_field_as_a_sentence() {
        let wrong = Wrong::of(&ApiError::invalid("kinds", "at least one"));
        assert_eq!(
            (wrong.at("kinds"), wrong.at("url"), wrong.elsewhere(&["kinds"])),
            (Some("At least one"), None, None)
        );
        let wrong = Wrong::of(&ApiError::not_found("inbox"));
        assert!(wrong.at("url").is_none() && wrong.elsewhere(&["url"]).is_some());
        for (written, shown) in [("missing; write it", "Missing; write it"), ("https://x is", "https://x is"), ("", "")]
        {
            assert_eq!(sentence(written), shown);
        }
    }
}
