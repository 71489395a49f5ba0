//! Compares the emulator with Meta's own OpenAPI file: every route, parameter and reply member that it serves is in the
//! file, or in `conformity.toml` with the section of the facts that documents it. An unneeded row fails the test.

use std::collections::{BTreeMap, BTreeSet};

use graph_emulator::world::{
    Answer, COMMON_PARAMS, Method, Reply, Request, number_field_names, routes, waba_field_names,
};
use graph_emulator::{NumberAction, Popup, World};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{APP, SECRET, epoch};

const META: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../meta");

/// One part of the API that the OpenAPI file lacks or has wrong.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    what: String,
    facts: String,
}

#[derive(Debug, Deserialize)]
struct Rows {
    row: Vec<Row>,
}

/// Meta's OpenAPI file, parsed as JSON.
struct Spec(Value);

impl Spec {
    fn read() -> Self {
        let text = std::fs::read_to_string(format!("{META}/graph-openapi-v23.yaml")).expect("the file");
        Self(serde_yaml_ng::from_str(&text).expect("YAML"))
    }

    /// The operations of the file that match an emulated route; a number has two paths in the file.
    fn operations(&self, method: Method, template: &str) -> Vec<&Value> {
        let path = |phone: &str| {
            let path = template
                .replace("{phone}", phone)
                .replace("{waba}", "{WABA-ID}")
                .replace("{business}", "{Business-ID}")
                .replace("{app}", "{Application-ID}");
            format!("/{{Version}}{path}")
        };
        [path("{Phone-Number-ID}"), path("{WhatsApp-Account-Number-ID}")]
            .iter()
            .filter_map(|p| self.0["paths"][p].get(method.into_str().to_lowercase()))
            .collect()
    }

    fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            value = self.0.pointer(reference.trim_start_matches('#')).expect("a good reference");
        }
        value
    }

    /// Collects the members of a schema, nested ones with dots.
    fn members(&self, schema: &Value, at: &str, out: &mut BTreeSet<String>) {
        if at.matches('.').count() > 6 {
            return;
        }
        let schema = self.resolve(schema);
        for key in ["allOf", "oneOf", "anyOf"] {
            for part in schema[key].as_array().into_iter().flatten() {
                self.members(part, at, out);
            }
        }
        if let Some(items) = schema.get("items") {
            self.members(items, at, out);
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let path = join(at, name);
            out.insert(path.clone());
            self.members(member, &path, out);
        }
    }

    /// Collects every member that a body or an answer of one operation may have, by schema or example.
    fn content(&self, holder: &Value, out: &mut BTreeSet<String>) {
        let holder = self.resolve(holder);
        for media in holder["content"].as_object().into_iter().flat_map(|c| c.values()) {
            self.members(&media["schema"], "", out);
            flatten(&media["example"], "", out);
            for example in media["examples"].as_object().into_iter().flat_map(|e| e.values()) {
                flatten(&self.resolve(example)["value"], "", out);
            }
        }
    }

    fn parameters(&self, operations: &[&Value]) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for operation in operations {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                names.insert(self.resolve(parameter)["name"].as_str().expect("a name").to_owned());
            }
            self.content(&operation["requestBody"], &mut names);
        }
        names
    }

    fn answer(&self, operations: &[&Value]) -> BTreeSet<String> {
        let mut members = BTreeSet::new();
        for operation in operations {
            self.content(&operation["responses"]["200"], &mut members);
        }
        members
    }
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Collects the members of a value, nested ones with dots; a list counts as its items.
fn flatten(value: &Value, at: &str, out: &mut BTreeSet<String>) {
    for item in value.as_array().into_iter().flatten() {
        flatten(item, at, out);
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let path = join(at, name);
        out.insert(path.clone());
        flatten(member, &path, out);
    }
}

/// A world in which every route has a full answer, and the answers of all calls to it.
struct Tour {
    world: World,
    now: Timestamp,
    answers: BTreeMap<String, BTreeSet<String>>,
}

