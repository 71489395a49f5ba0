//! `linekeeper inbox`: the numbers, how they are, and what a person may do about them.

use anyhow::Context as _;
use comfy_table::{Cell, Color};
use domain::channel::Channel;
use domain::health::{Action, Level, Move};
use domain::ids::{AccountId, ChannelId};
use domain::registration::Caller;
use domain::registration::ledger::Outcome;
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use server::App;
use server::flows::health;
use server::flows::number::view::{self, View};
use server::flows::registration::{self, CompletionResult};
use server::messages as catalogue;
use server::store::channels;

use super::open::{self, From};
use super::output::{Output, listing, table};
use super::{Verdict, words};

mod hands;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper inbox list
  linekeeper inbox list --account 1 --level action_needed
  linekeeper inbox show 7
  linekeeper inbox register 7
  linekeeper inbox refresh
  echo 123456 | linekeeper inbox pin 7";

/// How many numbers are read at Meta at once.
const READ_AT_ONCE: usize = 8;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Inbox {
    /// List numbers as they were last read, the most urgent first.
    #[command(after_help = "Example:\n  linekeeper inbox list --level action_needed --json")]
    List {
        /// Only those of this account.
        #[arg(long)]
        account: Option<i64>,
        /// Only those on this level.
        #[arg(long, value_parser = parse_level)]
        level: Option<Level>,
    },
    /// Show one number: facts, findings, budget, and what happens next.
    #[command(after_help = "Example:\n  linekeeper inbox show 7")]
    Show {
        /// Its id, as `inbox list` shows it.
        id: i64,
    },
    /// Complete the registration of a number, as the button does: reads it at Meta, registers it if
    /// that is allowed now, and says why not otherwise.
    #[command(after_help = "Example:\n  linekeeper inbox register 7      exit status 3 when nothing was called")]
    Register {
        /// Its id.
        id: i64,
    },
    /// Enter the PIN that the number's owner knows, from standard input, and register with it.
    #[command(after_help = "Example:\n  echo 123456 | linekeeper inbox pin 7")]
    Pin {
        /// Its id.
        id: i64,
    },
    /// Have Meta send a code to the number.
    #[command(after_help = "Example:\n  linekeeper inbox code 7 --voice --language pt_BR")]
    Code {
        /// Its id.
        id: i64,
        /// By a call instead of a text message.
        #[arg(long)]
        voice: bool,
        /// In which language.
        #[arg(long, default_value = "en_US")]
        language: String,
    },
    /// Enter the code that Meta sent, from standard input, and register the number.
    #[command(after_help = "Example:\n  echo 123456 | linekeeper inbox verify 7")]
    Verify {
        /// Its id.
        id: i64,
    },
    /// Subscribe its webhooks and set its callback once more.
    #[command(after_help = "Example:\n  linekeeper inbox webhook 7")]
    Webhook {
        /// Its id.
        id: i64,
    },
    /// Delete an inbox here and tear its webhooks down at Meta.
    #[command(after_help = "Example:\n  linekeeper inbox delete 7 --yes")]
    Delete {
        /// Its id.
        id: i64,
        /// Do it; without this it only says what would be lost.
        #[arg(long)]
        yes: bool,
    },
    /// Read numbers at Meta now: one, or all.
    #[command(after_help = "Examples:\n  linekeeper inbox refresh\n  linekeeper inbox refresh 7")]
    Refresh {
        /// Only this one.
        id: Option<i64>,
        /// Only those of this account.
        #[arg(long, conflicts_with = "id")]
        account: Option<i64>,
    },
}

fn parse_level(word: &str) -> Result<Level, String> {
    let known: Vec<&str> = Level::ALL.iter().map(|level| level.as_str()).collect();
    Level::parse(word).ok_or_else(|| format!("a level is one of {}", known.join(", ")))
}

impl Inbox {
    pub(super) async fn run(self, from: &From, output: Output) -> anyhow::Result<Verdict> {
        let app = from.app().await?;
        let verdict = match self {
            Self::List { account, level } => list(&app, account, level, output).await,
            Self::Show { id } => show(&app, id, output).await,
            Self::Register { id } => register(&app, id, output).await,
            Self::Pin { id } => hands::enter_pin(&app, id, output).await,
            Self::Code { id, voice, language } => hands::request_code(&app, id, voice, &language, output).await,
            Self::Verify { id } => hands::verify_code(&app, id, output).await,
            Self::Webhook { id } => hands::register_webhook(&app, id, output).await,
            Self::Delete { id, yes } => hands::delete(&app, id, yes, output).await,
            Self::Refresh { id, account } => refresh(&app, id, account, output).await,
        };
        app.stop().await;
        verdict
    }
}

async fn list(app: &App, account: Option<i64>, level: Option<Level>, output: Output) -> anyhow::Result<Verdict> {
    let account = match account {
        Some(id) => Some(open::account(app, id).await?.id),
        None => None,
    };
    let views = of_account(app, account, level).await?;
    output.either(&json_list(&views), || table_of(&views, app.clock.now()))
}

