//! The Embedded Signup popup as one step: the customer's choices, what they create, and what the browser gets (facts §4).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::accounts::account::{Business, Waba};
use super::meta_enums::{
    BusinessVerification, CertificateShown, CodeStatus, NameDecision, NameStatus, Obstacle, Quality, ReviewStatus,
    TerminalStatus,
};
use super::numbers::number::Number;
use super::oauth::token::{Code, TokenScopes};
use super::state::World;

/// How the customer ended the popup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PopupEnd {
    #[default]
    Finish,
    /// The customer closed the popup on this step (facts §4.3).
    Cancel {
        /// Meta's word, for example `PHONE_NUMBER_SETUP`.
        current_step: String,
    },
    /// The popup ended with an error of Meta's.
    Error { error_code: String, error_message: String },
    /// The customer shared a WABA without a number: `FINISH_ONLY_WABA`.
    OnlyWaba,
}

/// A display-name review and its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Time until the decision; without it, the review lasts until a test decides it.
    #[serde(default)]
    pub lasts: Option<SignedDuration>,
    pub outcome: NameDecision,
}

/// The customer's choices in the popup and Meta's decisions about them. The defaults describe a new, verified customer
/// with a good display name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of the popup or of Meta")]
pub struct Popup {
    pub end: PopupEnd,
    /// Id of the portfolio; a new one is created unless it exists.
    pub business_id: Option<String>,
    pub business_name: String,
    pub business_verification: BusinessVerification,
    /// Id of the WABA; a new one is created unless it exists.
    pub waba_id: Option<String>,
    /// Name of a new WABA; the display name unless given.
    pub waba_name: Option<String>,
    /// Result of the review of a new WABA.
    pub account_review: ReviewStatus,
    /// The number with its country code; generated if missing. A number that exists is onboarded again.
    pub phone_number: Option<String>,
    pub display_name: String,
    /// Whether the number stays in the phone app: `FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING`.
    pub coexistence: bool,
    /// Whether the customer entered the verification code.
    pub verified: bool,
    /// Review of the display name; without one it is `AVAILABLE_WITHOUT_REVIEW`.
    pub review: Option<Review>,
    /// Whether register succeeds while the name is in review, as it often does (facts §6.2).
    pub registrable_during_review: bool,
    /// Hidden delay between a good name and a certificate.
    pub provisioning_lag: SignedDuration,
    pub certificate: CertificateShown,
    /// How long the number stays PENDING after it is registered.
    pub activation_delay: SignedDuration,
    /// Two-step PIN that the number already has.
    pub existing_pin: Option<String>,
    /// A reason for 2388001 other than the display name.
    pub obstacle: Option<Obstacle>,
    /// Whether the WABA has no payment method.
    pub payment_missing: bool,
    pub quality: Quality,
    /// Whether the number is pre-verified: it may be registered within 90 days instead of 14.
    pub preverified: bool,
    /// Whether `health_status` shows the SIP errors of calling.
    pub sip_errors: bool,
    /// Whether the browser returns with a code; the webhook is sent in any case.
    pub browser_returns: bool,
    /// Whether the window message arrives together with the code.
    pub message_arrives: bool,
    /// Whether the message contains the number's id; with coexistence it may not (facts §4.3).
    pub message_names_number: bool,
    /// Lifetime of the token that the code is exchanged for; without it the token never expires.
    pub token_lasts: Option<SignedDuration>,
    /// How that token names the WABAs that it reaches.
    pub token_scopes: TokenScopes,
    /// Redirect URI of the dialog variant; the code exchange must repeat it.
    pub redirect_uri: Option<String>,
}

impl Default for Popup {
    fn default() -> Self {
        Self {
            end: PopupEnd::Finish,
            business_id: None,
            business_name: "Example Bakery GmbH".to_owned(),
            business_verification: BusinessVerification::NotVerified,
            waba_id: None,
            waba_name: None,
            account_review: ReviewStatus::Approved,
            phone_number: None,
            display_name: "Example Bakery".to_owned(),
            coexistence: false,
            verified: true,
            review: None,
            registrable_during_review: false,
            provisioning_lag: SignedDuration::ZERO,
            certificate: CertificateShown::WhenRegistered,
            activation_delay: SignedDuration::ZERO,
            existing_pin: None,
            obstacle: None,
            payment_missing: false,
            quality: Quality::Unknown,
            preverified: false,
            sip_errors: true,
            browser_returns: true,
            message_arrives: true,
            message_names_number: true,
            token_lasts: None,
            token_scopes: TokenScopes::Named,
            redirect_uri: None,
        }
    }
}

