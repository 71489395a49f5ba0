//! Which value of a fact is worse than which: the written table that `assess` must agree with (policy, "Health"). It is data
//! and knows nothing of `assess`; a property test sets every fact of random cases to a worse value and asks that the level
//! never gets better.
//!
//! Facts without a row have no order: an unread field and an old reading (both lead to Unknown, which stands outside the
//! order), `code_verification_status` (EXPIRED is normal on a live number; what it means before is in the planner's
//! decision), `is_on_biz_app` (a kind, not a state).

/// The values of one fact from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The fact, in Meta's words where it is Meta's.
    pub fact: &'static str,
    /// Its values, each worse than the one before, or as bad.
    pub values: &'static [&'static str],
    /// Where the row holds; empty for everywhere.
    pub only: &'static str,
}

/// The condition under which the fact alone decides whether the number can send.
pub(super) const UNSETTLED: &str =
    "status is CONNECTED, PENDING or unread, and the number's own entity is not BLOCKED without a reason";
/// The condition that the number is on a platform.
pub(super) const PROVISIONED: &str = "platform_type and throughput are read and not NOT_APPLICABLE";
/// The condition that no block exists which an error could explain: a blocked entity is better with an error than without.
pub(super) const EXPLAINED: &str = "the entity is not BLOCKED";

const fn row(fact: &'static str, values: &'static [&'static str]) -> Row {
    Row { fact, values, only: "" }
}

const fn row_where(fact: &'static str, values: &'static [&'static str], only: &'static str) -> Row {
    Row { fact, values, only }
}

/// The table. A fact whose values have no single order has several rows.
pub const WORSE: &[Row] = &[
    // the number
    row("name_status", &["APPROVED", "PENDING_REVIEW", "EXPIRED", "DECLINED"]),
    row("name_status", &["AVAILABLE_WITHOUT_REVIEW", "PENDING_REVIEW"]),
    row("name_status", &["NONE", "DECLINED"]),
    row("new_name_status", &["APPROVED", "PENDING_REVIEW", "DECLINED"]),
    row("new_name_status", &["NONE", "DECLINED"]),
    row("quality_rating", &["GREEN", "YELLOW", "RED"]),
    row("messaging_limit", &["TIER_UNLIMITED", "TIER_100K", "TIER_10K", "TIER_2K", "TIER_1K", "TIER_250", "TIER_50"]),
    row("account_mode", &["LIVE", "SANDBOX"]),
    row("platform_type", &["CLOUD_API", "ON_PREMISE"]),
    row_where("platform_type", &["CLOUD_API", "NOT_APPLICABLE"], UNSETTLED),
    row_where("throughput", &["STANDARD", "NOT_APPLICABLE"], UNSETTLED),
    row("status", &["CONNECTED", "FLAGGED", "RESTRICTED", "BANNED"]),
    row("status", &["CONNECTED", "RATE_LIMITED", "RESTRICTED", "DELETED"]),
    row("status", &["CONNECTED", "SOME_NEW_WORD", "MIGRATED"]),
    row_where("status", &["CONNECTED", "PENDING", "RESTRICTED"], UNSETTLED),
    row_where("status", &["CONNECTED", "DISCONNECTED", "BANNED"], PROVISIONED),
    row("status", &["CONNECTED", "UNVERIFIED", "BANNED"]),
    // health_status
    row("can_send of PHONE_NUMBER", &["AVAILABLE", "LIMITED", "BLOCKED"]),
    row("can_send of WABA", &["AVAILABLE", "LIMITED", "BLOCKED"]),
    row("can_send of BUSINESS", &["AVAILABLE", "LIMITED", "BLOCKED"]),
    row("can_send of APP", &["AVAILABLE", "LIMITED", "BLOCKED"]),
    row_where("error of PHONE_NUMBER", &["none", "138024"], ""),
    row_where("error of PHONE_NUMBER", &["none", "141000"], EXPLAINED),
    row_where("error of WABA", &["none", "141006", "141014"], EXPLAINED),
    row_where("error of WABA", &["none", "199999", "131031"], EXPLAINED),
    row_where("error of BUSINESS", &["none", "141010"], EXPLAINED),
    // the account
    row("account_review_status", &["APPROVED", "PENDING", "REJECTED"]),
    row("waba.status", &["ACTIVE", "RESTRICTED"]),
    row("waba.status", &["ACTIVE", "DISABLED"]),
    row("business_verification_status", &["verified", "not_verified", "rejected"]),
    row("business_verification_status", &["verified", "pending", "pending_need_more_info"]),
    row("restriction", &["none", "RESTRICTED_USER_INITIATED_CALLING", "RESTRICTED_BIZ_INITIATED_MESSAGING"]),
    row("ban", &["none", "scheduled", "banned", "deleted"]),
    row("violation", &["none", "SCAM"]),
    row("compromised", &["no", "yes"]),
    row("coexistence paused", &["no", "just now", "since yesterday"]),
    row("shared with us", &["yes", "no"]),
    // registration
    row("decision", &["done", "waits", "asks for the PIN", "account locked"]),
    row("hold", &["none", "held"]),
    row("sends refused", &["none", "131037", "133010", "131042", "131031"]),
    // the token and the webhooks
    row("token", &["good", "ends soon", "dead"]),
    row("token", &["good", "access lost"]),
    row("fetching another token", &["in progress", "given up"]),
    row("subscription", &["yes", "no"]),
    row("override", &["ours", "missing", "foreign"]),
    row("override", &["ours", "missing", "foreign on the number"]),
    row("override", &["ours", "refused"]),
    row("repairing the webhooks", &["in progress", "given up"]),
    row("repairing the app callback", &["in progress", "given up"]),
    row("app callback", &["ours", "lacks fields", "missing", "foreign"]),
    row("last webhook", &["today", "long ago"]),
];
