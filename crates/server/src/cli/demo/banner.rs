//! The text that the demo prints when it is ready: addresses, API keys, and commands to try.

use domain::channel::Channel;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::environment::Environment;
use super::samples::{Sample, WAITING};
use crate::cli::output::{CommandStatus, Output, table};

/// Prints addresses, keys, commands and the sample numbers.
pub(super) fn print(
    environment: &Environment,
    samples: &[Sample],
    channels: &[Channel],
    output: Output,
) -> anyhow::Result<CommandStatus> {
    if output.is_json() {
        output.print_json_line(&as_json(environment, samples, channels))
    } else {
        output.print_text(&as_text(environment, samples, channels))
    }
}

fn as_json(environment: &Environment, samples: &[Sample], channels: &[Channel]) -> Value {
    let numbers: Vec<Value> = samples
        .iter()
        .zip(channels)
        .map(|(sample, channel)| {
            json!({ "id": channel.id.0, "phone_number": channel.phone_number.as_str(), "name": sample.name, "story": sample.story })
        })
        .collect();
    json!({
        "event": "ready", "page": environment.app.config.public_url, "api": format!("{}/api/v1", environment.app.config.public_url),
        "emulator": format!("{}/_emulator", environment.meta.base_url()), "operator_key": environment.operator_key.expose_secret(),
        "account_key": environment.account_key.expose_secret(), "account_id": environment.account.0,
        "configuration": environment.configuration(), "numbers": numbers,
    })
}

fn as_text(environment: &Environment, samples: &[Sample], channels: &[Channel]) -> String {
    let url = &environment.app.config.public_url;
    let key = environment.account_key.expose_secret();
    let account = environment.account;
    let waiting = channels.get(WAITING).map_or(0, |channel| channel.id.0);
    let live = channels.first().map_or(0, |channel| channel.id.0);
    let mut table = table(["inbox", "number", "business", "demonstrates"]);
    for (sample, channel) in samples.iter().zip(channels) {
        table.add_row([&channel.id.to_string(), channel.phone_number.as_str(), sample.name, sample.story]);
    }
    format!(
        "\
{table}

  Pages           {url}/
  Sign in with    {operator}
  API reference   {url}/docs
  Meta emulator   {meta}/_emulator
  Forwarding      {url}/numbers/{live}: messages of customers are forwarded to a helpdesk

  KEY={key}
  curl -s -H \"Authorization: Bearer $KEY\" {url}/api/v1/accounts/{account}/inboxes/{waiting}/health
  curl -s -H \"Authorization: Bearer $KEY\" {url}/api/v1/accounts/{account}/inboxes/{waiting}/registration
  {program} --config {configuration} inbox show {waiting}
  {program} --config {configuration} endpoint list --account {account}

Press Ctrl-C to end the demo.
",
        table = table.trim_fmt(),
        operator = environment.operator_key.expose_secret(),
        meta = environment.meta.base_url(),
        program = std::env::current_exe().unwrap_or_else(|_| "linekeeper".into()).display(),
        configuration = environment.configuration().display(),
    )
}
