//! `linekeeper demo`: the whole product in one command, offline. Meta's emulator, the service on an
//! embedded database, sample numbers brought in by the real signup flow in every state, and a table
//! to watch: after a minute Meta approves a name, and the number that was stuck goes live by itself. What
//! customers write to the first number is forwarded to a helpdesk.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use domain::channel::Channel;
use domain::ids::{BusinessId, PhoneNumberId, WabaId};
use domain::signup::Handover;
use jiff::SignedDuration;
use server::flows::health;
use server::flows::onboarding::signup;

use super::Verdict;
use super::output::Output;

mod cast;
mod helpdesk;
mod stage;
mod told;
mod watch;

use cast::{Part, Turn};
use stage::Stage;
use watch::Watch;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper demo
  linekeeper demo --approve-after 20s --port 8081
  linekeeper demo --once --approve-after 5s --port 0     for CI: exit status 0 when the stuck number went live
  linekeeper demo --once --json --port 0                 the same for a program: one JSON object a line";

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// How long Meta takes to approve the name of the stuck number.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    approve_after: SignedDuration,
    /// Where the page and the API answer; 0 takes any free port.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where Meta's emulator answers; 0 takes any free port.
    #[arg(long, default_value_t = 0)]
    meta_port: u16,
    /// Keep database, log and configuration in this folder; without it they go when the demo ends.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// End when the stuck number is live, with status 0; with status 3 when it takes far too long.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<Verdict> {
        let stage = Stage::set(&self).await?;
        let verdict = self.play(&stage, output).await;
        stage.app.stop().await;
        verdict
    }

    async fn play(&self, stage: &Stage, output: Output) -> anyhow::Result<Verdict> {
        let cast = cast::cast(self.approve_after);
        let bar = output.progress(cast.len(), "signing numbers up");
        let mut channels = Vec::new();
        for part in &cast {
            channels.push(bring_in(stage, part).await.with_context(|| format!("{} could not sign up", part.name))?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        for (part, channel) in cast.iter().zip(&channels) {
            for (after, turn) in part.later.clone() {
                tokio::spawn(take_turn(stage.app.clone(), stage.meta.clone(), channel.clone(), after, turn));
            }
        }
        let first = channels.first().context("the cast is empty")?;
        helpdesk::open(stage, first).await.context("the helpdesk cannot open")?;
        told::ready(stage, &cast, &channels, output)?;
        let stuck = channels.get(cast::STUCK).context("the cast has no stuck number")?;
        let watch = Watch::new(stage, stuck, self.approve_after, output);
        watch.run(self.once.then(|| self.approve_after + SignedDuration::from_mins(2))).await
    }
}

/// Through Meta's popup and our signup, as a browser does it.
async fn bring_in(stage: &Stage, part: &Part) -> anyhow::Result<Channel> {
    let popup = stage.meta.sign_up(part.popup.clone()).await;
    let request = signup::Request {
        account_id: stage.account,
        code: popup.code.context("the popup gave no code")?.into(),
        handover: Handover {
            waba_id: popup.waba_id.map(WabaId),
            phone_number_id: popup.phone_number_id.map(PhoneNumberId),
            business_id: popup.business_id.map(BusinessId),
            is_coexistence: part.popup.coexistence,
        },
        inbox_id: None,
    };
    signup::run(&stage.app, request).await?.channel.context("the number is not known yet")
}

/// Something happens to a number at Meta; it is read again at once, since nobody watching a demo waits
/// for the reading of the fleet.
async fn take_turn(
    app: server::App,
    meta: graph_emulator::Emulator,
    channel: Channel,
    after: SignedDuration,
    turn: Turn,
) {
    tokio::time::sleep(Duration::try_from(after).unwrap_or_default()).await;
    let done = match turn {
        Turn::Number(action) => meta.act(channel.phone_number_id.as_str(), action).await,
        Turn::Account(action) => meta.act_on_waba(channel.waba_id.as_str(), action).await,
    };
    if let Err(error) = done {
        tracing::warn!(channel = channel.id.0, %error, "the sample number could not be moved");
    }
    if let Err(error) = health::refresh(&app, &channel).await {
        tracing::info!(channel = channel.id.0, %error, "the sample number cannot be read");
    }
}
