//! Request bodies: JSON, or a form as the origin's clients may send. An unreadable body or an invalid field becomes a
//! problem document that names the place and the fix.

use axum::body::{Body as RawBody, Bytes, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::App;
use crate::runtime::byte_budget::{ByteBudget, Exhausted, Reservation};
use crate::web::error::{ApiError, Code, Result};

/// Maximum size of a request body in bytes.
const LIMIT: usize = 64 * 1024;

/// The parsed body; the default if it is empty.
#[derive(Debug)]
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or("").trim().to_ascii_lowercase();
        let (bytes, _reserved) = read(&parts.headers, body, app).await?;
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

/// Reads the body of a request up to the limit of API and pages. The bytes stay reserved as long as the reservation.
pub(in crate::web) async fn read(headers: &HeaderMap, body: RawBody, app: &App) -> Result<(Bytes, Reservation)> {
    refuse_encoded(headers)?;
    collect(body, LIMIT, &app.bodies).await.map_err(|error| match error {
        ReadError::TooLarge => ApiError::new(Code::BodyTooLarge, format!("The body exceeds {LIMIT} bytes.")),
        ReadError::BrokenOff => {
            ApiError::new(Code::MalformedBody, "The connection ended before the body was complete.")
        }
        ReadError::BudgetExhausted => budget_exhausted(),
    })
}

/// Refuses a body in a `Content-Encoding`: a few bytes could unfold into any number, and Meta signs what it sends.
pub(in crate::web) fn refuse_encoded(headers: &HeaderMap) -> Result<()> {
    let is_plain = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        return Ok(());
    }
    Err(ApiError::new(Code::UnsupportedMediaType, "Send the body as it is, without Content-Encoding."))
}

/// The refusal of a body that [`collect`] had no budget for.
pub(in crate::web) fn budget_exhausted() -> ApiError {
    ApiError::new(Code::Unavailable, "Too many bytes of request bodies are in flight; send the request again.")
        .with_retry_after(5)
}

/// Why a body was not read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum ReadError {
    TooLarge,
    /// The connection ended early, or the chunks make no sense.
    BrokenOff,
    /// All bodies in flight together have reached their budget.
    BudgetExhausted,
}

/// Reads a body of at most `limit` bytes. Bytes are reserved in `budget` as they arrive, not as they are announced:
/// a sender that announces much and sends nothing takes nothing from others.
pub(in crate::web) async fn collect(
    mut body: RawBody,
    limit: usize,
    budget: &ByteBudget,
) -> std::result::Result<(Bytes, Reservation), ReadError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(ReadError::TooLarge);
    }
    let mut reservation = budget.reserve();
    let mut collected = Collected::Empty;
    while let Some(frame) = body.frame().await {
        // trailers are read over
        let Ok(data) = frame.map_err(|_| ReadError::BrokenOff)?.into_data() else { continue };
        if data.len() > limit - collected.len() {
            return Err(ReadError::TooLarge);
        }
        reservation.grow(data.len()).map_err(|Exhausted| ReadError::BudgetExhausted)?;
        collected = collected.with(data, announced);
    }
    Ok((collected.into_bytes(), reservation))
}

/// What has arrived of a body. Most bodies arrive in one piece, which is not copied.
enum Collected {
    Empty,
    Whole(Bytes),
    Joined(BytesMut),
}

impl Collected {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Whole(bytes) => bytes.len(),
            Self::Joined(bytes) => bytes.len(),
        }
    }

    fn with(self, data: Bytes, announced: usize) -> Self {
        let mut joined = match self {
            Self::Empty => return Self::Whole(data),
            Self::Whole(first) => {
                let mut joined = BytesMut::with_capacity(announced.max(first.len() + data.len()));
                joined.extend_from_slice(&first);
                joined
            }
            Self::Joined(joined) => joined,
        };
        joined.extend_from_slice(&data);
        Self::Joined(joined)
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::Whole(bytes) => bytes,
            Self::Joined(bytes) => bytes.freeze(),
        }
    }
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
        if let Some(unknown) = unknown_member(&cause.to_string()) {
            return unknown;
        }
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
    serde_json::from_value(fields.into()).map_err(|error| {
        let text = format!("The form cannot be read: {error}.");
        unknown_member(&error.to_string()).unwrap_or_else(|| ApiError::new(Code::InvalidParameter, text))
    })
}

