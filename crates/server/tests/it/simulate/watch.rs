//! Watches one number from Meta's side: since when it would be accepted, when it went live, and whether
//! its record keeps the limits. Knows the emulator's hidden state; the server's only where it is compared.

use domain::registration::ledger::{Basis, CallKind, Ledger, WINDOW};
use graph_emulator::NumberView;
use graph_emulator::world::{CertificateShown, CodeStatus, RegisterKind};
use jiff::{SignedDuration, Timestamp};
use server::store::numbers::RecordedAttempt;

use super::bounds::Waiting;
use super::story::{Move, Story};

/// From when Meta would have accepted a call to when it did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) ready: Timestamp,
    pub(super) live: Timestamp,
}

impl Wait {
    pub(super) fn lasted(self) -> SignedDuration {
        self.live.duration_since(self.ready)
    }
}

/// What is known of a number while its story is played.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    began: Timestamp,
    story: Story,
    /// Since when something says that the name is good.
    name_good_at: Timestamp,
    ready: Option<Timestamp>,
    last_unready: Timestamp,
    waits: Vec<Wait>,
    well_since: Option<Timestamp>,
    found: Vec<String>,
    remarks: Vec<(Timestamp, String)>,
}

/// What calls are made for: the bases of register, and deregister.
pub(super) const KINDS: [&str; 6] = ["blind", "probe", "evidence", "reconcile", "person", "deregister"];

/// What became of a number.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) place: u64,
    pub(super) is_live: bool,
    pub(super) calls: usize,
    pub(super) least: usize,
    pub(super) waits: Vec<Wait>,
    /// Nothing but its name stood in its way, and no person called in between.
    pub(super) was_untouched: bool,
    /// In any 72 h: by itself, by itself while nothing said the name is good, all in all.
    pub(super) most: [usize; 3],
    /// In any 72 h, by what they were made for.
    pub(super) most_of: [usize; KINDS.len()],
    pub(super) was_locked: bool,
    /// What must not be.
    pub(super) found: Vec<String>,
    /// The story, line by line.
    pub(super) lines: Vec<String>,
}

