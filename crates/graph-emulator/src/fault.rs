//! Failures a test orders for coming Graph calls. Must not know the world.

use serde::{Deserialize, Serialize};

use crate::world::GraphError;

/// Which calls fail, how often and how. `route` is `"POST register"`, `"GET {phone}"`, `"GET /{waba}/phone_numbers"` or none for any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Method and last part of the template, or the whole template.
    pub route: Option<String>,
    /// The `fields` parameter must contain this.
    pub fields: Option<String>,
    /// The `fields` parameter must be this.
    pub fields_exactly: Option<String>,
    /// Only calls about this WABA or its numbers.
    pub waba_id: Option<String>,
    /// Only calls about this number.
    pub phone_number_id: Option<String>,
    /// So many matching calls pass first.
    pub skip: u32,
    /// So many calls fail; one unless given.
    #[serde(default = "once")]
    pub times: u32,
    /// Graph's own refusal; a register call so refused counts in the ledger.
    pub error: Option<FaultError>,
    /// A bare HTTP status instead of Graph's answer.
    pub status: Option<u16>,
    /// Body for `status`; a proxy's page unless given.
    pub body: Option<String>,
    /// The answer waits so long (wall time).
    pub delay_ms: Option<u64>,
    /// The connection closes before the call takes effect.
    pub cut: bool,
    /// The call takes effect, then the connection closes.
    pub apply_then_cut: bool,
}

const fn once() -> u32 {
    1
}

/// A Graph error to answer with; what is not given follows the code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultError {
    /// Code.
    pub code: i64,
    /// Subcode.
    pub subcode: Option<i64>,
    /// HTTP status; facts §2.1 unless given.
    pub status: Option<u16>,
    /// Message; the known title of the code unless given.
    pub message: Option<String>,
    /// `type`; `OAuthException` unless given.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `error_user_title`.
    pub user_title: Option<String>,
    /// `error_user_msg`.
    pub user_msg: Option<String>,
    /// `error_data.details`.
    pub details: Option<String>,
    /// `is_transient`.
    pub is_transient: Option<bool>,
}

impl Fault {
    /// The next matching call is refused with a code.
    pub fn error(route: &str, code: i64) -> Self {
        Self { error: Some(FaultError { code, ..FaultError::default() }), ..Self::on(route) }
    }

    /// The next matching call is refused with this error.
    pub fn refusal(route: &str, error: FaultError) -> Self {
        Self { error: Some(error), ..Self::on(route) }
    }

    /// The next matching call gets a bare HTTP status.
    pub fn status(route: &str, status: u16) -> Self {
        Self { status: Some(status), ..Self::on(route) }
    }

    /// The next matching call never arrives.
    pub fn cut(route: &str) -> Self {
        Self { cut: true, ..Self::on(route) }
    }

    /// The next matching call works, but its answer is lost.
    pub fn apply_then_cut(route: &str) -> Self {
        Self { apply_then_cut: true, ..Self::on(route) }
    }

    /// The next matching call works, but its answer is late.
    pub fn delay(route: &str, ms: u64) -> Self {
        Self { delay_ms: Some(ms), ..Self::on(route) }
    }

    fn on(route: &str) -> Self {
        Self { route: Some(route.to_owned()), times: 1, ..Self::default() }
    }

    /// So many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Only after so many matching calls.
    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.skip = calls;
        self
    }

    /// Only this number.
    #[must_use]
    pub fn on_number(mut self, id: &str) -> Self {
        self.phone_number_id = Some(id.to_owned());
        self
    }

    /// Only this WABA.
    #[must_use]
    pub fn on_waba(mut self, id: &str) -> Self {
        self.waba_id = Some(id.to_owned());
        self
    }

    /// Only reads whose `fields` contain this.
    #[must_use]
    pub fn when_fields(mut self, text: &str) -> Self {
        self.fields = Some(text.to_owned());
        self
    }

    pub(crate) fn matches(&self, call: &Call<'_>) -> bool {
        let fields = call.fields.unwrap_or_default();
        self.times > 0
            && self.route.as_deref().is_none_or(|pattern| route_matches(pattern, call.template))
            && self.fields.as_deref().is_none_or(|part| fields.contains(part))
            && self.fields_exactly.as_deref().is_none_or(|all| fields == all)
            && self.waba_id.as_deref().is_none_or(|id| call.waba_id == Some(id))
            && self.phone_number_id.as_deref().is_none_or(|id| call.phone_number_id == Some(id))
    }
}

/// What a fault looks at.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub template: &'a str,
    pub fields: Option<&'a str>,
    pub waba_id: Option<&'a str>,
    pub phone_number_id: Option<&'a str>,
}

/// Takes the fault that hits a call, spending it.
pub(crate) fn take(faults: &mut Vec<Fault>, call: &Call<'_>) -> Option<Fault> {
    let mut hit = None;
    for fault in faults.iter_mut().filter(|f| f.matches(call)) {
        if fault.skip > 0 {
            fault.skip -= 1;
            continue;
        }
        fault.times -= 1;
        hit = Some(fault.clone());
        break;
    }
    faults.retain(|f| f.times > 0);
    hit
}

