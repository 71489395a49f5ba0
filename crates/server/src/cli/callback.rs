//! `linekeeper callback`: the callback of the Meta app, which belongs to the whole installation.

use domain::callbacks::AppCallback;
use serde_json::json;
use server::App;
use server::flows::FlowError;
use server::flows::app_callback::{self, AppCallbackReading};

use super::context::ConfigSource;
use super::output::{CommandStatus, Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper callback show
  linekeeper callback take-over --yes";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Callback {
    /// Show where Meta sends account, name and quality events, and which webhook fields are subscribed.
    #[command(after_help = "Example:\n  linekeeper callback show      exit status 3 unless the events come here")]
    Show,
    /// Set the callback of the Meta app to this installation, whatever stands there.
    #[command(after_help = "Example:\n  linekeeper callback take-over --yes")]
    TakeOver {
        /// Confirm that another system that uses the same app receives no more events by it.
        #[arg(long)]
        yes: bool,
    },
}

impl Callback {
    pub(super) async fn run(self, source: &ConfigSource, output: Output) -> anyhow::Result<CommandStatus> {
        let app = source.app().await?;
        let status = match self {
            Self::Show => show(&app, output).await,
            Self::TakeOver { yes } => take_over(&app, yes, output).await,
        };
        app.stop().await;
        status
    }
}

async fn show(app: &App, output: Output) -> anyhow::Result<CommandStatus> {
    let reading = app_callback::read(app).await.map_err(FlowError::from)?;
    print(app, &reading, output)
}

async fn take_over(app: &App, is_confirmed: bool, output: Output) -> anyhow::Result<CommandStatus> {
    if !is_confirmed {
        let reading = app_callback::read(app).await.map_err(FlowError::from)?;
        anyhow::bail!(
            "this sets the callback of Meta app {} to {}; it is {} now, and a system there receives no more events by it. \
             Confirm with: linekeeper callback take-over --yes",
            app.app_id(),
            app_callback::url(app),
            reading.url.as_deref().unwrap_or("not set"),
        );
    }
    print(app, &app_callback::take_over(app).await?, output)
}

fn print(app: &App, reading: &AppCallbackReading, output: Output) -> anyhow::Result<CommandStatus> {
    let is_ours = reading.callback.is_ours() == Some(true);
    let missing: &[String] = if let AppCallback::LacksFields(missing) = &reading.callback { missing } else { &[] };
    let value = json!({
        "app_id": app.app_id().as_str(), "is_ours": is_ours, "callback_url": reading.url,
        "expected_callback_url": app_callback::url(app), "subscribed_fields": reading.fields, "missing_fields": missing,
    });
    output.print(&value, || {
        let address = reading.url.as_deref().unwrap_or("no address");
        let whose = if is_ours { "this installation" } else { "not this installation" };
        let mut lines = vec![
            format!("Meta app {} sends account events to {address}: {whose}.", app.app_id()),
            format!("Subscribed fields: {}", reading.fields.join(", ")),
        ];
        lines.extend((!missing.is_empty()).then(|| format!("Missing fields: {}", missing.join(", "))));
        lines.extend((!is_ours).then(|| "Take it over with: linekeeper callback take-over --yes".to_owned()));
        lines.join("\n")
    })?;
    Ok(CommandStatus::success_if(is_ours))
}