/// Whether Meta would accept a register call with the PIN that would be sent.
enum Accepts {
    Yes,
    /// From then on, if nothing changes.
    From(Timestamp),
    No(&'static str),
}

fn accepts(view: &NumberView, pin: Option<&str>, now: Timestamp) -> Accepts {
    let pin_fits = view.pin.is_none() || view.pin.as_deref() == pin;
    let no = [
        (view.obstacle.is_some(), "an obstacle stands"),
        (view.code_verification_status != CodeStatus::Verified, "its code is not verified"),
        (!pin_fits, "somebody else's PIN is set"),
        (view.account_locked, "its account is locked"),
        (view.locked_until.is_some_and(|until| until > now), "133016"),
        (!matches!(view.status.as_str(), "PENDING" | "DISCONNECTED"), "its status"),
        (view.provisioned_at.is_none(), "its name is not decided"),
    ];
    match no.iter().find(|(stands, _)| *stands) {
        Some((_, why)) => Accepts::No(why),
        None => view.provisioned_at.filter(|at| *at > now).map_or(Accepts::Yes, Accepts::From),
    }
}

impl Watch {
    pub(super) fn new(story: &Story, began: Timestamp) -> Self {
        Self {
            began,
            story: story.clone(),
            name_good_at: began + story.name_good_after.unwrap_or_default(),
            ready: None,
            last_unready: began,
            waits: Vec::new(),
            well_since: None,
            found: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Writes a line of the story.
    pub(super) fn remark(&mut self, at: Timestamp, what: String) {
        self.remarks.push((at, what));
    }

    /// For how long the number has been live without a break, as far as it was looked at.
    pub(super) fn is_well_for(&mut self, view: &NumberView, now: Timestamp) -> SignedDuration {
        if !view.registered || view.connects_at.is_some() {
            self.well_since = None;
            return SignedDuration::ZERO;
        }
        now.duration_since(*self.well_since.get_or_insert(now))
    }

    /// Takes the number's state in; says when to look again.
    pub(super) fn look(
        &mut self,
        view: &NumberView,
        pin: Option<&str>,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if self.story.popup.certificate == CertificateShown::WhenProvisioned
            && let Some(at) = view.provisioned_at
        {
            self.name_good_at = self.name_good_at.min(at);
        }
        if view.registered {
            if let Some(ready) = self.ready.take() {
                let accepted = |call: &&graph_emulator::world::RegisterCall| {
                    call.kind == RegisterKind::Register && call.code == 0 && call.at >= ready
                };
                let live = view.register_calls.iter().find(accepted).map_or(now, |call| call.at);
                self.waits.push(Wait { ready, live });
            }
            self.last_unready = now;
            return None;
        }
        match accepts(view, pin, now) {
            Accepts::Yes => {
                let since = view.provisioned_at.unwrap_or(now).max(self.last_unready);
                let ready = *self.ready.get_or_insert(since);
                let waiting = Waiting {
                    story: &self.story,
                    ready,
                    has_dropped: !self.waits.is_empty(),
                    name_good_at: self.name_good_at,
                    is_heard: !self.story.is_unheard && self.name_good_at == self.decided_at(),
                    ledger,
                };
                let until = waiting.until();
                if now >= until {
                    self.note(format!("stuck: Meta would have accepted it since {ready}"));
                    return None;
                }
                Some(until)
            }
            Accepts::From(at) => {
                (self.ready, self.last_unready) = (None, now);
                Some(at)
            }
            Accepts::No(_) => {
                (self.ready, self.last_unready) = (None, now);
                None
            }
        }
    }

    fn note(&mut self, what: String) {
        if !self.found.contains(&what) {
            self.found.push(what);
        }
    }

    /// When Meta decided the name; a certificate may say earlier that it is good.
    fn decided_at(&self) -> Timestamp {
        self.began + self.story.name_good_after.unwrap_or_default()
    }

    /// The calls without which it could not have gone live.
    fn least(&self) -> usize {
        let deregisters = self.story.plan.iter().filter(|(_, what)| {
            use graph_emulator::NumberAction as A;
            matches!(what, Move::Meta(A::HalfDeregister | A::FailNextDeregister))
        });
        self.waits.len() + deregisters.count()
    }

    /// The final account of a number.
    pub(super) fn end(
        &self,
        place: u64,
        view: &NumberView,
        pin: Option<&str>,
        rows: &[RecordedAttempt],
        now: Timestamp,
    ) -> Ended {
        let mut found = self.found.clone();
        let mut hold = |holds: bool, what: String| {
            if !holds {
                found.push(what);
            }
        };
        let automatic: Vec<Timestamp> = starts(rows, |row| row.attempt.basis != Basis::Person);
        let unsaid: Vec<Timestamp> =
            starts(rows, |row| row.attempt.basis != Basis::Person && row.attempt.started_at < self.name_good_at);
        let received: Vec<Timestamp> = view.register_calls.iter().map(|call| call.at).collect();
        let most = [densest(&automatic), densest(&unsaid), densest(&received)];
        let was_locked = view.register_calls.iter().any(|call| call.code == 133_016);
        hold(!was_locked, "Meta answered 133016".to_owned());
        hold(most[0] <= 8, format!("{} calls in 72 h without a person", most[0]));
        hold(most[1] <= 5, format!("{} calls in 72 h while nothing said the name is good", most[1]));
        hold(most[2] <= 10, format!("{} calls in 72 h", most[2]));
        for kind in [RegisterKind::Register, RegisterKind::Deregister] {
            let of_ours = match kind {
                RegisterKind::Register => CallKind::Register,
                RegisterKind::Deregister => CallKind::Deregister,
            };
            let written = rows.iter().filter(|row| row.attempt.kind == of_ours).count();
            let got = view.register_calls.iter().filter(|call| call.kind == kind).count();
            hold(written >= got, format!("{got} {kind:?} calls received, {written} in the ledger"));
        }
        let by_us = view.register_calls.iter().any(|call| call.code == 0 && call.pin == view.pin);
        hold(!view.registered || !by_us || view.pin.as_deref() == pin, "the stored PIN is not the number's".to_owned());
        let first = self.waits.first().map(|wait| wait.lasted());
        let at_once = first.is_some_and(|wait| wait < SignedDuration::from_secs(1));
        hold(!self.story.is_plain() || at_once, format!("nothing stood in its way, and it took {first:?}"));
        let why = match accepts(view, pin, now) {
            Accepts::Yes => "though Meta would accept it",
            Accepts::From(_) => "its name is not provisioned",
            Accepts::No(why) => why,
        };
        hold(view.registered, format!("not live at the end: {why}"));
        Ended {
            place,
            is_live: view.registered,
            was_untouched: self.story.is_untouched(),
            calls: view.register_calls.len(),
            least: self.least(),
            waits: self.waits.clone(),
            most,
            most_of: KINDS.map(|kind| densest(&starts(rows, |row| purpose(row) == kind))),
            was_locked,
            found,
            lines: self.lines(view, rows),
        }
    }

    /// The story and the record, in order of time.
    fn lines(&self, view: &NumberView, rows: &[RecordedAttempt]) -> Vec<String> {
        let mut lines = self.remarks.clone();
        lines.extend(
            view.register_calls.iter().map(|c| (c.at, format!("Meta: {:?} {} {:?}", c.kind, c.code, c.subcode))),
        );
        lines.extend(rows.iter().map(|row| {
            let how =
                row.attempt.outcome.as_ref().map(|outcome| format!("{outcome:?}").chars().take(60).collect::<String>());
            (
                row.attempt.started_at,
                format!("ours: {:?} {:?} {} {how:?}", row.attempt.kind, row.attempt.basis, row.reason),
            )
        }));
        lines.extend(self.waits.iter().map(|wait| (wait.live, format!("live, ready since {}", wait.ready))));
        lines.sort_by_key(|(at, _)| *at);
        let popup = &self.story.popup;
        let head = format!(
            "number {}: review {}, lag {}, obstacle {:?}, verified {}, PIN {:?}, certificate {:?}, activation {}",
            view.id,
            popup.review.is_some(),
            popup.provisioning_lag,
            popup.obstacle,
            popup.verified,
            popup.existing_pin,
            popup.certificate,
            popup.activation_delay
        );
        let after = |at: Timestamp| at.duration_since(self.began).as_secs();
        let stamp = |secs: i64| {
            format!("{:3} d {:02}:{:02}:{:02}", secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60)
        };
        std::iter::once(head)
            .chain(lines.into_iter().map(|(at, what)| format!("  {}  {what}", stamp(after(at)))))
            .collect()
    }
}

/// The purpose of a call, one of [`KINDS`].
fn purpose(row: &RecordedAttempt) -> &'static str {
    match row.attempt.kind {
        CallKind::Register => row.attempt.basis.into_str(),
        CallKind::Deregister => "deregister",
    }
}

fn starts(rows: &[RecordedAttempt], which: impl Fn(&RecordedAttempt) -> bool) -> Vec<Timestamp> {
    let mut starts: Vec<Timestamp> = rows.iter().filter(|row| which(row)).map(|row| row.attempt.started_at).collect();
    starts.sort_unstable();
    starts
}

/// The most of them in any 72 h.
fn densest(instants: &[Timestamp]) -> usize {
    let in_window = |from: &Timestamp| instants.iter().filter(|at| **at >= *from && **at < *from + WINDOW).count();
    instants.iter().map(in_window).max().unwrap_or(0)
}
