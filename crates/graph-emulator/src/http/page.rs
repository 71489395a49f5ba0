//! The page that shows the world to people. Must not change the world or show a token.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;

use crate::log::{LogEntry, WebhookEntry};
use crate::runtime::Runtime;
use crate::world::{NumberView, WorldView};

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1c1e21;background:#f7f8fa}
h1{font-size:1.3rem}h2{font-size:1rem;margin:2rem 0 .5rem}p{color:#555}
table{border-collapse:collapse;width:100%;background:#fff;border:1px solid #dde1e6}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #eceff3;vertical-align:top}
th{font-weight:600;background:#fbfcfd}code{font-size:12px}
.ok{color:#0a7a3d}.wait{color:#9a6700}.bad{color:#b3261e}.scroll{overflow-x:auto}
@media(prefers-color-scheme:dark){body{background:#16181c;color:#e6e8eb}table{background:#1e2126;border-color:#333a42}th{background:#23272d}th,td{border-color:#2c323a}p{color:#a3abb5}.ok{color:#4cc38a}.wait{color:#e0b04a}.bad{color:#ff8d84}}";

/// Number of rows that are shown of each log.
const SHOWN: usize = 30;

pub(super) async fn show(State(shared): State<Arc<Runtime>>) -> Html<String> {
    let state = shared.lock();
    let view = state.world.view(state.clock.now());
    let calls: Vec<LogEntry> = state.calls.iter().rev().take(SHOWN).cloned().collect();
    let webhooks: Vec<WebhookEntry> = state.webhooks.iter().rev().take(SHOWN).cloned().collect();
    drop(state);
    Html(render(&view, &calls, &webhooks))
}

fn render(view: &WorldView, calls: &[LogEntry], webhooks: &[WebhookEntry]) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Graph emulator</title><style>{STYLE}</style></head><body><h1>Graph emulator</h1><p>World time {} · {} WABAs · {} numbers · {} webhooks waiting</p>",
        view.now,
        view.wabas.len(),
        view.numbers.len(),
        view.webhooks_waiting
    );
    for app in &view.apps {
        let callback = app.callback_url.as_deref().unwrap_or("no callback yet");
        // Writing to a String cannot fail.
        let _ok = write!(page, "<p>App <code>{}</code>: {}</p>", escape(&app.id), escape(callback));
    }
    let number_rows = view.numbers.iter().take(200).map(number_row);
    table(
        &mut page,
        "Numbers",
        &["Number", "Name", "Status", "Platform", "Code", "Name status", "Quality", "Calls in 72 h", "Hidden"],
        number_rows,
    );
    table(&mut page, "Calls", &["At", "Route", "Status", "Error"], calls.iter().map(call_row));
    table(&mut page, "Webhooks", &["At", "Fields", "Callback", "Answer"], webhooks.iter().map(webhook_row));
    let without_subscriber =
        view.webhooks_without_subscriber.iter().map(|(field, n)| vec![escape(field), n.to_string()]);
    if !view.webhooks_without_subscriber.is_empty() {
        table(&mut page, "Webhooks without a subscriber", &["Field", "Times"], without_subscriber);
    }
    let uncovered = view.uncovered.iter().map(|(route, n)| vec![escape(route), n.to_string()]);
    if !view.uncovered.is_empty() {
        table(&mut page, "Uncovered routes", &["Route", "Times"], uncovered);
    }
    page.push_str("</body></html>");
    page
}

fn table(page: &mut String, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let heads = format!("<th>{}</th>", head.join("</th><th>"));
    let mut body = String::new();
    for row in rows {
        let cells = format!("<td>{}</td>", row.join("</td><td>"));
        let _ok = write!(body, "<tr>{cells}</tr>");
    }
    if body.is_empty() {
        let _ok = write!(body, "<tr><td colspan=\"{}\">Nothing yet.</td></tr>", head.len());
    }
    let _ok = write!(
        page,
        "<h2>{title}</h2><div class=\"scroll\"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    );
}

fn number_row(n: &NumberView) -> Vec<String> {
    let class = match n.status.as_str() {
        "CONNECTED" => "ok",
        "PENDING" => "wait",
        _ => "bad",
    };
    let mut hidden = Vec::new();
    hidden.extend(n.obstacle.map(|o| o.into_str().to_owned()));
    hidden.extend(n.locked_until.map(|at| format!("133016 until {at}")));
    hidden.extend(n.name_decided_at.map(|at| format!("name decided {at}")));
    if !n.registered {
        let at = n.provisioned_at.map_or_else(|| "not planned".to_owned(), |at| at.to_string());
        hidden.push(format!("provisioned {at}"));
    }
    vec![
        format!("+{}<br><code>{}</code>", escape(&n.phone_number), escape(&n.id)),
        escape(&n.verified_name),
        format!("<span class=\"{class}\">{}</span>", n.status),
        n.platform_type.clone(),
        n.code_verification_status.into_str().to_owned(),
        n.name_status.into_str().to_owned(),
        n.quality_rating.into_str().to_owned(),
        format!("{} of 10", n.register_calls_in_window),
        escape(&hidden.join(", ")),
    ]
}

fn call_row(c: &LogEntry) -> Vec<String> {
    let error = match (c.error_code, c.error_subcode) {
        (Some(code), Some(subcode)) => format!("{code} / {subcode}"),
        (Some(code), None) => code.to_string(),
        (None, _) => String::new(),
    };
    let status = c.status.map_or_else(|| "cut".to_owned(), |s| s.to_string());
    vec![c.at.to_string(), format!("<code>{}</code>", escape(&c.route)), status, error]
}

fn webhook_row(w: &WebhookEntry) -> Vec<String> {
    let status = w.status.map_or_else(|| "no answer".to_owned(), |s| s.to_string());
    let what = if w.fields.is_empty() { w.kind.clone() } else { w.fields.join(", ") };
    vec![w.at.to_string(), escape(&what), escape(&w.callback_url), status]
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_escaped_for_html() {
        assert_eq!(escape("<b>\"&"), "&lt;b&gt;&quot;&amp;");
    }
}
