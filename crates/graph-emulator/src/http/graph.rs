//! Graph over HTTP: turns requests into calls, batches into several calls, and replies into responses. Must not know the
//! meaning of any route.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Request as HttpRequest, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Cut;
use crate::runtime::{CallOutcome, Runtime};
use crate::world::{Method, Reply, Request};

/// Largest body that is accepted, in bytes.
const MAX_BODY: usize = 3 * 1024 * 1024;
/// Largest number of parts in a batch (facts §1.17).
const MAX_PARTS: usize = 50;

pub(super) async fn answer(State(shared): State<Arc<Runtime>>, request: HttpRequest<Body>) -> Response {
    // The call runs in its own task, so that it completes even if the caller closes the connection.
    let task = tokio::spawn(async move {
        match read(&shared, request).await {
            Ok(request) => serve(&shared, &request).await,
            Err(refused) => *refused,
        }
    });
    task.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn serve(shared: &Runtime, request: &Request) -> Response {
    let is_batch = request.method == Method::Post && request.text("batch").is_some();
    if is_batch {
        return batch(shared, request).await;
    }
    match shared.serve(request, false).await {
        CallOutcome::Reply(reply) => reply_response(&reply),
        CallOutcome::Bare(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
        }
        CallOutcome::Cut => {
            let mut response = StatusCode::BAD_GATEWAY.into_response();
            response.extensions_mut().insert(Cut);
            response
        }
    }
}

fn reply_response(reply: &Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = reply.body.to_string();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    response
}

/// Parses an HTTP request into a call.
async fn read(shared: &Runtime, request: HttpRequest<Body>) -> Result<Request, Box<Response>> {
    let (parts, body) = request.into_parts();
    let refused = |status: StatusCode| Box::new(status.into_response());
    let method = match parts.method.as_str() {
        "GET" | "HEAD" => Method::Get,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        _ => return Err(refused(StatusCode::METHOD_NOT_ALLOWED)),
    };
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| refused(StatusCode::PAYLOAD_TOO_LARGE))?;
    let content_type = text_header(&parts.headers, &header::CONTENT_TYPE).unwrap_or_default();
    let bearer = text_header(&parts.headers, &header::AUTHORIZATION);
    let bearer = bearer.and_then(|v| v.split_once(' ').map(|(_, token)| token.trim().to_owned()));
    let base_url = match text_header(&parts.headers, &header::HOST) {
        Some(host) => format!("http://{host}"),
        None => shared.base_url.get().cloned().unwrap_or_default(),
    };
    Ok(Request {
        method,
        path: decoded(parts.uri.path()),
        query: serde_urlencoded::from_str(parts.uri.query().unwrap_or_default()).unwrap_or_default(),
        body: body_members(&content_type, &bytes),
        bearer,
        base_url,
    })
}

fn text_header(headers: &axum::http::HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Decodes percent escapes of a path; invalid ones are left unchanged.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2).and_then(|pair| hex::decode(pair).ok())).flatten();
        if let Some(byte) = escaped {
            bytes.extend(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

/// Parses a JSON object or a form; any other body counts as empty.
fn body_members(content_type: &str, bytes: &[u8]) -> Map<String, Value> {
    if bytes.is_empty() {
        return Map::new();
    }
    if content_type.starts_with("application/x-www-form-urlencoded") {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(bytes).unwrap_or_default();
        return pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Answers a batch: every part is a call of its own, and a part without an answer is null (facts §1.17).
async fn batch(shared: &Runtime, request: &Request) -> Response {
    let Some(Value::Array(parts)) = request.value("batch") else {
        return batch_error("(#100) param batch must be an array.");
    };
    if parts.len() > MAX_PARTS {
        return batch_error("(#100) Too many requests in batch message. Maximum batch size is 50");
    }
    let with_headers = request.text("include_headers").as_deref() != Some("false");
    let mut answers = Vec::with_capacity(parts.len());
    for part in &parts {
        let answer = match shared.serve(&part_request(request, part), true).await {
            CallOutcome::Reply(reply) => part_answer(reply, with_headers),
            CallOutcome::Bare(status, body) => json!({"code": status, "body": body}),
            CallOutcome::Cut => Value::Null,
        };
        answers.push(answer);
    }
    reply_response(&Reply { status: 200, headers: Vec::new(), body: Value::Array(answers) })
}

fn part_answer(reply: Reply, with_headers: bool) -> Value {
    let mut answer = json!({"code": reply.status, "body": reply.body.to_string()});
    if with_headers {
        let headers = reply.headers.into_iter().map(|(name, value)| json!({"name": name, "value": value}));
        answer["headers"] = Value::Array(headers.collect());
    }
    answer
}

fn batch_error(message: &str) -> Response {
    let error = json!({"error": {"message": message, "type": "OAuthException", "code": 100}});
    reply_response(&Reply { status: 400, headers: Vec::new(), body: error })
}

/// Builds the call of one part; it uses the batch's token unless it has its own.
fn part_request(whole: &Request, part: &Value) -> Request {
    let method = match part["method"].as_str() {
        Some("POST") => Method::Post,
        Some("DELETE") => Method::Delete,
        _ => Method::Get,
    };
    let url = part["relative_url"].as_str().unwrap_or_default();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut request = Request::new(method, format!("/{}", path.trim_start_matches('/')));
    request.query = serde_urlencoded::from_str(query).unwrap_or_default();
    if let Some(body) = part["body"].as_str() {
        request.body = body_members("application/x-www-form-urlencoded", body.as_bytes());
    }
    request.bearer = whole.token();
    request.base_url.clone_from(&whole.base_url);
    for name in ["appsecret_proof", "locale"] {
        if let Some(value) = whole.text(name).filter(|_| request.text(name).is_none()) {
            request.query.push((name.to_owned(), value));
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_escapes_of_a_path_are_decoded() {
        assert_eq!(decoded("/v25.0/123/register"), "/v25.0/123/register");
        assert_eq!(decoded("/v25.0/%31%32%"), "/v25.0/12%");
    }

    #[test]
    fn a_form_and_a_json_body_give_the_same_members() {
        let form = body_members("application/x-www-form-urlencoded", b"pin=123456&messaging_product=whatsapp");
        let json = body_members("application/json", br#"{"pin":"123456","messaging_product":"whatsapp"}"#);
        assert_eq!(form, json);
    }
}
