//! `linekeeper erase`: erases one person from everything stored for an account. The work is the erasure flow's;
//! this command drives it batch by batch and shows its progress.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::ensure;
use jiff::SignedDuration;
use serde_json::json;
use server::App;
use server::flows::erasure::{self, BatchResult, Driver};
use server::flows::ingest::interpret;
use server::store::erasures;

use super::context::ConfigSource;
use super::lookup;
use super::output::{CommandStatus, Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper erase --account 1 --person +15550199999
  linekeeper erase --account 1 --person US.13491208655302741918 --yes --json";

/// The service continues the erasure this long after the last batch, if this program ended meanwhile.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// How often the service is waited for, 100 ms each time, before this program interprets events itself.
const MAX_WAITS: u32 = 40;

#[derive(Debug, clap::Args)]
pub(super) struct Erase {
    /// Account whose stored events are searched.
    #[arg(long)]
    account: i64,
    /// Person to erase: a phone number, or Meta's id of the person.
    #[arg(long)]
    person: String,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

impl Erase {
    pub(super) async fn run(self, source: &ConfigSource, output: Output) -> anyhow::Result<CommandStatus> {
        let app = source.app().await?;
        let status = self.erase(&app, output).await;
        app.stop().await;
        status
    }

    async fn erase(&self, app: &App, output: Output) -> anyhow::Result<CommandStatus> {
        let account = lookup::account(app, self.account).await?;
        if !self.yes && !is_confirmed(&self.person, &account.name)? {
            return output.print(&json!({ "erased": false }), || "Nothing was erased.".to_owned());
        }
        let started = erasure::start(app, account.id, &self.person, Driver::Caller(GRACE)).await?;
        let bar = output.progress(100, "percent of the events searched");
        let mut waits = 0;
        loop {
            match erasure::erase_batch(app, started.id).await? {
                BatchResult::Finished => break,
                // the service interprets events that just arrived; without a running service it is done here
                BatchResult::Waiting if waits < MAX_WAITS => {
                    waits += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                BatchResult::Waiting => {
                    interpret::interpret(app).await?;
                }
                BatchResult::More(it) => {
                    bar.set_position(u64::try_from(it.percent()).unwrap_or_default());
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
        bar.finish_and_clear();
        let mut tx = app.store.read().await?;
        let (deleted, rewritten) =
            erasures::find(&mut tx, started.id).await?.map_or((0, 0), |it| (it.deleted, it.rewritten));
        let id = started.id.to_string();
        let value = json!({ "erased": true, "id": id, "events_deleted": deleted, "events_rewritten": rewritten });
        output.print(&value, || {
            format!(
                "Erased. {deleted} events that concerned only this person were deleted; {rewritten} events were rewritten \
                 without this person."
            )
        })
    }
}

/// Asks for confirmation on the terminal; without a terminal `--yes` is required.
fn is_confirmed(person: &str, account: &str) -> anyhow::Result<bool> {
    ensure!(io::stdin().is_terminal(), "erasure cannot be undone; confirm it with --yes");
    let mut err = io::stderr().lock();
    write!(err, "Erase {person} from everything stored for account \"{account}\"? This cannot be undone. Type yes: ")?;
    err.flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim().eq_ignore_ascii_case("yes"))
}
