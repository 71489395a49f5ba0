//! Bodies as Meta sends them: a text message of about 2 KiB, each with an id of its own and a true
//! signature. What does not change is hashed once, so that signing costs the generator little.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;

/// Before the number of a message in its id; a message is found in the database by it.
pub(crate) const MARK: &[u8] = b"wamid.BENCH";

/// How many digits the number of a message has.
pub(crate) const DIGITS: usize = 16;

const SECONDS_DIGITS: usize = 10;

/// Bytes of a value, about.
const VALUE_BYTES: usize = 1900;

/// Makes signed bodies for one number.
pub(crate) struct Template {
    head: Vec<u8>,
    /// Over `head`, to go on from.
    signed_head: hmac::Context,
    /// From one message's end to the next one's id.
    between: Vec<u8>,
    tail: &'static [u8],
    changes: usize,
}

impl Template {
    /// For a number, as `phone_number_id:waba_id`.
    pub(crate) fn new(number: &str, changes: usize, key: &hmac::Key) -> Self {
        let (number, waba) = number.split_once(':').unwrap_or((number, "102000000000001"));
        let value = value(number);
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

    /// Bytes of a body.
    pub(crate) fn len(&self) -> usize {
        let unique = SECONDS_DIGITS + ID.len() + DIGITS;
        self.head.len() + self.changes * unique + (self.changes - 1) * self.between.len() + self.tail.len()
    }

    /// Appends the body of the messages that begin with `first`; its signature in hexadecimal digits.
    pub(crate) fn write(&self, first: u64, seconds: u64, out: &mut Vec<u8>) -> [u8; 64] {
        let begin = out.len();
        out.extend_from_slice(&self.head);
        let unsigned = out.len();
        for message in 0..self.changes as u64 {
            if message > 0 {
                out.extend_from_slice(&self.between);
            }
            digits::<SECONDS_DIGITS>(seconds, out);
            out.extend_from_slice(ID.as_bytes());
            digits::<DIGITS>(first + message, out);
        }
        out.extend_from_slice(self.tail);
        debug_assert_eq!(out.len() - begin, self.len());
        let mut context = self.signed_head.clone();
        context.update(out.get(unsigned..).unwrap_or_default());
        let mut signature = [0; 64];
        // 32 bytes always fit into 64 digits
        let _ = hex::encode_to_slice(context.sign().as_ref(), &mut signature);
        signature
    }
}

/// What stands between the time and the number of a message.
const ID: &str = r#"","id":"wamid.BENCH"#;

/// A change up to the time of its message.
fn value(number: &str) -> String {
    let start = format!(
        r#"{{"value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550100001","phone_number_id":"{number}"}},"contacts":[{{"profile":{{"name":"B\u00e4rbel Beispiel"}},"wa_id":"16505550111","user_id":"DE.1349120865530274"}}],"messages":[{{"from":"16505550111","from_user_id":"DE.1349120865530274","type":"text","text":{{"body":""#
    );
    let text =
        "Guten Tag, ich w\\u00fcrde gern f\\u00fcr Samstag zwei Brote und zw\\u00f6lf Br\\u00f6tchen bestellen. ";
    let wanted = VALUE_BYTES.saturating_sub(start.len());
    format!(r#"{start}{}"}},"timestamp":""#, text.repeat(wanted.div_ceil(text.len())))
}

/// The time as Meta writes it.
pub(crate) fn unix_seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the generator stands for Meta, whose clock is the wall")]
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The number of the message in a body as it is kept.
pub(crate) fn number_of(kept: &[u8]) -> Option<u64> {
    let at = kept.windows(MARK.len()).rposition(|window| window == MARK)?;
    let digits = kept.get(at + MARK.len()..at + MARK.len() + DIGITS)?;
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