/// The result of a popup. The browser would get `code` and `event`; the ids are for tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignupResult {
    /// Single-use code, valid for 30 s.
    pub code: Option<String>,
    /// The message that the popup posts to the window that opened it.
    pub event: Option<Value>,
    pub business_id: Option<String>,
    pub waba_id: Option<String>,
    pub phone_number_id: Option<String>,
    /// The digits of the number, with its country code.
    pub phone_number: Option<String>,
}

impl World {
    /// Runs the popup to its end and queues the `PARTNER_ADDED` webhook.
    pub fn sign_up(&mut self, popup: &Popup, now: Timestamp) -> SignupResult {
        self.run_due_events(now);
        let aborted = |data: Value| SignupResult {
            code: None,
            event: Some(json!({"type": "WA_EMBEDDED_SIGNUP", "event": "CANCEL", "data": data})),
            business_id: None,
            waba_id: None,
            phone_number_id: None,
            phone_number: None,
        };
        match &popup.end {
            PopupEnd::Cancel { current_step } => {
                return aborted(json!({ "current_step": current_step }));
            }
            PopupEnd::Error { error_code, error_message } => {
                let session = self.ids.letters(15).to_lowercase();
                return aborted(
                    json!({"error_message": error_message, "error_code": error_code, "session_id": session,
                    "timestamp": now.as_second().to_string()}),
                );
            }
            PopupEnd::Finish | PopupEnd::OnlyWaba => {}
        }
        let waba_id = self.find_or_create_waba(popup, now);
        let business_id = self.wabas.get(&waba_id).map(|w| w.business_id.clone()).unwrap_or_default();
        let number_id = (popup.end == PopupEnd::Finish).then(|| self.find_or_create_number(popup, &waba_id, now));
        let app_id = self.default_app().to_owned();
        self.share(&app_id, &business_id, &waba_id);
        self.emit_partner_event(&waba_id, "PARTNER_ADDED", &json!({}), now);
        let code = self.new_code(popup, &app_id, &business_id, now);
        let event = finish_event(popup, &business_id, &waba_id, number_id.as_deref());
        let phone_number = number_id.as_ref().and_then(|id| self.numbers.get(id)).map(|n| n.digits.clone());
        SignupResult {
            code: popup.browser_returns.then_some(code),
            event: (popup.browser_returns && popup.message_arrives).then_some(event),
            business_id: Some(business_id),
            waba_id: Some(waba_id),
            phone_number_id: number_id,
            phone_number,
        }
    }

    fn new_code(&mut self, popup: &Popup, app_id: &str, business_id: &str, now: Timestamp) -> String {
        let text = format!("AQ{}", self.ids.letters(80));
        let code = Code {
            app_id: app_id.to_owned(),
            business_id: business_id.to_owned(),
            issued_at: now,
            used: false,
            redirect_uri: popup.redirect_uri.clone(),
            token_lasts: popup.token_lasts,
            token_scopes: popup.token_scopes,
        };
        self.codes.insert(text.clone(), code);
        text
    }

    fn find_or_create_waba(&mut self, popup: &Popup, now: Timestamp) -> String {
        if let Some(id) = popup.waba_id.as_ref().filter(|id| self.wabas.contains_key(*id)) {
            return id.clone();
        }
        let business_id = match popup.business_id.as_ref().filter(|id| self.businesses.contains_key(*id)) {
            Some(id) => id.clone(),
            None => {
                self.new_business(popup.business_id.clone(), &popup.business_name, popup.business_verification, now)
            }
        };
        let name = popup.waba_name.clone().unwrap_or_else(|| popup.display_name.clone());
        let id = self.new_waba(popup.waba_id.clone(), &business_id, name, now);
        if let Some(waba) = self.wabas.get_mut(&id) {
            waba.payment_missing = popup.payment_missing;
            waba.review = popup.account_review;
        }
        id
    }