/// The refusal of a member that the request does not have, from serde's text about it.
fn unknown_member(text: &str) -> Option<ApiError> {
    let (name, known) = text.strip_prefix("unknown field `")?.split_once('`')?;
    let known = known.split('`').skip(1).step_by(2).collect::<Vec<_>>();
    Some(no_such_member(name, &known))
}

/// The refusal of a member that the request does not have. A misspelt member must not be ignored.
pub(in crate::web) fn no_such_member(name: &str, known: &[&str]) -> ApiError {
    let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    let fix = match known {
        [] => "there is no such member".to_owned(),
        known => format!("there is no such member; known are {}", known.join(", ")),
    };
    ApiError::invalid(&name, fix)
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

    fn in_pieces(pieces: &[&'static str]) -> RawBody {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))).collect();
        RawBody::from_stream(futures::stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_and_reserved_while_it_is_held() {
        let budget = ByteBudget::new(100);
        for pieces in [&["abcdef"][..], &["ab", "", "cd", "ef"], &["a", "b", "c", "d", "e", "f"]] {
            let (bytes, reserved) = collect(in_pieces(pieces), 6, &budget).await.unwrap();
            assert_eq!((bytes.as_ref(), budget.reserved()), (&b"abcdef"[..], 6), "{pieces:?}");
            drop(reserved);
            assert_eq!(budget.reserved(), 0);
            assert_eq!(collect(in_pieces(pieces), 5, &budget).await.unwrap_err(), ReadError::TooLarge);
        }
        assert_eq!(collect(RawBody::from("abcdef"), 5, &budget).await.unwrap_err(), ReadError::TooLarge);
    }

    #[tokio::test]
    async fn bodies_share_one_budget() {
        let budget = ByteBudget::new(10);
        let (_bytes, held) = collect(in_pieces(&["abc", "def"]), 100, &budget).await.unwrap();
        assert_eq!(collect(in_pieces(&["abc", "de"]), 100, &budget).await.unwrap_err(), ReadError::BudgetExhausted);
        assert_eq!(budget.reserved(), 6, "a body that was given up holds nothing");
        drop(held);
        assert!(collect(in_pieces(&["abc", "de"]), 100, &budget).await.is_ok());
    }

    #[test]
    fn a_body_in_an_encoding_is_refused() {
        let check = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            refuse_encoded(&headers).map_err(|error| error.code())
        };
        assert_eq!((check(&[]), check(&["Identity"])), (Ok(()), Ok(())));
        for values in [&["gzip"][..], &["identity, gzip"], &["identity", "br"], &[""]] {
            assert_eq!(check(values), Err(Code::UnsupportedMediaType), "{values:?}");
        }
    }

    #[test]
    fn json_and_forms_are_parsed_alike() {
        let expected = Form { waba_id: Some("71".to_owned()), is_coexistence: Some(true) };
        for json in [r#"{"waba_id":"71","is_coexistence":true}"#, r#"{"waba_id":71,"is_coexistence":"1"}"#] {
            assert_eq!(of_json::<Form>(json.as_bytes()).unwrap(), expected);
        }
        assert_eq!(of_form::<Form>(b"waba_id=71&is_coexistence=on").unwrap(), expected);
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Strict {
        #[serde(deserialize_with = "text")]
        inbox_id: Option<String>,
        name: String,
    }

    #[test]
    fn an_unknown_member_is_named_in_json_and_in_a_form() {
        let json = of_json::<Strict>(br#"{"name":"a","inboxId":7}"#).unwrap_err();
        let form = of_form::<Strict>(b"name=a&inboxId=7").unwrap_err();
        for error in [json, form] {
            assert_eq!(error.code(), Code::InvalidParameter);
            assert_eq!(error.field(), Some(("inboxId", "there is no such member; known are inbox_id, name")));
        }
        let good = of_json::<Strict>(br#"{"name":"a","inbox_id":7}"#).unwrap();
        assert_eq!((good.inbox_id.as_deref(), good.name.as_str()), (Some("7"), "a"));
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
