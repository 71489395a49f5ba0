//! The demo's table of numbers: redrawn every second on a terminal, otherwise one line per change.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::Cell;
use domain::channel::Channel;
use domain::health::Level;
use domain::ids::ChannelId;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use server::flows::number::view::View;
use server::messages as catalogue;

use super::environment::Environment;
use crate::cli::durations::{duration, until};
use crate::cli::inbox::{load, tables, text};
use crate::cli::output::{CommandStatus, Output, table};
use crate::cli::serve;

/// Shows the sample numbers until the demo ends.
pub(super) struct Watch<'a> {
    environment: &'a Environment,
    output: Output,
    waiting: ChannelId,
    started_at: Timestamp,
    approval_at: Timestamp,
    shown: BTreeMap<ChannelId, (Level, String)>,
    screen: Option<ProgressBar>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        environment: &'a Environment,
        waiting: &Channel,
        approve_after: SignedDuration,
        output: Output,
    ) -> Self {
        let screen = output.is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            ProgressBar::new_spinner().with_style(style)
        });
        Self {
            environment,
            output,
            waiting: waiting.id,
            started_at: environment.app.clock.now(),
            approval_at: waiting.created_at + approve_after,
            shown: BTreeMap::new(),
            screen,
        }
    }

    /// Runs until Ctrl-C; with a limit, until the waiting number is live or the limit is reached.
    pub(super) async fn run(mut self, limit: Option<SignedDuration>) -> anyhow::Result<CommandStatus> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        let stop = serve::stop_requested();
        tokio::pin!(stop);
        let status = loop {
            tokio::select! {
                () = &mut stop => break CommandStatus::success_if(limit.is_none()),
                _ = ticks.tick() => {}
            }
            let views = self.views().await?;
            let now = self.environment.app.clock.now();
            self.print_changes(&views, now)?;
            if let Some(screen) = &self.screen {
                screen.set_message(self.table(&views, now));
            }
            let is_live = views.iter().any(|view| view.channel.id == self.waiting && view.report.level.works());
            match limit {
                Some(_) if is_live => break CommandStatus::Success,
                Some(limit) if now > self.started_at + limit => break CommandStatus::Negative,
                _ => {}
            }
        };
        self.finish().await?;
        Ok(status)
    }

    /// Every number of the account; a person may connect and delete numbers during the demo.
    async fn views(&self) -> anyhow::Result<Vec<View>> {
        let mut views = load::views(&self.environment.app, Some(self.environment.account), None).await?;
        views.sort_by_key(|view| view.channel.id);
        Ok(views)
    }

    /// The table of `inbox list`, with the time at which Meta approves the name of the waiting number.
    fn table(&self, views: &[View], now: Timestamp) -> String {
        let mut table = table(tables::HEADER);
        for view in views {
            let [id, number, _, level, whose, status, mut next_step] = tables::row(view, now);
            if view.channel.id == self.waiting && !view.report.level.works() {
                next_step = Cell::new(format!("name approved {}", until(self.approval_at, now)));
            }
            table.add_row([id, number, Cell::new(business(view)), level, whose, status, next_step]);
        }
        table.trim_fmt()
    }

    fn print_changes(&mut self, views: &[View], now: Timestamp) -> anyhow::Result<()> {
        for view in views {
            let current = (view.report.level, text::summary(&view.report));
            let before = self.shown.insert(view.channel.id, current.clone());
            let is_change = before.as_ref().is_some_and(|before| *before != current);
            if is_change || (before.is_none() && self.screen.is_none()) {
                self.print_change(view, before.map(|(level, _)| level), now)?;
            }
        }
        Ok(())
    }

    fn print_change(&self, view: &View, before: Option<Level>, now: Timestamp) -> anyhow::Result<()> {
        let elapsed = duration(now.duration_since(self.started_at));
        let (level, status) = (view.report.level, text::summary(&view.report));
        if self.output.is_json() {
            self.output.print_json_line(&json!({
                "event": if before.is_some() { "changed" } else { "started" }, "at": now, "id": view.channel.id.0,
                "phone_number": view.channel.phone_number.as_str(), "level": level.into_str(),
                "level_before": before.map(|level| level.into_str()), "status": status,
            }))?;
            return Ok(());
        }
        let went_live = level.works() && before.is_some_and(|before| !before.works());
        let text = if went_live {
            format!("is live now (before: {})", before.map_or("", catalogue::level))
        } else {
            format!("{}: {status}", catalogue::level(level))
        };
        let line = format!("{elapsed:>12}  {}  {:<16}  {text}", view.channel.phone_number, business(view));
        match &self.screen {
            Some(screen) => screen.println(line),
            None => self.output.print_text(&line).map(|_| ())?,
        }
        Ok(())
    }

    async fn finish(&self) -> anyhow::Result<()> {
        if let Some(screen) = &self.screen {
            screen.finish_and_clear();
        }
        let views = self.views().await?;
        if self.output.is_json() {
            self.output.print_json_line(&json!({ "event": "ended", "numbers": tables::json_list(&views) }))?;
        } else {
            self.output.print_text(&self.table(&views, self.environment.app.clock.now()))?;
        }
        Ok(())
    }
}

/// Name of the business; the name of each inbox of the demo begins with it.
fn business(view: &View) -> &str {
    view.channel.name.trim_end_matches(" WhatsApp")
}
