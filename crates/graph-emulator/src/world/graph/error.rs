//! Graph's error shape and the texts of facts §2. Must not decide when an error is due.

use serde_json::{Map, Value, json};

/// The error of a refused call, in Graph's own shape.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphError(Box<Parts>);

#[derive(Debug, Clone, PartialEq)]
struct Parts {
    status: u16,
    kind: String,
    code: i64,
    subcode: Option<i64>,
    message: String,
    is_transient: Option<bool>,
    user: Option<(String, String)>,
    data: Option<Value>,
}

impl GraphError {
    /// Creates an `OAuthException` with this exact message.
    pub fn new(status: u16, code: i64, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            kind: "OAuthException".to_owned(),
            code,
            subcode: None,
            message: message.into(),
            is_transient: None,
            user: None,
            data: None,
        }))
    }

    /// Sets the member `type`.
    #[must_use]
    pub fn kind(mut self, kind: &str) -> Self {
        kind.clone_into(&mut self.0.kind);
        self
    }

    /// Sets the member `error_subcode`.
    #[must_use]
    pub fn subcode(mut self, subcode: i64) -> Self {
        self.0.subcode = Some(subcode);
        self
    }

    /// Sets the member `is_transient`.
    #[must_use]
    pub fn transient(mut self, is_transient: bool) -> Self {
        self.0.is_transient = Some(is_transient);
        self
    }

    /// Sets the members `error_user_title` and `error_user_msg`.
    #[must_use]
    pub fn user(mut self, title: impl Into<String>, msg: impl Into<String>) -> Self {
        self.0.user = Some((title.into(), msg.into()));
        self
    }

    /// Sets the member `error_data.details` (facts §2.1).
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        self.0.data = Some(json!({"messaging_product": "whatsapp", "details": details.into()}));
        self
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The same error under another HTTP status (facts D9).
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = status;
        self
    }

    /// Meta's error code, for example 100.
    pub fn code(&self) -> i64 {
        self.0.code
    }

    /// Meta's error subcode, where there is one.
    pub fn error_subcode(&self) -> Option<i64> {
        self.0.subcode
    }

    /// The member `message`, without user texts.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The JSON body of the answer.
    pub fn body(&self, fbtrace_id: &str) -> Value {
        let p = &self.0;
        let mut e = Map::new();
        e.insert("message".into(), json!(p.message));
        e.insert("type".into(), json!(p.kind));
        e.insert("code".into(), json!(p.code));
        if let Some(subcode) = p.subcode {
            e.insert("error_subcode".into(), json!(subcode));
        }
        if let Some(is_transient) = p.is_transient {
            e.insert("is_transient".into(), json!(is_transient));
        }
        if let Some((title, msg)) = &p.user {
            e.insert("error_user_title".into(), json!(title));
            e.insert("error_user_msg".into(), json!(msg));
        }
        if let Some(data) = &p.data {
            e.insert("error_data".into(), data.clone());
        }
        e.insert("fbtrace_id".into(), json!(fbtrace_id));
        json!({ "error": e })
    }
}

/// An invalid parameter (facts §2.5, "param").
pub(crate) fn invalid_parameter(details: impl Into<String>) -> GraphError {
    GraphError::new(400, 100, "(#100) Invalid parameter").details(details)
}

/// A missing parameter, with Graph's usual text.
pub(crate) fn missing(name: &str) -> GraphError {
    GraphError::new(400, 100, format!("(#100) The parameter {name} is required."))
}

/// A node that was deleted, belongs to another customer or never existed (facts §1.6).
pub(crate) fn no_such_object(method: &str, id: &str) -> GraphError {
    let verb = method.to_lowercase();
    GraphError::new(
        400,
        100,
        format!(
            "Unsupported {verb} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api"
        ),
    )
    .kind("GraphMethodException")
    .subcode(33)
}

/// An unknown field, which fails the whole read (facts §1.6).
pub(crate) fn nonexisting_field(field: &str, node: &str) -> GraphError {
    GraphError::new(400, 100, format!("(#100) Tried accessing nonexisting field ({field}) on node type ({node})"))
}

/// A path that Graph does not know (`errors.json`, code 2500).
pub(crate) fn unknown_path(path: &str) -> GraphError {
    GraphError::new(400, 2500, format!("Unknown path components: {path}"))
}

/// The error 100/2388001, which has several causes; `user_msg` tells them apart (facts §2.2).
pub(crate) fn certificate(user_msg: &str) -> GraphError {
    GraphError::new(400, 100, "Invalid parameter")
        .subcode(2_388_001)
        .transient(false)
        .user("Cannot Create Certificate", user_msg)
}

/// The first text of 2388001: the display name is not good enough yet (facts §2.2).
pub(crate) const NAME_NOT_PROCESSED: &str =
    "Your display name could not be processed. Please edit your display name and try again.";

/// An error whose message has the form `(#code) title`.
pub(crate) fn numbered(status: u16, code: i64, title: &str) -> GraphError {
    GraphError::new(status, code, format!("(#{code}) {title}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_display_name_error_has_the_exact_body_that_meta_sends() {
        assert_eq!(
            certificate(NAME_NOT_PROCESSED).body("Atrace"),
            json!({"error": {"message": "Invalid parameter", "type": "OAuthException", "code": 100, "error_subcode": 2_388_001,
                "is_transient": false, "error_user_title": "Cannot Create Certificate",
                "error_user_msg": "Your display name could not be processed. Please edit your display name and try again.",
                "fbtrace_id": "Atrace"}})
        );
    }
}
