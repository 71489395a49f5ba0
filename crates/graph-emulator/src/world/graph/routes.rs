//! The table of routes that the emulator covers, with every parameter each one reads. Must not run them.

use super::request::{Method, Request};

/// The operation behind a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    OauthToken,
    OauthRevoke,
    DebugToken,
    Me,
    MultiGet,
    Batch,
    ReadNumber,
    ChangeNumber,
    Register,
    Deregister,
    RequestCode,
    VerifyCode,
    SyncPhoneApp,
    SendMessage,
    ReadWaba,
    ChangeWaba,
    ListNumbers,
    AddNumber,
    ListSubscribedApps,
    SubscribeApp,
    UnsubscribeApp,
    ReadSubscriptions,
    ChangeSubscription,
    DropSubscription,
    ReadBusiness,
    FetchBusinessToken,
    ClientWabas,
    OwnedWabas,
    ReadNothing,
}

/// One route, as the conformity test compares it with Meta's own OpenAPI file.
#[derive(Debug)]
pub struct RouteRow {
    pub method: Method,
    /// Path without version; the node is `{phone}`, `{waba}`, `{app}`, `{business}` or `{unknown}`.
    pub template: &'static str,
    /// Every parameter the route reads, beside [`COMMON_PARAMS`]; dispatch removes all others.
    pub params: &'static [&'static str],
    pub(crate) op: Op,
    /// Whether a call counts in the hourly limit per app and WABA (facts §5).
    pub counted: bool,
}

/// Parameters that every route accepts.
pub const COMMON_PARAMS: &[&str] = &["access_token", "appsecret_proof", "locale"];

const fn row(method: Method, template: &'static str, op: Op, params: &'static [&'static str]) -> RouteRow {
    RouteRow { method, template, params, op, counted: false }
}

const fn counted(method: Method, template: &'static str, op: Op, params: &'static [&'static str]) -> RouteRow {
    RouteRow { method, template, params, op, counted: true }
}

use Method::{Delete, Get, Post};

const OAUTH: &[&str] = &[
    "client_id",
    "client_secret",
    "code",
    "redirect_uri",
    "grant_type",
    "fb_exchange_token",
    "set_token_expires_in_60_days",
];
const LIST: &[&str] = &["fields", "limit", "after", "before", "sort"];

static ROUTES: &[RouteRow] = &[
    row(Get, "/oauth/access_token", Op::OauthToken, OAUTH),
    row(Post, "/oauth/access_token", Op::OauthToken, OAUTH),
    row(Get, "/oauth/revoke", Op::OauthRevoke, &["client_id", "client_secret", "revoke_token"]),
    row(Get, "/debug_token", Op::DebugToken, &["input_token"]),
    row(Get, "/me", Op::Me, &["fields"]),
    row(Get, "/", Op::MultiGet, &["ids"]),
    row(Post, "/", Op::Batch, &["batch", "include_headers"]),
    counted(Get, "/{phone}", Op::ReadNumber, &["fields"]),
    row(
        Post,
        "/{phone}",
        Op::ChangeNumber,
        &["pin", "webhook_configuration", "new_display_name", "search_visibility", "username"],
    ),
    row(
        Post,
        "/{phone}/register",
        Op::Register,
        &["messaging_product", "pin", "data_localization_region", "backup", "tier", "meta_store_retention_minutes"],
    ),
    row(Post, "/{phone}/deregister", Op::Deregister, &[]),
    row(Post, "/{phone}/request_code", Op::RequestCode, &["code_method", "language"]),
    row(Post, "/{phone}/verify_code", Op::VerifyCode, &["code"]),
    row(Post, "/{phone}/smb_app_data", Op::SyncPhoneApp, &["messaging_product", "sync_type"]),
    row(
        Post,
        "/{phone}/messages",
        Op::SendMessage,
        &["messaging_product", "recipient_type", "to", "type", "text", "template"],
    ),
    counted(Get, "/{waba}", Op::ReadWaba, &["fields"]),
    row(
        Post,
        "/{waba}",
        Op::ChangeWaba,
        &[
            "name",
            "timezone_id",
            "is_enabled_for_insights",
            "disable_marketing_messages_on_cloud_api",
            "template_auto_archival_enabled",
        ],
    ),
    counted(
        Get,
        "/{waba}/phone_numbers",
        Op::ListNumbers,
        &["fields", "limit", "after", "before", "sort", "filtering"],
    ),
    counted(
        Post,
        "/{waba}/phone_numbers",
        Op::AddNumber,
        &["cc", "phone_number", "verified_name", "migrate_phone_number", "preverified_id"],
    ),
    counted(Get, "/{waba}/subscribed_apps", Op::ListSubscribedApps, &["fields"]),
    counted(Post, "/{waba}/subscribed_apps", Op::SubscribeApp, &["override_callback_uri", "verify_token"]),
    counted(Delete, "/{waba}/subscribed_apps", Op::UnsubscribeApp, &[]),
    row(Get, "/{app}/subscriptions", Op::ReadSubscriptions, &[]),
    row(
        Post,
        "/{app}/subscriptions",
        Op::ChangeSubscription,
        &["object", "callback_url", "verify_token", "fields", "include_values"],
    ),
    row(Delete, "/{app}/subscriptions", Op::DropSubscription, &["object", "fields"]),
    row(Get, "/{business}", Op::ReadBusiness, &["fields"]),
    row(Post, "/{business}/system_user_access_tokens", Op::FetchBusinessToken, &["fetch_only", "scope"]),
    row(Get, "/{business}/client_whatsapp_business_accounts", Op::ClientWabas, LIST),
    row(Get, "/{business}/owned_whatsapp_business_accounts", Op::OwnedWabas, LIST),
    row(Get, "/{unknown}", Op::ReadNothing, &["fields"]),
];

/// Every route the emulator covers.
pub fn routes() -> &'static [RouteRow] {
    ROUTES
}

/// The kind of node that an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Phone,
    Waba,
    App,
    Business,
    Unknown,
}

