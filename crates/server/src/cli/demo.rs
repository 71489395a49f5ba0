//! `linekeeper demo`: the whole product in one command, offline. It runs Meta's emulator and the service on an
//! SQLite database, connects sample numbers in every state through the real signup flow, and shows a table of
//! them. After a minute Meta approves a name, and the number that waited for it goes live by itself. Messages
//! of customers to the first number are forwarded to a sample helpdesk.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use domain::channel::Channel;
use domain::ids::{BusinessId, PhoneNumberId, WabaId};
use domain::signup::{SignupRoute, SignupSubmission};
use jiff::SignedDuration;
use server::flows::health;
use server::flows::onboarding::signup;

use super::output::{CommandStatus, Output};

mod banner;
mod environment;
mod helpdesk;
mod samples;
mod watch;

use environment::{Environment, Settings};
use samples::{Change, Sample};
use watch::Watch;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper demo
  linekeeper demo --approve-after 20s --port 8081
  linekeeper demo --once --approve-after 5s --port 0     for CI: exit status 0 if the waiting number goes live
  linekeeper demo --once --json --port 0                 the same for a program: one JSON object per line";

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Time until Meta approves the display name of the waiting number.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    approve_after: SignedDuration,
    /// Port of the pages and the API; 0 chooses a free port.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of Meta's emulator; 0 chooses a free port.
    #[arg(long, default_value_t = 0)]
    meta_port: u16,
    /// Folder for database, log and configuration. Without it, they are deleted when the demo ends.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// End with status 0 when the waiting number is live, or with status 3 after two minutes more than expected.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<CommandStatus> {
        let settings = Settings { port: self.port, meta_port: self.meta_port, folder: self.data_dir.clone() };
        let environment = Environment::start(settings).await?;
        let status = self.play(&environment, output).await;
        environment.app.stop().await;
        status
    }

    async fn play(&self, environment: &Environment, output: Output) -> anyhow::Result<CommandStatus> {
        let samples = samples::all(self.approve_after);
        let bar = output.progress(samples.len(), "connecting numbers");
        let mut channels = Vec::new();
        for sample in &samples {
            let connected = sign_up(environment, sample).await;
            channels.push(connected.with_context(|| format!("{} could not be connected", sample.name))?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        for (sample, channel) in samples.iter().zip(&channels) {
            for (after, change) in sample.changes.clone() {
                tokio::spawn(apply_later(
                    environment.app.clone(),
                    environment.meta.clone(),
                    channel.clone(),
                    after,
                    change,
                ));
            }
        }
        let first = channels.first().context("there are no sample numbers")?;
        helpdesk::open(environment, first).await.context("the helpdesk cannot start")?;
        banner::print(environment, &samples, &channels, output)?;
        let waiting = channels.get(samples::WAITING).context("the sample that waits for its name is missing")?;
        let watch = Watch::new(environment, waiting, self.approve_after, output);
        watch.run(self.once.then(|| self.approve_after + SignedDuration::from_mins(2))).await
    }
}

/// Connects a sample number through Meta's popup and the signup flow, as a browser does.
async fn sign_up(environment: &Environment, sample: &Sample) -> anyhow::Result<Channel> {
    let popup = environment.meta.sign_up(sample.popup.clone()).await;
    let request = signup::Request {
        account_id: environment.account,
        route: SignupRoute::Own,
        code: popup.code.context("the popup gave no code")?.into(),
        handover: SignupSubmission {
            waba_id: popup.waba_id.map(WabaId),
            phone_number_id: popup.phone_number_id.map(PhoneNumberId),
            business_id: popup.business_id.map(BusinessId),
            is_coexistence: sample.popup.coexistence,
        },
        inbox_id: None,
    };
    signup::run(&environment.app, request).await?.channel.context("the signup created no number")
}

/// Changes a number at Meta after a delay, and reads it at once: the regular read would come too late for a demo.
async fn apply_later(
    app: server::App,
    meta: graph_emulator::Emulator,
    channel: Channel,
    after: SignedDuration,
    change: Change,
) {
    tokio::time::sleep(Duration::try_from(after).unwrap_or_default()).await;
    let changed = match change {
        Change::Number(action) => meta.act(channel.phone_number_id.as_str(), action).await,
        Change::Account(action) => meta.act_on_waba(channel.waba_id.as_str(), action).await,
    };
    if let Err(error) = changed {
        tracing::warn!(channel = channel.id.0, %error, "the sample number could not be changed at Meta");
    }
    if let Err(error) = health::refresh(&app, &channel).await {
        tracing::info!(channel = channel.id.0, %error, "the sample number cannot be read");
    }
}