/// The numbers of an account, or all, as they were last read, the most urgent first.
pub(super) async fn of_account(
    app: &App,
    account: Option<AccountId>,
    level: Option<Level>,
) -> anyhow::Result<Vec<View>> {
    let mut views = Vec::new();
    for channel in channels_of(app, account).await? {
        let view = view::load(app, channel.id).await.with_context(|| format!("inbox {}", channel.id))?;
        if level.is_none_or(|level| view.report.level == level) {
            views.push(view);
        }
    }
    views.sort_by_key(|view| (std::cmp::Reverse(view.report.level.urgency()), view.channel.id));
    Ok(views)
}

async fn channels_of(app: &App, account: Option<AccountId>) -> anyhow::Result<Vec<Channel>> {
    const PAGE: i64 = 500;
    let mut found: Vec<Channel> = Vec::new();
    loop {
        let after: Option<ChannelId> = found.last().map(|channel| channel.id);
        let mut tx = app.store.read().await?;
        let page = match account {
            Some(account) => channels::list(&mut tx, account, after, PAGE).await?,
            None => channels::all(&mut tx, after, PAGE).await?,
        };
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}

/// Numbers as lines of a table.
pub(super) fn table_of(views: &[View], now: Timestamp) -> String {
    let mut table = table(HEADER);
    table.add_rows(views.iter().map(|view| row(view, now)));
    listing(
        &table,
        "There is no number here. Numbers come in by Embedded Signup: POST /api/v1/accounts/<account>/signups",
    )
}

/// What stands above [`row`].
pub(super) const HEADER: [&str; 7] = ["inbox", "number", "name", "level", "whose move", "standing", "next"];

/// One number.
pub(super) fn row(view: &View, now: Timestamp) -> [Cell; 7] {
    [
        Cell::new(view.channel.id),
        Cell::new(&view.channel.phone_number),
        Cell::new(&view.channel.name),
        level_cell(view.report.level),
        Cell::new(words::whose(view.report.whose)),
        Cell::new(words::standing(&view.report)),
        Cell::new(words::next(&view.report, &view.registration.decision, now)),
    ]
}

/// The level, in a colour as well where there are colours.
fn level_cell(level: Level) -> Cell {
    let cell = Cell::new(catalogue::level(level));
    match level {
        Level::Live => cell.fg(Color::Green),
        Level::AtRisk | Level::WaitingForMeta => cell.fg(Color::Yellow),
        Level::ActionNeeded | Level::Blocked => cell.fg(Color::Red),
        Level::Unknown => cell,
    }
}

pub(super) fn json_list(views: &[View]) -> Value {
    views.iter().map(json_of).collect()
}

fn json_of(view: &View) -> Value {
    let decision = &view.registration.decision;
    let findings: Vec<Value> = view
        .report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code.as_str(), "whose_move": finding.whose.as_str(),
                "action": finding.action.map(Action::as_str), "since": finding.since,
                "next_step_at": finding.next_step_at,
            })
        })
        .collect();
    json!({
        "id": view.channel.id.0, "account_id": view.channel.account_id.0, "name": view.channel.name,
        "phone_number": view.channel.phone_number.as_str(),
        "phone_number_id": view.channel.phone_number_id.as_str(), "waba_id": view.channel.waba_id.as_str(),
        "level": view.report.level.as_str(), "whose_move": view.report.whose.as_str(), "since": view.report.since,
        "checked_at": view.checked_at, "findings": findings,
        "registration": {
            "decision": catalogue::decision_word(decision), "why": catalogue::why_code(&decision.why()), "look_at": decision.look_at(),
            "calls_in_72_h": view.registration.spent.total, "held_until": view.registration.held_until,
        },
    })
}

async fn show(app: &App, id: i64, output: Output) -> anyhow::Result<Verdict> {
    let channel = open::channel(app, id).await?;
    let view = view::load(app, channel.id).await?;
    output.either(&json_of(&view), || page(&view, app.clock.now()))
}

fn page(view: &View, now: Timestamp) -> String {
    let channel = &view.channel;
    let read = view.checked_at.map_or_else(|| "never read".to_owned(), |at| format!("read {}", words::ago(at, now)));
    let mut parts = vec![
        format!("{}  {}  (inbox {}, account {})", channel.phone_number, channel.name, channel.id, channel.account_id),
        format!("{}, {read}", catalogue::level(view.report.level)),
    ];
    parts.extend(view.error.as_ref().map(|failure| format!("The last read failed: {}", failure.message)));
    parts.extend([String::new(), words::decision(&view.registration.decision, now), String::new()]);
    parts.extend([findings_of(view, now), String::new()]);
    let calls = view.registration.spent.total;
    parts.push(format!("Register calls in the last 72 hours: {calls} of {}", domain::registration::ledger::BUDGET));
    let hold = view.registration.held_until;
    parts.extend(hold.map(|until| format!("Meta holds the number; it is free again {}", words::until(until, now))));
    parts.extend(calls_of(view, now));
    parts.join("\n")
}