impl Tour {
    fn call(&mut self, template: &str, request: &Request) -> Value {
        let reply = match self.world.call(request, self.now) {
            Answer::Reply(reply) => reply,
            Answer::AfterChallenge(c) => {
                match self.world.finish_challenge(c.id, &graph_emulator::world::Handshake::Echoed, self.now) {
                    Answer::Reply(reply) => reply,
                    Answer::AfterChallenge(_) => panic!("one handshake is enough"),
                }
            }
        };
        let Reply { status, body, .. } = reply;
        let key = if status == 200 { format!("{} {template}", request.method.into_str()) } else { "error".to_owned() };
        flatten(&body, "", self.answers.entry(key).or_default());
        body
    }

    fn get(&mut self, template: &str, path: &str, token: &str, query: &[(&str, &str)]) -> Value {
        let request = Request::new(Method::Get, path).bearer(token);
        let request = query.iter().fold(request, |r, (n, v)| r.query(n, *v));
        self.call(template, &request)
    }

    fn send(&mut self, method: Method, template: &str, path: &str, token: &str, body: &Value) -> Value {
        let request = Request::new(method, path).bearer(token);
        let members = body.as_object().expect("an object").iter();
        let request = members.fold(request, |r, (n, v)| r.body(n, v.clone()));
        self.call(template, &request)
    }

    fn post(&mut self, template: &str, path: &str, token: &str, body: &Value) -> Value {
        self.send(Method::Post, template, path, token, body)
    }
}

/// Calls every route once, with every parameter.
fn tour() -> Tour {
    let mut t = Tour { world: World::new(1, APP, SECRET, "750000000000001"), now: epoch(), answers: BTreeMap::new() };
    let app = format!("{APP}|{SECRET}");
    let partner = t.world.issue_partner_token(t.now);
    let proof = |token: &str| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
        hex::encode(aws_lc_rs::hmac::sign(&key, token.as_bytes()).as_ref())
    };
    let unverified = Popup { verified: false, ..Popup::default() };
    let signup = t.world.sign_up(&unverified, t.now);
    let (waba, number) = (signup.waba_id.expect("waba"), signup.phone_number_id.expect("number"));
    let business = signup.business_id.expect("business");
    let client = [("client_id", APP), ("client_secret", SECRET)];
    let code = signup.code.expect("code");
    let got = t.get("/oauth/access_token", "/oauth/access_token", "", &[client[0], client[1], ("code", &code)]);
    let token = got["access_token"].as_str().expect("token").to_owned();
    let renew = json!({"client_id": APP, "client_secret": SECRET, "grant_type": "fb_exchange_token",
        "fb_exchange_token": token, "set_token_expires_in_60_days": "true"});
    let renewed = t.post("/oauth/access_token", "/oauth/access_token", "", &renew);
    t.get("/debug_token", "/debug_token", &app, &[("input_token", &token)]);
    t.get("/me", "/me", &token, &[]);

    let callback = json!({"object": "whatsapp_business_account", "callback_url": "https://a.example/h",
        "verify_token": "v", "fields": "messages", "include_values": true});
    let subscriptions = format!("/{APP}/subscriptions");
    t.post("/{app}/subscriptions", &subscriptions, &app, &callback);
    t.get("/{app}/subscriptions", &subscriptions, &app, &[]);
    let subscribed = format!("/{waba}/subscribed_apps");
    t.post("/{waba}/subscribed_apps", &subscribed, &token, &json!({}));
    let over = json!({"override_callback_uri": "https://a.example/w", "verify_token": "v"});
    t.post("/{waba}/subscribed_apps", &subscribed, &token, &over);
    t.get("/{waba}/subscribed_apps", &subscribed, &token, &[]);

    tour_number(&mut t, &number, &token);
    t.world
        .act(&number, &NumberAction::ShowCertificate { when: graph_emulator::world::CertificateShown::WithName }, t.now)
        .expect("number");
    let fields = number_field_names().join(",");
    t.get("/{phone}", &format!("/{number}"), &token, &[("fields", &fields)]);
    let numbers = format!("/{waba}/phone_numbers");
    let add = json!({"cc": "1", "phone_number": "5550177777", "verified_name": "Second"});
    t.post("/{waba}/phone_numbers", &numbers, &token, &add);
    t.get("/{waba}/phone_numbers", &numbers, &token, &[("limit", "1")]);
    t.get("/{waba}/phone_numbers", &numbers, &token, &[("fields", &fields)]);
    t.get("/{waba}", &format!("/{waba}"), &token, &[("fields", &waba_field_names().join(","))]);
    t.post("/{waba}", &format!("/{waba}"), &token, &json!({"name": "Renamed"}));
    t.get("/{business}", &format!("/{business}"), &token, &[]);
    let fetch = format!("/{business}/system_user_access_tokens");
    let body = json!({"fetch_only": true, "appsecret_proof": proof(&partner)});
    t.post("/{business}/system_user_access_tokens", &fetch, &partner, &body);
    let fields = [("fields", "id,name,account_review_status")];
    let owned = format!("/{business}/owned_whatsapp_business_accounts");
    t.get("/{business}/owned_whatsapp_business_accounts", &owned, &token, &fields);
    let client_wabas = "/750000000000001/client_whatsapp_business_accounts";
    t.get("/{business}/client_whatsapp_business_accounts", client_wabas, &partner, &fields);
    t.send(Method::Delete, "/{waba}/subscribed_apps", &subscribed, &token, &json!({}));
    t.send(Method::Delete, "/{app}/subscriptions", &subscriptions, &app, &json!({}));
    t.get("/{unknown}", "/1", &token, &[]);
    let renewed = renewed["access_token"].as_str().expect("token").to_owned();
    t.get("/oauth/revoke", "/oauth/revoke", &app, &[client[0], client[1], ("revoke_token", &renewed)]);
    t
}

