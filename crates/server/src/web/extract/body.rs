//! Request bodies: JSON, or a form as the origin's clients may send. An unreadable body or an invalid field becomes a
//! problem document that names the place and the fix.

use axum::body::{Body as RawBody, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::App;
use crate::web::error::{ApiError, Code, Result};

/// Maximum size of a request body in bytes.
const LIMIT: usize = 64 * 1024;

/// The parsed body; the default if it is empty.
#[derive(Debug)]
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or("").trim().to_ascii_lowercase();
        let bytes = read(request.into_body()).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        match kind.as_str() {
            "application/x-www-form-urlencoded" => of_form(&bytes),
            kind if kind.is_empty() || kind == "application/json" || kind.ends_with("+json") => of_json(&bytes),
            other => Err(ApiError::new(
                Code::UnsupportedMediaType,
                format!("Send the body as application/json, not as {}.", other.chars().take(60).collect::<String>()),
            )),
        }
        .map(Self)
    }
}

/// Reads the bytes of a body up to the limit.
pub(in crate::web) async fn read(body: RawBody) -> Result<Bytes> {
    axum::body::to_bytes(body, LIMIT).await.map_err(|error| {
        if is_over_limit(&error) {
            return ApiError::new(Code::BodyTooLarge, format!("The body exceeds {LIMIT} bytes."));
        }
        ApiError::new(Code::MalformedBody, "The connection ended before the body was complete.")
    })
}

/// Whether reading failed because the body exceeds its limit.
pub(in crate::web) fn is_over_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn of_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // serde accepts a list in place of the members, and its errors would repeat a bare text
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(ApiError::new(Code::MalformedBody, "The body is not a JSON object."));
    }
    // serde does not check ignored members for UTF-8
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::new(Code::MalformedBody, "The body is not UTF-8."))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, cause) = (error.path().to_string(), error.inner());
        if cause.is_data() && path != "." {
            return ApiError::invalid(&path, cause.to_string());
        }
        ApiError::new(Code::MalformedBody, format!("The body is not the JSON object that is expected: {cause}."))
    })?;
    let rest = |_| ApiError::new(Code::MalformedBody, "The body contains data after the JSON object.");
    reader.end().map_err(rest)?;
    Ok(read)
}

/// Parses a form as JSON with string values, so that both formats use the same types.
fn of_form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let fields: serde_json::Map<String, serde_json::Value> = url::form_urlencoded::parse(bytes)
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    serde_json::from_value(fields.into())
        .map_err(|error| ApiError::new(Code::InvalidParameter, format!("The form cannot be read: {error}.")))
}

/// Deserializes text that some clients send as a number, such as Meta's ids.
pub(in crate::web) fn text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(match Option::<Written>::deserialize(deserializer)? {
        Some(Written::Text(text)) => Some(text.trim().to_owned()),
        Some(Written::Number(number)) => Some(number.to_string()),
        None => None,
    })
}

/// Deserializes a boolean in the notation of JSON or of a form.
pub(in crate::web) fn switch<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Switch(bool),
        Text(String),
    }
    Ok(match Option::<Written>::deserialize(deserializer)? {
        Some(Written::Switch(on)) => Some(on),
        Some(Written::Text(text)) => Some(matches!(text.as_str(), "true" | "1" | "on" | "yes")),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Form {
        #[serde(deserialize_with = "text")]
        waba_id: Option<String>,
        #[serde(deserialize_with = "switch")]
        is_coexistence: Option<bool>,
    }

    #[test]
    fn json_and_forms_are_parsed_alike() {
        let expected = Form { waba_id: Some("71".to_owned()), is_coexistence: Some(true) };
        for json in [r#"{"waba_id":"71","is_coexistence":true}"#, r#"{"waba_id":71,"is_coexistence":"1"}"#] {
            assert_eq!(of_json::<Form>(json.as_bytes()).unwrap(), expected);
        }
        assert_eq!(of_form::<Form>(b"waba_id=71&is_coexistence=on").unwrap(), expected);
    }

    #[test]
    fn a_wrong_field_is_named_and_a_broken_body_is_400() {
        let wrong = of_json::<Form>(br#"{"waba_id":{}}"#).unwrap_err();
        assert_eq!(wrong.code(), Code::InvalidParameter);
        assert!(wrong.detail().starts_with("waba_id"), "{}", wrong.detail());
        for broken in ["{", "[]", "[\"71\"]", "null", "\"918273\"", "{} {}"] {
            let error = of_json::<Form>(broken.as_bytes()).unwrap_err();
            assert_eq!(error.code(), Code::MalformedBody, "{broken}");
            assert!(!error.detail().contains("918273"), "{}", error.detail());
        }
    }
}