    pub(crate) fn new_business(
        &mut self,
        id: Option<String>,
        name: &str,
        verification: BusinessVerification,
        now: Timestamp,
    ) -> String {
        let id = id.unwrap_or_else(|| self.ids.object("73"));
        let mut business = Business::new(&id, name, verification);
        business.created_at = Some(now);
        self.businesses.insert(id.clone(), business);
        id
    }

    pub(crate) fn new_waba(&mut self, id: Option<String>, business_id: &str, name: String, now: Timestamp) -> String {
        let id = id.unwrap_or_else(|| self.ids.object("71"));
        let namespace = format!("{:08x}_{:04x}", self.ids.word() & 0xFFFF_FFFF, self.ids.word() & 0xFFFF);
        self.wabas.insert(id.clone(), Waba::new(id.clone(), business_id.to_owned(), name, namespace, now));
        id
    }

    fn find_or_create_number(&mut self, popup: &Popup, waba_id: &str, now: Timestamp) -> String {
        let generated = format!("1555{}", self.ids.digits(7));
        let digits: String =
            popup.phone_number.clone().unwrap_or(generated).chars().filter(char::is_ascii_digit).collect();
        let known = self.numbers.values().find(|n| n.digits == digits && !n.is_gone()).map(|n| n.id.clone());
        if let Some(id) = known {
            if self.numbers.get(&id).is_some_and(|n| n.waba_id == waba_id) {
                self.onboard_again(&id, popup, now);
                return id;
            }
            // Another WABA claims the number: the old entry becomes MIGRATED (facts §6.1 J).
            if let Some(old) = self.numbers.get_mut(&id) {
                old.terminal_status = Some(TerminalStatus::Migrated);
                old.registered = false;
            }
        }
        let id = self.ids.object("72");
        let number = new_number(id.clone(), waba_id, digits, popup, now);
        self.numbers.insert(id.clone(), number);
        if let Some(review) = popup.review {
            self.schedule_review(&id, review.lasts, review.outcome, now);
        }
        id
    }

    /// Onboards a known number again, which restarts its onboarding window.
    fn onboard_again(&mut self, id: &str, popup: &Popup, now: Timestamp) {
        if let Some(n) = self.numbers.get_mut(id) {
            n.onboarded_at = now;
            n.syncs.clear();
            if popup.verified {
                n.prove_ownership();
            }
            if popup.coexistence {
                n.on_biz_app = true;
                n.registered = true;
            }
        }
    }
}

fn new_number(id: String, waba_id: &str, digits: String, popup: &Popup, now: Timestamp) -> Number {
    let mut n = Number::new(id, waba_id.to_owned(), digits, popup.display_name.clone(), now);
    n.code = if popup.verified { CodeStatus::Verified } else { CodeStatus::NotVerified };
    n.provisioning_lag = popup.provisioning_lag;
    n.certificate = popup.certificate;
    n.activation_delay = popup.activation_delay;
    n.pin.clone_from(&popup.existing_pin);
    n.obstacle = popup.obstacle;
    n.quality = popup.quality;
    n.preverified = popup.preverified;
    n.sip_errors = popup.sip_errors;
    let provisioned_at = Some(now + popup.provisioning_lag);
    n.provisioned_at = provisioned_at;
    if popup.review.is_some() {
        n.name_status = NameStatus::PendingReview;
        n.provisioned_at = provisioned_at.filter(|_| popup.registrable_during_review);
    }
    if popup.coexistence {
        // Such a number is registered already: Cloud API and the phone app share it (facts §1.7).
        (n.on_biz_app, n.registered, n.ever_registered) = (true, true, true);
    }
    n
}

fn finish_event(popup: &Popup, business_id: &str, waba_id: &str, number_id: Option<&str>) -> Value {
    let event = match (&popup.end, popup.coexistence) {
        (PopupEnd::OnlyWaba, _) => "FINISH_ONLY_WABA",
        (_, true) => "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING",
        _ => "FINISH",
    };
    let mut data = json!({"waba_id": waba_id, "business_id": business_id, "page_ids": [], "ad_account_ids": [],
        "dataset_ids": [], "catalog_ids": [], "instagram_account_ids": []});
    if let Some(id) = number_id.filter(|_| popup.message_names_number) {
        data["phone_number_id"] = json!(id);
    }
    json!({"type": "WA_EMBEDDED_SIGNUP", "event": event, "version": 3, "data": data})
}
