//! Faults that a test adds for coming Graph calls. Must not know the state of the world.

use serde::{Deserialize, Serialize};

use crate::world::GraphError;

/// Which calls fail, how often and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Method and template, whole or only its last part: `"GET /{waba}/phone_numbers"`, `"POST register"`, `"GET {phone}"`;
    /// `None` matches any route.
    pub route: Option<String>,
    /// Only calls whose parameter `fields` contains this text.
    pub fields: Option<String>,
    /// Only calls whose parameter `fields` equals this text.
    pub fields_exactly: Option<String>,
    /// Only calls about this WABA or its numbers.
    pub waba_id: Option<String>,
    /// Only calls about this number.
    pub phone_number_id: Option<String>,
    /// Number of matching calls that pass first.
    pub skip: u32,
    /// Number of calls that fail; one unless given.
    #[serde(default = "once")]
    pub times: u32,
    /// Graph's own refusal; a register call refused this way counts in the 72 hours.
    pub error: Option<FaultError>,
    /// A HTTP status without Graph's body.
    pub status: Option<u16>,
    /// Body for `status`; a proxy's error page unless given.
    pub body: Option<String>,
    /// Delay before the answer, in wall time.
    pub delay_ms: Option<u64>,
    /// The connection closes and the call has no effect.
    pub cut: bool,
    /// The call takes effect, but the connection closes instead of an answer.
    pub apply_then_cut: bool,
}

const fn once() -> u32 {
    1
}

/// A Graph error to answer with; members that are not given follow from the code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultError {
    pub code: i64,
    pub subcode: Option<i64>,
    /// HTTP status; that of facts §2.1 unless given.
    pub status: Option<u16>,
    /// Message; the known text of the code unless given.
    pub message: Option<String>,
    /// Member `type`; `OAuthException` unless given.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Member `error_user_title` of the error.
    pub user_title: Option<String>,
    /// Member `error_user_msg` of the error.
    pub user_msg: Option<String>,
    /// Member `error_data.details` of the error.
    pub details: Option<String>,
    /// Member `is_transient` of the error.
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

    /// The next matching call has no effect and gets no answer.
    pub fn cut(route: &str) -> Self {
        Self { cut: true, ..Self::on(route) }
    }

    /// The next matching call takes effect, but its answer is lost.
    pub fn apply_then_cut(route: &str) -> Self {
        Self { apply_then_cut: true, ..Self::on(route) }
    }

    /// The next matching call takes effect, but its answer is late.
    pub fn delay(route: &str, ms: u64) -> Self {
        Self { delay_ms: Some(ms), ..Self::on(route) }
    }

    fn on(route: &str) -> Self {
        Self { route: Some(route.to_owned()), times: 1, ..Self::default() }
    }

    /// Sets the number of calls that fail.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Sets the number of matching calls that pass first.
    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.skip = calls;
        self
    }

    /// Limits the fault to calls about this number.
    #[must_use]
    pub fn on_number(mut self, id: &str) -> Self {
        self.phone_number_id = Some(id.to_owned());
        self
    }

    /// Limits the fault to calls about this WABA and its numbers.
    #[must_use]
    pub fn on_waba(mut self, id: &str) -> Self {
        self.waba_id = Some(id.to_owned());
        self
    }

    /// Limits the fault to reads whose `fields` contain this text.
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

/// The parts of a call that decide whether a fault matches it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub template: &'a str,
    pub fields: Option<&'a str>,
    pub waba_id: Option<&'a str>,
    pub phone_number_id: Option<&'a str>,
}

/// Returns the first fault that matches a call, and uses it up once.
pub(crate) fn take_matching(faults: &mut Vec<Fault>, call: &Call<'_>) -> Option<Fault> {
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

/// Whether a pattern such as `"POST register"` matches a template such as `"POST /{phone}/register"`; `*` matches any
/// method or path.
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
        let status = self.status.unwrap_or_else(|| default_status(self.code));
        let message = self.message.clone().unwrap_or_else(|| default_message(self.code, self.subcode));
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

/// The HTTP status that usually comes with a code (facts §2.1).
const fn default_status(code: i64) -> u16 {
    match code {
        0 | 190 => 401,
        10 | 200..=299 | 368 | 130_497 | 131_005 | 131_031 => 403,
        132_001 => 404,
        3 | 131_000 | 131_016 | 131_045 | 131_057 | 133_000 | 134_102 => 500,
        2 | 133_004 => 503,
        _ => 400,
    }
}

fn default_message(code: i64, subcode: Option<i64>) -> String {
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

/// The body for a bare status: the fault's own, or the page of a proxy.
pub(crate) fn fault_body(fault: &Fault) -> String {
    fault.body.clone().unwrap_or_else(|| "<html><body>Sorry, something went wrong.</body></html>".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_its_template() {
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
    fn a_fault_is_used_up_by_the_calls_it_hits() {
        let mut faults = vec![Fault::error("POST register", 133_004).times(2).after(1)];
        let call = Call { template: "POST /{phone}/register", fields: None, waba_id: None, phone_number_id: None };
        let hits: Vec<bool> = (0..5).map(|_| take_matching(&mut faults, &call).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
    }

    #[test]
    fn json_may_leave_out_the_defaults() {
        let fault: Fault = serde_json::from_str(r#"{"route":"POST register","error":{"code":133004}}"#).expect("valid");
        assert_eq!(fault.times, 1);
        assert_eq!(fault.error.expect("error").graph_error().status(), 503);
    }
}