fn findings_of(view: &View, now: Timestamp) -> String {
    let told = view.report.findings.iter().map(|finding| {
        let message = catalogue::finding(&finding.code);
        let is_somebodys = finding.whose != Move::Nobody;
        let mut asides: Vec<String> = Vec::new();
        asides.extend(is_somebodys.then(|| format!("whose move: {}", words::whose(finding.whose))));
        asides.extend(finding.action.map(|action| format!("what helps: {}", catalogue::button(action).label)));
        asides.extend(finding.next_step_at.map(|at| format!("next step {}", words::until(at, now))));
        let aside = if asides.is_empty() { String::new() } else { format!("\n  ({})", asides.join("; ")) };
        format!("* {}\n  {}{aside}", message.title, message.text)
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "Nothing to say about it: all well.".to_owned() } else { told.join("\n") }
}

fn calls_of(view: &View, now: Timestamp) -> Option<String> {
    let mut table = table(["call", "when", "outcome"]);
    for recorded in &view.registration.attempts {
        let attempt = &recorded.attempt;
        table.add_row([
            format!("{:?}, {}", attempt.kind, attempt.basis.as_str()).to_lowercase(),
            words::ago(attempt.started_at, now),
            outcome(attempt.outcome.as_ref()),
        ]);
    }
    (!table.is_empty()).then(|| table.trim_fmt())
}

fn outcome(outcome: Option<&Outcome>) -> String {
    match outcome {
        Some(Outcome::Success) => "accepted".to_owned(),
        Some(Outcome::Failed(failure)) => failure.message.clone(),
        None => "no answer yet".to_owned(),
    }
}

async fn register(app: &App, id: i64, output: Output) -> anyhow::Result<Verdict> {
    let channel = open::channel(app, id).await?;
    answer_press(app, &registration::complete_registration(app, &channel, Caller::Press).await?, output)
}

fn answer_press(app: &App, pressed: &CompletionResult, output: Output) -> anyhow::Result<Verdict> {
    let decision = &pressed.state.decision;
    let value = json!({
        "called": pressed.called, "outcome": pressed.outcome.as_ref().map(|it| outcome(Some(it))),
        "decision": catalogue::decision_word(decision), "why": catalogue::why_code(&decision.why()),
        "look_at": decision.look_at(),
    });
    output.either(&value, || told(pressed, app.clock.now()))?;
    Ok(if pressed.outcome == Some(Outcome::Success) { Verdict::Well } else { Verdict::NotWell })
}

fn told(pressed: &CompletionResult, now: Timestamp) -> String {
    let rest = words::decision(&pressed.state.decision, now);
    match &pressed.outcome {
        Some(Outcome::Success) => format!("Meta accepted it. {rest}"),
        Some(Outcome::Failed(failure)) => format!("Meta refused it: {} {rest}", failure.message),
        None => rest,
    }
}

async fn refresh(app: &App, id: Option<i64>, account: Option<i64>, output: Output) -> anyhow::Result<Verdict> {
    let channels = match (id, account) {
        (Some(id), _) => vec![open::channel(app, id).await?],
        (None, Some(account)) => channels_of(app, Some(open::account(app, account).await?.id)).await?,
        (None, None) => channels_of(app, None).await?,
    };
    let bar = output.progress(channels.len(), "reading");
    let read = stream::iter(&channels)
        .map(async |channel| {
            let view = health::refresh(app, channel).await;
            bar.inc(1);
            (channel, view)
        })
        .buffer_unordered(READ_AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    bar.finish_and_clear();
    let mut views = Vec::new();
    let mut failed = Vec::new();
    for (channel, view) in read {
        match view {
            Ok(view) if view.error.is_none() => views.push(view),
            Ok(view) => failed.push((channel, view.error.map_or_else(String::new, |failure| failure.message))),
            Err(error) => failed.push((channel, error.to_string())),
        }
    }
    views.sort_by_key(|view| (std::cmp::Reverse(view.report.level.urgency()), view.channel.id));
    let failures: Vec<Value> = failed.iter().map(|(c, why)| json!({ "id": c.id.0, "error": why })).collect();
    output.either(&json!({ "read": json_list(&views), "failed": failures }), || {
        let table = (!views.is_empty() || failed.is_empty()).then(|| table_of(&views, app.clock.now()));
        let failures = failed
            .iter()
            .map(|(channel, why)| format!("inbox {} ({}) could not be read: {why}", channel.id, channel.phone_number));
        table.into_iter().chain(failures).collect::<Vec<_>>().join("\n")
    })?;
    Ok(if failed.is_empty() { Verdict::Well } else { Verdict::NotWell })
}