fn tour_number(t: &mut Tour, number: &str, token: &str) {
    let of = |edge: &str| format!("/{number}/{edge}");
    let register = json!({"messaging_product": "whatsapp", "pin": "123456"});
    t.post("/{phone}/register", &of("register"), token, &register);
    t.post("/{phone}/request_code", &of("request_code"), token, &json!({"code_method": "SMS", "language": "en"}));
    let code = t.world.number(number, t.now).and_then(|n| n.sent_code).expect("a code");
    t.post("/{phone}/verify_code", &of("verify_code"), token, &json!({ "code": code }));
    t.world.act(number, &NumberAction::NeverProvision, t.now).expect("number");
    t.post("/{phone}/register", &of("register"), token, &register);
    t.world.act(number, &NumberAction::Provision, t.now).expect("number");
    t.post("/{phone}/register", &of("register"), token, &register);
    let message = json!({"messaging_product": "whatsapp", "to": "+15550199999", "type": "text"});
    t.post("/{phone}/messages", &of("messages"), token, &message);
    t.post("/{phone}/deregister", &of("deregister"), token, &json!({}));
    t.world.act(number, &NumberAction::Coexistence { on: true }, t.now).expect("number");
    let sync = json!({"messaging_product": "whatsapp", "sync_type": "history"});
    t.post("/{phone}/smb_app_data", &of("smb_app_data"), token, &sync);
    let settings = json!({"webhook_configuration": {"override_callback_uri": "https://a.example/n", "verify_token": "v"},
        "new_display_name": "Another", "username": "bakery"});
    t.post("/{phone}", &format!("/{number}"), token, &settings);
}

/// The node that a member belongs to: lists and expanded edges contain whole nodes, which are the same everywhere.
fn owner<'a>(route: &'a str, member: &'a str) -> (&'a str, &'a str) {
    let lists = |node, prefix: &str| member.strip_prefix(prefix).map(|rest| (node, rest));
    match route {
        "GET /{phone}" => Some(("number", member)),
        "GET /{waba}" => {
            lists("number", "phone_numbers.data.").or_else(|| lists("subscription", "subscribed_apps.data."))
        }
        "GET /{waba}/phone_numbers" => lists("number", "data."),
        "GET /{waba}/subscribed_apps" => lists("subscription", "data."),
        "GET /{business}/client_whatsapp_business_accounts" | "GET /{business}/owned_whatsapp_business_accounts" => {
            lists("GET /{waba}", "data.")
        }
        _ => None,
    }
    .unwrap_or((route, member))
}

