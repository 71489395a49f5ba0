//! Which fields a read asks for (facts §1.4 and §1.6), and which of them this Graph version refused.
//!
//! One unknown field fails a whole read, so a refused field is stored per kind of node and left out from then on. It is kept
//! in memory only: after a restart it is requested again. Must not know what a field means.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use domain::meta::failure::{Failure, FailureKind};

/// Where fields are asked for; Meta's node names for them are in [`Place::node_type`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Number,
    /// A row of `/{waba_id}/phone_numbers`, or of the same edge expanded.
    NumberRow,
    Waba,
}

/// Safe in every live version by facts §1.6; nothing is decided without them.
const NUMBER_CORE: &[&str] = &[
    "id",
    "display_phone_number",
    "verified_name",
    "code_verification_status",
    "name_status",
    "quality_rating",
    "platform_type",
    "throughput",
    "status",
    "account_mode",
    "webhook_configuration",
    "is_on_biz_app",
    "is_pin_enabled",
    "last_onboarded_time",
];

/// Present in most versions: dropped together when a refusal does not name its field.
const NUMBER_EXTENDED: &[&str] = &[
    "new_display_name",
    "new_name_status",
    "certificate",
    "messaging_limit_tier",
    "whatsapp_business_manager_messaging_limit",
];

const WABA_CORE: &[&str] =
    &["id", "name", "account_review_status", "business_verification_status", "owner_business_info"];

const WABA_EXTENDED: &[&str] = &["status", "health_status"];

/// The field whose place in lists is unproven (facts D5).
const HEALTH: &str = "health_status";

impl Place {
    const fn node_type(self) -> &'static str {
        match self {
            Self::Number | Self::NumberRow => "WhatsAppBusinessPhoneNumber",
            Self::Waba => "WhatsAppBusinessAccount",
        }
    }

    fn core(self) -> &'static [&'static str] {
        match self {
            Self::Number | Self::NumberRow => NUMBER_CORE,
            Self::Waba => WABA_CORE,
        }
    }

    fn extended(self) -> Vec<&'static str> {
        match self {
            Self::Number => NUMBER_EXTENDED.iter().copied().chain([HEALTH]).collect(),
            Self::NumberRow => NUMBER_EXTENDED.to_vec(),
            Self::Waba => WABA_EXTENDED.to_vec(),
        }
    }
}

