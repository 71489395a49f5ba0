//! Random values: UUIDs in the order of their drawing, and secret tokens. Reads no clock.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::rngs::OsRng;
use rand::{Rng as _, TryRngCore as _};
use secrecy::SecretString;
use uuid::Uuid;

/// A fresh UUID v7 of `now`. UUIDs that one process draws at one instant sort in the order of drawing.
pub fn uuid_at(now: Timestamp) -> Uuid {
    static DRAWN: AtomicU32 = AtomicU32::new(0);
    let micros = u64::try_from(now.as_microsecond()).unwrap_or(0);
    // RFC 9562: 12 bits of the millisecond's fraction, then a counter, then random bits
    let fraction = u16::try_from((micros % 1000) * 4096 / 1000).unwrap_or(0);
    let count = DRAWN.fetch_add(1, Ordering::Relaxed) & 0x3fff_ffff;
    let mut tail = [0; 10];
    tail[..2].copy_from_slice(&fraction.to_be_bytes());
    tail[2..6].copy_from_slice(&count.to_be_bytes());
    tail[6..].copy_from_slice(&rand::rng().random::<[u8; 4]>());
    uuid::Builder::from_unix_timestamp_millis(micros / 1000, &tail).into_uuid()
}

/// The least UUID of [`uuid_at`] at `at`: it sorts before every one drawn then or later, up to a millisecond.
pub(crate) fn earliest_uuid_at(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

/// A secret token of `bytes` random bytes from the operating system, written in URL-safe base64.
pub fn random_token(bytes: usize) -> SecretString {
    let mut buffer = vec![0; bytes];
    rand::RngCore::fill_bytes(&mut OsRng.unwrap_err(), &mut buffer);
    URL_SAFE_NO_PAD.encode(buffer).into()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn ids_of_one_instant_keep_their_order() {
        let noon: Timestamp = "2026-11-22T12:00:00.123456789Z".parse().unwrap();
        let ids: Vec<Uuid> = (0..1000).map(|_| uuid_at(noon)).collect();
        let ordered = ids.is_sorted();
        // the counter wraps once in 2^30 draws
        assert!(ordered, "{ids:?}");
        assert_eq!(ids[0].get_version_num(), 7);
        assert!(ids[999] < uuid_at(noon + SignedDuration::from_micros(250)));
        assert!(earliest_uuid_at(noon) < ids[0]);
        assert!(earliest_uuid_at(noon + SignedDuration::from_millis(1)) > ids[999]);
    }

    #[test]
    fn tokens_have_the_requested_length_and_differ() {
        assert_eq!(random_token(32).expose_secret().len(), 43);
        assert_ne!(random_token(32).expose_secret(), random_token(32).expose_secret());
    }
}
