//! `linekeeper erase`: takes one person out of everything that is kept for an account.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::ensure;
use jiff::SignedDuration;
use serde_json::json;
use server::App;
use server::flows::erasure::{self, BatchResult, Driver};
use server::flows::ingest::interpret;
use server::store::erasures;

use super::Verdict;
use super::open::{self, From};
use super::output::Output;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper erase --account 1 --person +15550199999
  linekeeper erase --account 1 --person US.13491208655302741918 --yes --json";

/// If this program is ended meanwhile, the service goes on after so long.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, clap::Args)]
pub(super) struct Erase {
    /// The account whose kept messages are gone through.
    #[arg(long)]
    account: i64,
    /// Whom to erase: a phone number, or an id of Meta's for the person.
    #[arg(long)]
    person: String,
    /// Do not ask whether this is meant.
    #[arg(long)]
    yes: bool,
}

impl Erase {
    pub(super) async fn run(self, from: &From, output: Output) -> anyhow::Result<Verdict> {
        let app = from.app().await?;
        let verdict = self.erase(&app, output).await;
        app.stop().await;
        verdict
    }

    async fn erase(&self, app: &App, output: Output) -> anyhow::Result<Verdict> {
        let account = open::account(app, self.account).await?;
        if !self.yes && !is_meant(&self.person, &account.name)? {
            return output.either(&json!({ "erased": false }), || "Nothing was erased.".to_owned());
        }
        let begun = erasure::start(app, account.id, &self.person, Driver::Caller(GRACE)).await?;
        let bar = output.progress(100, "events looked at, in percent");
        let mut waited = 0;
        loop {
            match erasure::erase_batch(app, begun.id).await? {
                BatchResult::Finished => break,
                // the service interprets what just came; where none runs, it is done here
                BatchResult::Waiting if waited < 40 => {
                    waited += 1;
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
            erasures::find(&mut tx, begun.id).await?.map_or((0, 0), |it| (it.deleted, it.rewritten));
        let id = begun.id.to_string();
        let value = json!({ "erased": true, "id": id, "events_deleted": deleted, "events_rewritten": rewritten });
        output.either(&value, || {
            format!("Erased: {deleted} events were about nobody else and are gone, {rewritten} were rewritten.")
        })
    }
}

/// Asks on the terminal; where nobody can answer, it has to be said with --yes.
fn is_meant(person: &str, account: &str) -> anyhow::Result<bool> {
    ensure!(io::stdin().is_terminal(), "this cannot be undone; say that it is meant with --yes");
    let mut err = io::stderr().lock();
    write!(err, "Erase {person} from everything kept for \"{account}\"? This cannot be undone. Type yes: ")?;
    err.flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim().eq_ignore_ascii_case("yes"))
}
