//! The emulator as a program. Must not do anything that the library could not do.

use anyhow::{Context as _, bail};
use clap::Parser;
use graph_emulator::{ClockMode, Config, Emulator, Scenario, scenario_names};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

const EXAMPLES: &str = "Examples:
  graph-emulator --port 9000
  graph-emulator --port 9000 --scenario three-stuck-numbers
  graph-emulator --port 9000 --scenario demo --clock 60x
  graph-emulator --port 9000 --scenario ./my-world.toml --clock stepped";

/// Meta's Graph API for WhatsApp onboarding, emulated on your own machine.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES)]
struct Cli {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: std::net::IpAddr,
    /// Port to listen on; 0 takes any
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// A scenario by name (see --list), or a .toml or .json file
    #[arg(long, default_value = "empty")]
    scenario: String,
    /// How world time passes: wall, stepped (set by POST /_emulator/clock), or a factor such as 60x
    #[arg(long, default_value = "wall", value_parser = parse_clock)]
    clock: ClockMode,
    /// Log filter for standard error: a level, or for one module `graph_emulator=debug`
    #[arg(long, env = "RUST_LOG", default_value = "error")]
    log: Targets,
    /// Seed of every id, code and token
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Id of the app
    #[arg(long, default_value = "740000000000001")]
    app_id: String,
    /// Secret of the app, which signs webhooks
    #[arg(long, default_value = "emulated-app-secret")]
    app_secret: String,
    /// Portfolio of the partner that owns the app
    #[arg(long, default_value = "750000000000001")]
    partner_business_id: String,
    /// List the scenarios and exit
    #[arg(long)]
    list: bool,
}

fn parse_clock(text: &str) -> Result<ClockMode, String> {
    match text {
        "wall" => Ok(ClockMode::Wall),
        "stepped" => Ok(ClockMode::now_stepped()),
        _ => {
            let factor = text.strip_suffix('x').and_then(|f| f.parse::<f64>().ok());
            factor
                .filter(|f| f.is_finite() && *f > 0.0)
                .map(ClockMode::Scaled)
                .ok_or_else(|| "wall, stepped, or a factor such as 60x".to_owned())
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    tracing_subscriber::registry()
        .with(cli.log)
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .init();
    if cli.list {
        return list();
    }
    let scenario = read_scenario(&cli.scenario)?;
    let config = Config {
        host: cli.host,
        port: cli.port,
        clock: cli.clock,
        seed: cli.seed,
        app_id: cli.app_id,
        app_secret: cli.app_secret,
        partner_business_id: cli.partner_business_id,
        ..Config::default()
    };
    let (app_id, app_secret) = (config.app_id.clone(), config.app_secret.clone());
    let emulator = Emulator::start(config).await?;
    let loaded = emulator.with_world(|world, now| scenario.apply(world, now));
    emulator.send_due_webhooks().await;
    greet(&emulator.base_url(), &app_id, &app_secret, &loaded);
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")
}

fn read_scenario(choice: &str) -> anyhow::Result<Scenario> {
    let extension = std::path::Path::new(choice).extension();
    if extension.is_some_and(|e| e == "toml" || e == "json") {
        let text = std::fs::read_to_string(choice).with_context(|| format!("cannot read {choice}"))?;
        return Ok(Scenario::parse(&text)?);
    }
    Ok(Scenario::named(choice)?)
}

#[expect(clippy::print_stdout, reason = "a program speaks to the person who started it")]
fn list() -> anyhow::Result<()> {
    for name in scenario_names() {
        let Ok(scenario) = Scenario::named(name) else { bail!("scenario {name} is broken") };
        println!("{name:<22} {}", scenario.about);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program speaks to the person who started it")]
fn greet(base: &str, app_id: &str, app_secret: &str, loaded: &graph_emulator::LoadedScenario) {
    println!("Graph API   {base}            (use it instead of https://graph.facebook.com)");
    println!("World       {base}/_emulator  (a page; the control API is below it)");
    println!("App         {app_id}, secret {app_secret}");
    if let Some(token) = &loaded.partner_token {
        println!("Partner     token {token}");
    }
    for signup in &loaded.signups {
        let number = signup.result.phone_number.as_deref().unwrap_or("no number");
        let id = signup.result.phone_number_id.as_deref().unwrap_or("-");
        let waba = signup.result.waba_id.as_deref().unwrap_or("-");
        println!("  +{number}  number {id}  WABA {waba}  {}", signup.label);
    }
    for fleet in &loaded.fleets {
        let numbers: usize = fleet.wabas.iter().map(|(_, numbers)| numbers.len()).sum();
        println!("  fleet: {} WABAs, {numbers} numbers, token {}", fleet.wabas.len(), fleet.token);
    }
    println!("\nTry:");
    println!("  curl -s -X POST {base}/_emulator/signups -H 'content-type: application/json' -d '{{}}'");
    println!("  curl -s '{base}/v25.0/oauth/access_token?client_id={app_id}&client_secret={app_secret}&code=CODE'");
    println!("  curl -s '{base}/v25.0/WABA_ID/phone_numbers' -H 'authorization: Bearer TOKEN'");
    println!(
        "  curl -s -X POST {base}/_emulator/clock -H 'content-type: application/json' -d '{{\"advance\":\"20h\"}}'"
    );
}
