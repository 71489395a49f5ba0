//! The Embedded Signup popup as one move: what the customer chose, and what the browser gets (facts §4).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::number::Number;
use super::token::Code;
use super::waba::{Business, Waba};
use super::words::{
    BusinessVerification, CertificateShown, CodeStatus, Fate, NameDecision, NameStatus, Obstacle, Quality, ReviewStatus,
};

/// How the customer left the popup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PopupEnd {
    /// Went through.
    #[default]
    Finish,
    /// Closed it on this step (facts §4.3).
    Cancel {
        /// `PHONE_NUMBER_SETUP` and others.
        current_step: String,
    },
    /// Met an error of Meta's.
    Error {
        /// Code as text.
        error_code: String,
        /// Text.
        error_message: String,
    },
    /// Shared a WABA without a number: `FINISH_ONLY_WABA`.
    OnlyWaba,
}

/// A display-name review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// How long; without it until told.
    #[serde(default)]
    pub lasts: Option<SignedDuration>,
    /// How it ends.
    pub outcome: NameDecision,
}

/// What the customer did and what Meta will make of it. Everything has a default: a new customer, verified, name good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of the popup or of Meta")]
pub struct Popup {
    /// How it ended.
    pub end: PopupEnd,
    /// An existing portfolio, else a new one.
    pub business_id: Option<String>,
    /// Name of a new portfolio.
    pub business_name: String,
    /// Verification of a new portfolio.
    pub business_verification: BusinessVerification,
    /// An existing WABA, else a new one.
    pub waba_id: Option<String>,
    /// Name of a new WABA.
    pub waba_name: Option<String>,
    /// Review of a new WABA.
    pub account_review: ReviewStatus,
    /// The number with country code; drawn if missing. One already in the world is onboarded again.
    pub phone_number: Option<String>,
    /// Its display name.
    pub display_name: String,
    /// Keeps the phone app: `FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING`.
    pub coexistence: bool,
    /// Whether the code was typed.
    pub verified: bool,
    /// The name's review; none means `AVAILABLE_WITHOUT_REVIEW`.
    pub review: Option<Review>,
    /// Whether register works while the name is in review (facts §6.2: it often does).
    pub registrable_during_review: bool,
    /// Hidden lag between a good name and a certificate.
    pub provisioning_lag: SignedDuration,
    /// When the certificate shows.
    pub certificate: CertificateShown,
    /// How long a registered number stays PENDING.
    pub activation_delay: SignedDuration,
    /// Two-step PIN the number already has.
    pub existing_pin: Option<String>,
    /// A hindrance of the 2388001 kind.
    pub obstacle: Option<Obstacle>,
    /// No payment method.
    pub payment_missing: bool,
    /// Quality from the start.
    pub quality: Quality,
    /// A pre-verified number: 90 days instead of 14.
    pub preverified: bool,
    /// SIP errors in `health_status`.
    pub sip_noise: bool,
    /// Whether the browser came back at all; the webhook comes either way.
    pub browser_returns: bool,
    /// Whether the window message arrives beside the code.
    pub message_arrives: bool,
    /// Whether the message names the number (coexistence may not, facts §4.3).
    pub message_names_number: bool,
    /// Life of the token the code buys; never expires if missing.
    pub token_lasts: Option<SignedDuration>,
    /// The redirect URI of the dialog variant, to be repeated at the exchange.
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
            sip_noise: true,
            browser_returns: true,
            message_arrives: true,
            message_names_number: true,
            token_lasts: None,
            redirect_uri: None,
        }
    }
}

/// What came of a popup: `code` and `event` are what the browser would hold, the rest is for tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignupResult {
    /// The exchangeable code; good for 30 s.
    pub code: Option<String>,
    /// The window message.
    pub event: Option<Value>,
    /// Portfolio.
    pub business_id: Option<String>,
    /// WABA.
    pub waba_id: Option<String>,
    /// Number.
    pub phone_number_id: Option<String>,
    /// Its digits.
    pub phone_number: Option<String>,
}

impl World {
    /// Plays the popup.
    pub fn sign_up(&mut self, popup: &Popup, now: Timestamp) -> SignupResult {
        self.catch_up(now);
        let left = |data: Value| SignupResult {
            code: None,
            event: Some(json!({"type": "WA_EMBEDDED_SIGNUP", "event": "CANCEL", "data": data})),
            business_id: None,
            waba_id: None,
            phone_number_id: None,
            phone_number: None,
        };
        match &popup.end {
            PopupEnd::Cancel { current_step } => {
                return left(json!({ "current_step": current_step }));
            }
            PopupEnd::Error { error_code, error_message } => {
                let session = self.ids.letters(15).to_lowercase();
                return left(json!({"error_message": error_message, "error_code": error_code, "session_id": session,
                    "timestamp": now.as_second().to_string()}));
            }
            PopupEnd::Finish | PopupEnd::OnlyWaba => {}
        }
        let waba_id = self.chosen_waba(popup, now);
        let business_id = self.wabas.get(&waba_id).map(|w| w.business_id.clone()).unwrap_or_default();
        let number_id = (popup.end == PopupEnd::Finish).then(|| self.chosen_number(popup, &waba_id, now));
        let app_id = self.default_app().to_owned();
        self.share(&app_id, &business_id, &waba_id);
        self.tell_partner(&waba_id, "PARTNER_ADDED", &json!({}), now);
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
        };
        self.codes.insert(text.clone(), code);
        text
    }

    fn chosen_waba(&mut self, popup: &Popup, now: Timestamp) -> String {
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

    fn chosen_number(&mut self, popup: &Popup, waba_id: &str, now: Timestamp) -> String {
        let drawn = format!("1555{}", self.ids.digits(7));
        let digits: String = popup.phone_number.clone().unwrap_or(drawn).chars().filter(char::is_ascii_digit).collect();
        let known = self.numbers.values().find(|n| n.digits == digits && !n.is_gone()).map(|n| n.id.clone());
        if let Some(id) = known {
            if self.numbers.get(&id).is_some_and(|n| n.waba_id == waba_id) {
                self.onboard_again(&id, popup, now);
                return id;
            }
            // Claimed by another WABA: the old entry moves away (facts §6.1 J).
            if let Some(old) = self.numbers.get_mut(&id) {
                old.fate = Some(Fate::Migrated);
                old.registered = false;
            }
        }
        let id = self.ids.object("72");
        let number = new_number(id.clone(), waba_id, digits, popup, now);
        self.numbers.insert(id.clone(), number);
        if let Some(review) = popup.review {
            self.plan_review(&id, review.lasts, review.outcome, now);
        }
        id
    }

    /// The same number through the popup once more: the window opens again.
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
    n.sip_noise = popup.sip_noise;
    let lagged = Some(now + popup.provisioning_lag);
    n.provisioned_at = lagged;
    if popup.review.is_some() {
        n.name_status = NameStatus::PendingReview;
        n.provisioned_at = lagged.filter(|_| popup.registrable_during_review);
    }
    if popup.coexistence {
        // Already registered: Cloud API and the phone app share it (facts §1.7).
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