/// The members that Meta's file knows, by their owner.
fn known_members(spec: &Spec) -> BTreeSet<(String, String)> {
    let mut known = BTreeSet::new();
    for row in routes() {
        let route = format!("{} {}", row.method.into_str(), row.template);
        for member in spec.answer(&spec.operations(row.method, row.template)) {
            let (owner, member) = owner(&route, &member);
            known.insert((owner.to_owned(), member.to_owned()));
        }
    }
    known
}

/// Everything that the emulator serves and Meta's file does not know. A member includes its nested members.
fn unknown_to_meta(spec: &Spec) -> BTreeSet<String> {
    let tour = tour();
    let known = known_members(spec);
    let mut unknown: BTreeSet<String> = COMMON_PARAMS.iter().map(|name| format!("any route ? {name}")).collect();
    for row in routes() {
        let route = format!("{} {}", row.method.into_str(), row.template);
        let operations = spec.operations(row.method, row.template);
        if operations.is_empty() {
            unknown.insert(route);
            continue;
        }
        let parameters = spec.parameters(&operations);
        for name in row.params.iter().filter(|p| !parameters.contains(**p)) {
            unknown.insert(format!("{route} ? {name}"));
        }
        let served = tour.answers.get(&route).unwrap_or_else(|| panic!("the tour leaves out {route}"));
        for member in served {
            let (owner, member) = owner(&route, member);
            if !known.contains(&(owner.to_owned(), member.to_owned())) {
                unknown.insert(format!("{owner} . {member}"));
            }
        }
    }
    let inner =
        |name: &String| name.rmatch_indices('.').any(|(at, _)| unknown.contains(name.get(..at).unwrap_or_default()));
    unknown.iter().filter(|name| !inner(name)).cloned().collect()
}

#[test]
fn everything_served_is_in_metas_file_or_in_the_list() {
    let unknown = unknown_to_meta(&Spec::read());
    let text = include_str!("conformity.toml");
    let listed: Rows = toml::from_str(text).expect("the list");
    let names: BTreeSet<String> = listed.row.iter().map(|r| r.what.clone()).collect();
    let missing: Vec<_> = unknown.difference(&names).collect();
    let stale: Vec<_> = names.difference(&unknown).collect();
    assert!(missing.is_empty(), "not in Meta's file and not in conformity.toml: {missing:#?}");
    assert!(stale.is_empty(), "no longer needed in conformity.toml: {stale:#?}");
    assert_eq!(names.len(), listed.row.len(), "a row stands twice");
}

#[test]
fn every_row_of_the_list_names_a_section_of_the_facts() {
    let facts = std::fs::read_to_string(format!("{META}/facts.md")).expect("the facts");
    let listed: Rows = toml::from_str(include_str!("conformity.toml")).expect("the list");
    for Row { what, facts: section } in &listed.row {
        let heading = if section.contains('.') { format!("### {section} ") } else { format!("## {section}.") };
        assert!(facts.contains(&heading), "{what} cites {section}, which is no section of the facts");
    }
}

#[test]
fn errors_have_the_members_of_the_facts() {
    // Facts §2.1; Meta's file invents other error examples (facts §8, "OAS traps").
    let known = [
        "message",
        "type",
        "code",
        "error_subcode",
        "is_transient",
        "error_user_title",
        "error_user_msg",
        "error_data",
        "error_data.messaging_product",
        "error_data.details",
        "fbtrace_id",
    ];
    let known: BTreeSet<String> = known.iter().map(|m| format!("error.{m}")).chain(["error".to_owned()]).collect();
    let served = tour().answers.remove("error").expect("some calls were refused");
    assert!(served.is_subset(&known), "{served:?}");
    assert!(served.contains("error.error_user_msg") && served.contains("error.fbtrace_id"));
}
