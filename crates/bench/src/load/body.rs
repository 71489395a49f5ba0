//! Webhook bodies in Meta's form: text messages of about 2 KiB, each with an id of its own and a valid signature. The constant
//! part is hashed once, so that signing costs the generator little. The id contains the scheduled instant of its post, for the
//! receiver that gets the message in the end.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;

/// Prefix of the number of a message in its id; searches in the database use it.
pub(crate) const MARK: &[u8] = b"wamid.BENCH";

/// Digits of the number of a message, and of the instant after it.
pub(crate) const DIGITS: usize = 16;

const SECONDS_DIGITS: usize = 10;

/// Approximate size of a value in bytes.
const VALUE_BYTES: usize = 1900;

/// Number of a message and scheduled instant of its post, in microseconds of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) number: u64,
    pub(crate) due_us: u64,
}

/// Builds signed bodies from one person to one number.
pub(crate) struct Template {
    head: Vec<u8>,
    /// HMAC state after `head`.
    signed_head: hmac::Context,
    /// Bytes between the end of one message and the id of the next.
    between: Vec<u8>,
    tail: &'static [u8],
    changes: usize,
}

impl Template {
    /// A template for a number, as `phone_number_id:waba_id`, and one of ten thousand people.
    pub(crate) fn new(number: &str, person: usize, changes: usize, key: &hmac::Key) -> Self {
        let (number, waba) = number.split_once(':').unwrap_or((number, "102000000000001"));
        let value = value(number, person % 10_000);
        let head = format!(r#"{{"object":"whatsapp_business_account","entry":[{{"id":"{waba}","changes":[{value}"#);
        let between = format!(r#""}}]}},"field":"messages"}},{value}"#);
        let mut signed_head = hmac::Context::with_key(key);
        signed_head.update(head.as_bytes());
        Self {
            head: head.into_bytes(),
            signed_head,
            between: between.into_bytes(),
            tail: br#""}]},"field":"messages"}]}]}"#,
            changes,
        }
    }

    /// Size of a body in bytes.
    pub(crate) fn len(&self) -> usize {
        let unique = SECONDS_DIGITS + ID.len() + DIGITS + 1 + DIGITS;
        self.head.len() + self.changes * unique + (self.changes - 1) * self.between.len() + self.tail.len()
    }

    /// Appends a body whose messages begin with this one; returns its signature as hexadecimal digits.
    pub(crate) fn write(&self, first: Mark, out: &mut Vec<u8>) -> [u8; 64] {
        let begin = out.len();
        out.extend_from_slice(&self.head);
        let unsigned = out.len();
        for message in 0..self.changes as u64 {
            if message > 0 {
                out.extend_from_slice(&self.between);
            }
            digits::<SECONDS_DIGITS>(first.due_us / 1_000_000, out);
            out.extend_from_slice(ID.as_bytes());
            digits::<DIGITS>(first.number + message, out);
            out.push(b'.');
            digits::<DIGITS>(first.due_us, out);
        }
        out.extend_from_slice(self.tail);
        debug_assert_eq!(out.len() - begin, self.len());
        let mut context = self.signed_head.clone();
        context.update(out.get(unsigned..).unwrap_or_default());
        let mut signature = [0; 64];
        // 32 bytes always fit into 64 digits.
        let _ = hex::encode_to_slice(context.sign().as_ref(), &mut signature);
        signature
    }
}

/// Bytes between the time and the number of a message.
const ID: &str = r#"","id":"wamid.BENCH"#;

/// The part of a change before the time of its message.
fn value(number: &str, person: usize) -> String {
    let start = format!(
        r#"{{"value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550100001","phone_number_id":"{number}"}},"contacts":[{{"profile":{{"name":"B\u00e4rbel Beispiel"}},"wa_id":"1650555{person:04}","user_id":"DE.134912086553{person:04}"}}],"messages":[{{"from":"1650555{person:04}","from_user_id":"DE.134912086553{person:04}","type":"text","text":{{"body":""#
    );
    let text =
        "Guten Tag, ich w\\u00fcrde gern f\\u00fcr Samstag zwei Brote und zw\\u00f6lf Br\\u00f6tchen bestellen. ";
    let wanted = VALUE_BYTES.saturating_sub(start.len());
    format!(r#"{start}{}"}},"timestamp":""#, text.repeat(wanted.div_ceil(text.len())))
}

/// The wall clock in microseconds.
pub(crate) fn unix_micros() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the generator stands for Meta, whose clock is the wall")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|since| u64::try_from(since.as_micros()).ok()).unwrap_or_default()
}

/// The number of the message in a body as the database stores it.
pub(crate) fn number_of(kept: &[u8]) -> Option<u64> {
    let at = kept.windows(MARK.len()).rposition(|window| window == MARK)? + MARK.len();
    number(kept.get(at..at + DIGITS)?)
}

/// The mark of the message in a body as it is forwarded.
pub(crate) fn mark_of(forwarded: &[u8]) -> Option<Mark> {
    let at = forwarded.windows(MARK.len()).rposition(|window| window == MARK)? + MARK.len();
    let due = at + DIGITS + 1;
    Some(Mark { number: number(forwarded.get(at..at + DIGITS)?)?, due_us: number(forwarded.get(due..due + DIGITS)?)? })
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn digits<const N: usize>(mut number: u64, out: &mut Vec<u8>) {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&text);
}
