//! The demo's table: redrawn every second on a terminal, else a line for every change.

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

use super::stage::Stage;
use crate::cli::output::{Output, table};
use crate::cli::{Verdict, inbox, serve, words};

/// Watches the sample numbers.
pub(super) struct Watch<'a> {
    stage: &'a Stage,
    output: Output,
    stuck: ChannelId,
    began: Timestamp,
    approval_at: Timestamp,
    seen: BTreeMap<ChannelId, (Level, String)>,
    screen: Option<ProgressBar>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(stage: &'a Stage, stuck: &Channel, approve_after: SignedDuration, output: Output) -> Self {
        let screen = output.is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            ProgressBar::new_spinner().with_style(style)
        });
        Self {
            stage,
            output,
            stuck: stuck.id,
            began: stage.app.clock.now(),
            approval_at: stuck.created_at + approve_after,
            seen: BTreeMap::new(),
            screen,
        }
    }

    /// Until somebody stops it; with a limit, until the stuck number is live or time is up.
    pub(super) async fn run(mut self, limit: Option<SignedDuration>) -> anyhow::Result<Verdict> {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let stop = serve::asked_to_stop();
        tokio::pin!(stop);
        let verdict = loop {
            tokio::select! {
                () = &mut stop => break if limit.is_some() { Verdict::NotWell } else { Verdict::Well },
                _ = second.tick() => {}
            }
            let views = self.look().await?;
            let now = self.stage.app.clock.now();
            self.tell_changes(&views, now)?;
            if let Some(screen) = &self.screen {
                screen.set_message(self.table(&views, now));
            }
            let is_live = views.iter().any(|view| view.channel.id == self.stuck && view.report.level.works());
            match limit {
                Some(_) if is_live => break Verdict::Well,
                Some(limit) if now > self.began + limit => break Verdict::NotWell,
                _ => {}
            }
        };
        self.end().await?;
        Ok(verdict)
    }

    /// Whatever the account has by now: people may sign numbers up and delete them meanwhile.
    async fn look(&self) -> anyhow::Result<Vec<View>> {
        let mut views = inbox::of_account(&self.stage.app, Some(self.stage.account), None).await?;
        views.sort_by_key(|view| view.channel.id);
        Ok(views)
    }

    /// The table of `inbox list`; of the stuck number it says what only the demo can know.
    fn table(&self, views: &[View], now: Timestamp) -> String {
        let mut table = table(inbox::HEADER);
        for view in views {
            let [id, number, _, level, whose, standing, mut next] = inbox::row(view, now);
            if view.channel.id == self.stuck && !view.report.level.works() {
                next = Cell::new(format!("Meta approves {}", words::until(self.approval_at, now)));
            }
            table.add_row([id, number, Cell::new(business(view)), level, whose, standing, next]);
        }
        table.trim_fmt()
    }

    fn tell_changes(&mut self, views: &[View], now: Timestamp) -> anyhow::Result<()> {
        for view in views {
            let fresh = (view.report.level, words::standing(&view.report));
            let before = self.seen.insert(view.channel.id, fresh.clone());
            let is_news = before.as_ref().is_some_and(|before| *before != fresh);
            if is_news || (before.is_none() && self.screen.is_none()) {
                self.tell(view, before.map(|(level, _)| level), now)?;
            }
        }
        Ok(())
    }

    fn tell(&self, view: &View, before: Option<Level>, now: Timestamp) -> anyhow::Result<()> {
        let after = words::span(now.duration_since(self.began));
        let (level, standing) = (view.report.level, words::standing(&view.report));
        if self.output.is_json() {
            self.output.line(&json!({
                "event": if before.is_some() { "changed" } else { "began" }, "at": now, "id": view.channel.id.0,
                "phone_number": view.channel.phone_number.as_str(), "level": level.as_str(),
                "level_before": before.map(Level::as_str), "standing": standing,
            }))?;
            return Ok(());
        }
        let went_live = level.works() && before.is_some_and(|before| !before.works());
        let what = if went_live {
            format!("is live (before: {})", before.map_or("", catalogue::level))
        } else {
            format!("{}: {standing}", catalogue::level(level))
        };
        let line = format!("{after:>12}  {}  {:<16}  {what}", view.channel.phone_number, business(view));
        match &self.screen {
            Some(screen) => screen.println(line),
            None => self.output.text(&line).map(|_| ())?,
        }
        Ok(())
    }

    async fn end(&self) -> anyhow::Result<()> {
        if let Some(screen) = &self.screen {
            screen.finish_and_clear();
        }
        let views = self.look().await?;
        if self.output.is_json() {
            self.output.line(&json!({ "event": "ended", "numbers": inbox::json_list(&views) }))?;
        } else {
            self.output.text(&self.table(&views, self.stage.app.clock.now()))?;
        }
        Ok(())
    }
}

/// The business; every inbox of the demo is named after its own.
fn business(view: &View) -> &str {
    view.channel.name.trim_end_matches(" WhatsApp")
}
