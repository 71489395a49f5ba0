//! Mutated requests thrown at every endpoint, from a seed: never a 5xx, never a panic, always a problem
//! document where something is wrong.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::keys::own;
use super::raw::Reply;
use super::support::{HOOK, Operation, Site, envelope, messages, operations, signature};
use crate::app::APP_SECRET;

/// Rounds per endpoint; a failure names seed and round.
const ROUNDS: u32 = 24;
const SEED: u64 = 20_261_102;

/// Pieces that break readers.
const PIECES: [&[u8]; 22] = [
    b"\0",
    b"\xff\xfe",
    b"\r\n\r\n",
    b"{",
    b"}",
    b"[[[[[[[[",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"-1",
    b"1e309",
    b"99999999999999999999",
    b"' or 1=1 --",
    b"<script>",
    b"../../",
    b"%00",
    b"${jndi:x}",
    b"true",
    b",,",
    b"\xe2\x80\xae",
    b"\\",
];

fn mutate(random: &mut StdRng, body: &[u8]) -> Vec<u8> {
    let mut out = body.to_vec();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=out.len());
        match random.random_range(0..6) {
            0 => out.truncate(at),
            1 if at < out.len() => out[at] ^= 1 << random.random_range(0..8),
            2 if at < out.len() => drop(out.remove(at)),
            3 => {
                let (from, to) = (at.min(out.len()), (at + random.random_range(0..40)).min(out.len()));
                let again = out[from..to].to_vec();
                out.splice(at..at, again);
            }
            _ => {
                let piece = PIECES[random.random_range(0..PIECES.len())];
                out.splice(at..at, piece.iter().copied());
            }
        }
    }
    out
}

#[track_caller]
fn check(what: &str, answer: &Reply) {
    assert!((200..500).contains(&answer.status), "{what}: {answer:?}");
    if answer.status >= 400 {
        answer.any_problem();
    }
}

/// A body with good members, of those that the operation knows: our own routes refuse any other.
fn good_body(operation: &Operation) -> Vec<u8> {
    let mut body = json!({ "name": "Bakery", "scope": "read", "code": "123456", "pin": "123456", "method": "SMS",
        "language": "en_US", "business_id": "75", "waba_id": "71", "phone_number_id": "72", "inbox_id": 1,
        "is_coexistence": true, "apply_new_name": true, "format": "standard", "kinds": ["messages"],
        "headers": { "x-team": "support" }, "per_second": 20, "from": "2026-11-25T10:00:00Z",
        "to": "2026-11-25T11:00:00Z" });
    let members = body.as_object_mut().unwrap();
    members.retain(|name, _| operation.members.contains(name));
    body.to_string().into_bytes()
}

/// What has a body is sent mutated ones; what has ids, mutated ids; everything, mutated queries.
async fn attack(site: &Site, operation: &Operation, random: &mut StdRng, round: u32) {
    let name = format!("seed {SEED}, round {round}: {}", operation.name());
    let odd = |random: &mut StdRng, text: &str| -> String {
        let bytes = mutate(random, text.as_bytes());
        url::form_urlencoded::byte_serialize(&bytes).collect()
    };
    let mut target = own(site, operation).replace("{phone_number}", "%2B15550100001");
    if operation.path.contains('{') && random.random_bool(0.3) {
        let id = odd(random, "1");
        target = operation.at(&["account_id", "id", "signup_id", "key_id", "endpoint_id", "event_id", "phone_number"]
            .map(|place| (place, id.as_str())));
    }
    let query = odd(random, "limit=1&after=evt_1&level=live").replace("%3D", "=").replace("%26", "&");
    if random.random_bool(0.5) {
        target = format!("{target}?{query}");
    }
    let body = if operation.takes_body { mutate(random, &good_body(operation)) } else { Vec::new() };
    let kind = if random.random_bool(0.2) { "application/x-www-form-urlencoded" } else { "application/json" };
    let bearer = format!("Bearer {}", site.app.key.expose_secret());
    let signed = signature(APP_SECRET, &body);
    let headers = [("authorization", bearer.as_str()), ("content-type", kind), ("x-hub-signature-256", &signed)];
    let answer = site.bare(&operation.method, &target, &headers, &body).await;
    check(&format!("{name} {target} {}", String::from_utf8_lossy(&body)), &answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_requests_never_break_an_endpoint() {
    let site = Site::new().await;
    let mut random = StdRng::seed_from_u64(SEED);
    for operation in operations().iter().filter(|operation| operation.method != "DELETE") {
        for round in 0..ROUNDS {
            attack(&site, operation, &mut random, round).await;
        }
    }
    site.app.settle().await;
    site.app.get(&site.path("")).await.expect(200);
}

/// Signed, so that every byte of it is read; stored or refused as a whole, interpreted to the end.
#[tokio::test(flavor = "multi_thread")]
async fn mutated_posts_never_break_the_callback() {
    let site = Site::new().await;
    let mut random = StdRng::seed_from_u64(SEED);
    let info = json!({ "waba_id": site.waba(), "owner_business_id": "75" });
    let seeds = [
        envelope(site.waba(), "messages", &messages(site.phone_id(), "fuzz", 2)),
        envelope("75", "account_update", &json!({ "event": "PARTNER_REMOVED", "waba_info": info })),
        envelope(
            site.waba(),
            "phone_number_name_update",
            &json!({ "display_phone_number": "15550100001",
            "decision": "APPROVED", "requested_verified_name": "Bakery", "rejection_reason": "NONE" }),
        ),
        envelope(
            site.waba(),
            "account_update",
            &json!({ "event": "DISABLED_UPDATE",
            "ban_info": { "waba_ban_state": "DISABLE", "waba_ban_date": "April 17, 2025" } }),
        ),
    ];
    for round in 0..300 {
        let body = mutate(&mut random, &seeds[round % seeds.len()]);
        let before = site.count("event").await;
        let answer = site.bare("POST", HOOK, &[("x-hub-signature-256", &signature(APP_SECRET, &body))], &body).await;
        let shown = format!("seed {SEED}, round {round}: {}", String::from_utf8_lossy(&body));
        check(&shown, &answer);
        if answer.status != 200 {
            assert_eq!(site.count("event").await, before, "refused, and yet kept: {shown}");
        }
    }
    site.app.settle().await;
    assert_eq!(site.count("event where state = 1").await, 0, "interpreting stopped");
}

/// The pages' forms: a session, its token, and fields that are anything.
#[tokio::test(flavor = "multi_thread")]
async fn mutated_forms_never_break_a_page() {
    let site = Site::new().await;
    let browser = super::browser::sign_in(&site.app, site.app.key.expose_secret()).await;
    let mut random = StdRng::seed_from_u64(SEED);
    let good = format!(
        "pin=123456&code=123456&method=SMS&apply_new_name=1&format=meta&kinds=calls&key=lk_x&next=/numbers&csrf={}",
        browser.csrf
    );
    for path in
        super::browser::forms(site.inbox).into_iter().chain(["/sign-in".to_owned(), "/numbers/x/pin".to_owned()])
    {
        for round in 0..ROUNDS {
            let mut body = mutate(&mut random, good.as_bytes());
            body.extend_from_slice(format!("&csrf={}", browser.csrf).as_bytes());
            let headers = [
                ("cookie", browser.cookie.as_str()),
                ("accept", "text/html"),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            let answer = site.bare("POST", &path, &headers, &body).await;
            assert!((300..500).contains(&answer.status), "{path} round {round}: {answer:?}");
        }
    }
}