/// The fields one read asks for, per place; kept until its answer is understood.
#[derive(Debug)]
pub(super) struct Asked(Vec<(Place, Vec<&'static str>)>);

impl Asked {
    /// The `fields` parameter for a place.
    pub(super) fn list(&self, place: Place) -> String {
        let of_place = self.0.iter().find(|(p, _)| *p == place);
        of_place.map(|(_, fields)| fields.join(",")).unwrap_or_default()
    }

    pub(super) fn has(&self, place: Place, field: &str) -> bool {
        self.0.iter().any(|(p, fields)| *p == place && fields.contains(&field))
    }
}

/// What this client has learnt about fields.
#[derive(Debug, Default)]
pub(super) struct Fields {
    refused: Mutex<BTreeSet<(Place, String)>>,
    health_in_lists: AtomicBool,
}

impl Fields {
    /// What to ask for at these places, as far as is known today.
    pub(super) fn ask(&self, places: &[Place]) -> Asked {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |place: Place| {
            let health = place == Place::NumberRow && self.health_in_lists.load(Ordering::Relaxed);
            let all = place.core().iter().copied().chain(place.extended()).chain(health.then_some(HEALTH));
            all.filter(|field| !refused.contains(&(place, (*field).to_owned()))).collect()
        };
        Asked(places.iter().map(|place| (*place, of(*place))).collect())
    }

    pub(super) fn try_health_in_lists(&self) {
        self.health_in_lists.store(true, Ordering::Relaxed);
    }

    /// A list came without the health it was asked for: not asked for there again.
    pub(super) fn lists_lack_health(&self) {
        self.health_in_lists.store(false, Ordering::Relaxed);
    }

    /// Learns from a refused read; `true` when asking again would ask for less than `asked` did.
    pub(super) fn learn(&self, failure: &Failure, asked: &Asked) -> bool {
        let Some(meta) = failure.meta.as_ref().filter(|_| failure.kind == FailureKind::UnknownField) else {
            return false;
        };
        let Some(field) = in_brackets(&meta.message, "field (") else {
            // Not named: all that is not safe in every version goes.
            return asked.0.iter().fold(false, |less, (place, fields)| {
                let extended = place.extended();
                let dropped: Vec<&str> = fields.iter().copied().filter(|f| extended.contains(f)).collect();
                self.refuse(*place, &dropped);
                less || !dropped.is_empty()
            });
        };
        let node = in_brackets(&meta.message, "node type (");
        let holders = || asked.0.iter().map(|(place, _)| *place).filter(|place| asked.has(*place, field));
        let Some(place) = holders().find(|p| node == Some(p.node_type())).or_else(|| holders().next()) else {
            return false;
        };
        self.refuse(place, &[field]);
        true
    }

    fn refuse(&self, place: Place, fields: &[&str]) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let before = refused.len();
        refused.extend(fields.iter().map(|field| (place, (*field).to_owned())));
        if refused.len() > before {
            tracing::info!(?place, ?fields, "Meta does not know these fields here: read without them from now on");
        }
    }
}

/// The word after `opening` up to the closing bracket.
fn in_brackets<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(opening)?;
    rest.split_once(')').map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::meta::failure::MetaError;

    fn refusal(message: &str) -> Failure {
        Failure::from_meta(MetaError { code: 100, message: message.to_owned(), ..MetaError::default() })
    }

    fn nonexisting(field: &str, node: &str) -> Failure {
        refusal(&format!("(#100) Tried accessing nonexisting field ({field}) on node type ({node})"))
    }

    #[test]
    fn exactly_the_named_field_is_dropped_and_only_where_it_was_refused() {
        let fields = Fields::default();
        let asked = fields.ask(&[Place::Waba, Place::NumberRow]);
        assert!(fields.learn(&nonexisting("status", "WhatsAppBusinessPhoneNumber"), &asked));
        let next = fields.ask(&[Place::Waba, Place::NumberRow, Place::Number]);
        assert!(!next.has(Place::NumberRow, "status") && next.has(Place::NumberRow, "certificate"));
        assert!(next.has(Place::Waba, "status") && next.has(Place::Number, "status"));
        assert!(fields.learn(&nonexisting("status", "WhatsAppBusinessPhoneNumber"), &asked), "a read made before");
    }

    #[test]
    fn an_unnamed_field_costs_the_extended_tier_once_and_a_foreign_one_nothing() {
        let fields = Fields::default();
        let asked = fields.ask(&[Place::Number]);
        assert!(!fields.learn(&nonexisting("subscribed_apps", "WhatsAppBusinessAccount"), &asked));
        assert!(fields.learn(&refusal("Tried accessing nonexisting field"), &asked));
        let core = fields.ask(&[Place::Number]);
        assert_eq!(core.list(Place::Number), NUMBER_CORE.join(","));
        assert!(!fields.learn(&refusal("Tried accessing nonexisting field"), &core), "nothing is left to drop");
    }

    #[test]
    fn other_failures_teach_nothing() {
        let fields = Fields::default();
        let asked = fields.ask(&[Place::Number]);
        assert!(!fields.learn(&refusal("(#100) Invalid parameter"), &asked));
        assert!(!fields.learn(&Failure::unanswered("timed out"), &asked));
    }

    #[test]
    fn health_is_asked_in_lists_only_on_demand_and_until_it_fails() {
        let fields = Fields::default();
        let asks = || fields.ask(&[Place::NumberRow]).has(Place::NumberRow, HEALTH);
        assert!(!asks() && fields.ask(&[Place::Number]).has(Place::Number, HEALTH));
        fields.try_health_in_lists();
        assert!(asks());
        let asked = fields.ask(&[Place::NumberRow]);
        assert!(fields.learn(&nonexisting(HEALTH, "WhatsAppBusinessPhoneNumber"), &asked));
        assert!(!asks());
    }
}