impl Kind {
    const fn placeholder(self) -> &'static str {
        match self {
            Self::Phone => "/{phone}",
            Self::Waba => "/{waba}",
            Self::App => "/{app}",
            Self::Business => "/{business}",
            Self::Unknown => "/{unknown}",
        }
    }
}

/// The route that a call was matched with.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// Major version of Graph that serves the call.
    pub version: u16,
    /// Row of the route table; `None` for a path the emulator does not cover.
    pub row: Option<&'static RouteRow>,
    /// Id of the node; empty for paths without one.
    pub id: String,
    /// The path without its version.
    pub rest: String,
}

impl Route {
    /// Method and template, for example `"POST /{phone}/register"`; for an uncovered path, the path itself.
    pub(crate) fn template(&self, method: Method) -> String {
        match self.row {
            Some(row) => format!("{} {}", method.into_str(), row.template),
            None => format!("{} {}", method.into_str(), self.rest),
        }
    }
}

/// Major versions of Graph that are live (facts §0.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Versions {
    pub oldest: u16,
    pub newest: u16,
    pub default: u16,
}

/// Splits `/v25.0/123` into the version that serves it and `/123`. The oldest live version serves expired ones; a version
/// newer than the newest gives `None`.
fn split_version(path: &str, live: Versions) -> (Option<u16>, String) {
    let trimmed = path.trim_matches('/');
    let (first, rest) = trimmed.split_once('/').unwrap_or((trimmed, ""));
    let major = first
        .strip_prefix('v')
        .and_then(|v| v.split_once('.'))
        .filter(|(_, minor)| minor.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|(major, _)| major.parse::<u16>().ok());
    match major {
        Some(major) if major > live.newest => (None, format!("/{trimmed}")),
        Some(major) => (Some(major.max(live.oldest)), format!("/{rest}")),
        None => (Some(live.default), format!("/{trimmed}")),
    }
}

/// Finds the route of a call; `kind_of` tells the kind of node of an id.
pub(crate) fn find(request: &Request, live: Versions, kind_of: impl Fn(&str) -> Kind) -> Route {
    let (version, rest) = split_version(&request.path, live);
    let Some(version) = version else {
        return Route { version: live.default, row: None, id: String::new(), rest };
    };
    let by_template =
        |template: &str| ROUTES.iter().find(|row| row.method == request.method && row.template == template);
    let segments: Vec<&str> = rest.split('/').filter(|s| !s.is_empty()).collect();
    let (row, id) = match segments.as_slice() {
        ["oauth", _] | ["debug_token" | "me"] | [] => (by_template(&rest), ""),
        [id] => {
            // Graph treats a word as an unknown path, and digits as an object that may not exist.
            let kind = kind_of(id);
            let may_be_a_node = kind != Kind::Unknown || id.bytes().all(|b| b.is_ascii_digit());
            (may_be_a_node.then(|| by_template(kind.placeholder())).flatten(), *id)
        }
        [id, edge] => {
            let of_edge = |row: &&RouteRow| {
                row.method == request.method && row.template.split_once("}/").is_some_and(|(_, e)| e == *edge)
            };
            (ROUTES.iter().find(of_edge), *id)
        }
        _ => (None, ""),
    };
    Route { version, row, id: id.to_owned(), rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Versions = Versions { oldest: 21, newest: 26, default: 25 };

    fn route(method: Method, path: &str) -> (String, u16) {
        let kind = |id: &str| if id.starts_with("72") { Kind::Phone } else { Kind::Unknown };
        let route = find(&Request::new(method, path), LIVE, kind);
        (route.template(method), route.version)
    }

    #[test]
    fn the_version_is_optional_and_the_oldest_live_one_serves_expired_ones() {
        assert_eq!(route(Get, "/v25.0/72001"), ("GET /{phone}".to_owned(), 25));
        assert_eq!(route(Get, "/72001"), ("GET /{phone}".to_owned(), 25));
        assert_eq!(route(Get, "/v19.0/72001"), ("GET /{phone}".to_owned(), 21));
    }

    #[test]
    fn edges_name_their_node() {
        assert_eq!(route(Post, "/v25.0/72001/register").0, "POST /{phone}/register");
        assert_eq!(route(Delete, "/v25.0/9/subscribed_apps").0, "DELETE /{waba}/subscribed_apps");
    }

    #[test]
    fn an_uncovered_path_is_shown_unchanged() {
        assert_eq!(route(Get, "/v99.0/72001").0, "GET /v99.0/72001");
        assert_eq!(route(Post, "/v25.0/72001/calls").0, "POST /72001/calls");
    }
}
