//! What the demo says when it is ready: where to look, how to sign in, what to try.

use domain::channel::Channel;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::cast::{Part, STUCK};
use super::stage::Stage;
use crate::cli::Verdict;
use crate::cli::output::{Output, table};

/// Prints the addresses, the keys, ready commands and who plays what.
pub(super) fn ready(stage: &Stage, cast: &[Part], channels: &[Channel], output: Output) -> anyhow::Result<Verdict> {
    if output.is_json() {
        output.line(&as_json(stage, cast, channels))
    } else {
        output.text(&as_text(stage, cast, channels))
    }
}

fn as_json(stage: &Stage, cast: &[Part], channels: &[Channel]) -> Value {
    let numbers: Vec<Value> = cast
        .iter()
        .zip(channels)
        .map(|(part, channel)| {
            json!({ "id": channel.id.0, "phone_number": channel.phone_number.as_str(), "name": part.name, "story": part.story })
        })
        .collect();
    json!({
        "event": "ready", "page": stage.app.config.public_url, "api": format!("{}/api/v1", stage.app.config.public_url),
        "emulator": format!("{}/_emulator", stage.meta.base_url()), "operator_key": stage.operator_key.expose_secret(),
        "account_key": stage.account_key.expose_secret(), "account_id": stage.account.0,
        "configuration": stage.configuration(), "numbers": numbers,
    })
}

fn as_text(stage: &Stage, cast: &[Part], channels: &[Channel]) -> String {
    let url = &stage.app.config.public_url;
    let key = stage.account_key.expose_secret();
    let account = stage.account;
    let stuck = channels.get(STUCK).map_or(0, |channel| channel.id.0);
    let live = channels.first().map_or(0, |channel| channel.id.0);
    let mut parts = table(["inbox", "number", "business", "what it shows"]);
    for (part, channel) in cast.iter().zip(channels) {
        parts.add_row([&channel.id.to_string(), channel.phone_number.as_str(), part.name, part.story]);
    }
    format!(
        "\
{parts}

  The page        {url}/
  Sign in with    {operator}
  API reference   {url}/docs
  Meta, emulated  {meta}/_emulator
  Forwarding      {url}/numbers/{live}: customers write to it, a helpdesk gets it

  KEY={key}
  curl -s -H \"Authorization: Bearer $KEY\" {url}/api/v1/accounts/{account}/inboxes/{stuck}/health
  curl -s -H \"Authorization: Bearer $KEY\" {url}/api/v1/accounts/{account}/inboxes/{stuck}/registration
  {program} --config {configuration} inbox show {stuck}
  {program} --config {configuration} endpoint list --account {account}

Ctrl-C ends it.
",
        parts = parts.trim_fmt(),
        operator = stage.operator_key.expose_secret(),
        meta = stage.meta.base_url(),
        program = std::env::current_exe().unwrap_or_else(|_| "linekeeper".into()).display(),
        configuration = stage.configuration().display(),
    )
}