/// `"POST register"` fits `"POST /{phone}/register"`; `*` fits any method.
fn route_matches(pattern: &str, template: &str) -> bool {
    if pattern == template || pattern == "*" {
        return true;
    }
    let (Some((want_method, want)), Some((method, path))) = (pattern.split_once(' '), template.split_once(' ')) else {
        return false;
    };
    let bare = |text: &str| text.trim_matches(['{', '}', '/']).to_owned();
    let last = path.rsplit('/').next().unwrap_or_default();
    (want_method == "*" || want_method.eq_ignore_ascii_case(method))
        && (want == "*" || want == path || bare(want) == bare(last) || bare(want) == bare(path))
}

impl FaultError {
    pub(crate) fn graph_error(&self) -> GraphError {
        let status = self.status.unwrap_or_else(|| usual_status(self.code));
        let message = self.message.clone().unwrap_or_else(|| usual_message(self.code, self.subcode));
        let mut error = GraphError::new(status, self.code, message);
        if let Some(kind) = &self.kind {
            error = error.kind(kind);
        }
        if let Some(subcode) = self.subcode {
            error = error.subcode(subcode);
        }
        if let Some(is_transient) = self.is_transient {
            error = error.transient(is_transient);
        }
        if self.subcode == Some(2_388_001) || self.user_msg.is_some() {
            let title = self.user_title.as_deref().unwrap_or("Cannot Create Certificate");
            error = error.user(title, self.user_msg.as_deref().unwrap_or(crate::world::NAME_NOT_PROCESSED));
        }
        match &self.details {
            Some(details) => error.details(details.clone()),
            None => error,
        }
    }
}

/// Facts §2.1.
const fn usual_status(code: i64) -> u16 {
    match code {
        0 | 190 => 401,
        10 | 200..=299 | 368 | 130_497 | 131_005 | 131_031 => 403,
        132_001 => 404,
        3 | 131_000 | 131_016 | 131_045 | 131_057 | 133_000 | 134_102 => 500,
        2 | 133_004 => 503,
        _ => 400,
    }
}

fn usual_message(code: i64, subcode: Option<i64>) -> String {
    let title = match (code, subcode) {
        (100, Some(2_388_001)) => return "Invalid parameter".to_owned(),
        (190, _) => {
            return "Error validating access token: The session has been invalidated.".to_owned();
        }
        (1, _) => return "An unknown error occurred".to_owned(),
        (2, _) => return "Service temporarily unavailable".to_owned(),
        (4, _) => "Application request limit reached",
        (10, _) => "Application does not have permission for this action",
        (100, _) => "Invalid parameter",
        (200, _) => "Permissions error",
        (80_007 | 80_008, _) => {
            "There have been too many calls to this WhatsApp Business account. Wait a bit and try again. For more info, please refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting."
        }
        (131_000, _) => "Something went wrong",
        (131_031, _) => "Account has been locked",
        (133_000, _) => "Incomplete Deregistration",
        (133_004, _) => "Server Temporarily Unavailable",
        (133_005, _) => "Two step verification PIN Mismatch",
        (133_006, _) => "Phone number re-verification needed",
        (133_008, _) => "Too Many two step verification PIN Guesses",
        (133_009, _) => "Two step verification PIN Guessed Too Fast",
        (133_010, _) => "Account not registered",
        (133_015, _) => "Please wait a few minutes before attempting to register this phone number",
        (133_016, _) => "Account register deregister rate limit exceeded",
        _ => "Error",
    };
    format!("(#{code}) {title}")
}

/// What a proxy in front of Graph might say.
pub(crate) fn status_body(fault: &Fault) -> String {
    fault.body.clone().unwrap_or_else(|| "<html><body>Sorry, something went wrong.</body></html>".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_templates() {
        for pattern in ["POST register", "POST /{phone}/register", "* register", "*", "post /register"] {
            assert!(route_matches(pattern, "POST /{phone}/register"), "{pattern}");
        }
        for pattern in ["GET {phone}", "GET phone", "GET /{phone}"] {
            assert!(route_matches(pattern, "GET /{phone}"), "{pattern}");
        }
        assert!(!route_matches("GET phone", "GET /{waba}/phone_numbers"));
        assert!(!route_matches("POST register", "POST /{phone}/deregister"));
    }

    #[test]
    fn faults_are_spent() {
        let mut faults = vec![Fault::error("POST register", 133_004).times(2).after(1)];
        let call = Call { template: "POST /{phone}/register", fields: None, waba_id: None, phone_number_id: None };
        let hits: Vec<bool> = (0..5).map(|_| take(&mut faults, &call).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
    }

    #[test]
    fn json_needs_only_what_differs() {
        let fault: Fault = serde_json::from_str(r#"{"route":"POST register","error":{"code":133004}}"#).expect("valid");
        assert_eq!(fault.times, 1);
        assert_eq!(fault.error.expect("error").graph_error().status(), 503);
    }
}
