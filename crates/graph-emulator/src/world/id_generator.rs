//! Ids, codes, tokens and trace ids from one seeded generator, so that runs repeat. The emulator must use no other source
//! of randomness.

use serde::{Deserialize, Serialize};

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A `SplitMix64` sequence. Its state is one word, so an export of the world can include it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IdGenerator {
    state: u64,
}

impl IdGenerator {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A 15-digit object id. The prefix shows its kind to people and keeps the id above 32 bits.
    pub(crate) fn object(&mut self, prefix: &str) -> String {
        format!("{prefix}{:0width$}", self.word() % 10_u64.pow(13), width = 15 - prefix.len())
    }

    pub(crate) fn digits(&mut self, count: u32) -> String {
        format!("{:0width$}", self.word() % 10_u64.pow(count), width = count as usize)
    }

    pub(crate) fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(LETTERS[usize::try_from(self.word() % 62).unwrap_or(0)])).collect()
    }

    pub(crate) fn token(&mut self) -> String {
        format!("EAA{}ZD", self.letters(120))
    }

    pub(crate) fn fbtrace(&mut self) -> String {
        format!("A{}", self.letters(22))
    }

    pub(crate) fn wamid(&mut self) -> String {
        format!("wamid.HBgL{}", self.letters(36))
    }
}

#[cfg(test)]
mod tests {
    use super::IdGenerator;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (mut a, mut b) = (IdGenerator::new(7), IdGenerator::new(7));
        assert_eq!(a.object("72"), b.object("72"));
        assert_eq!(a.token(), b.token());
        assert_ne!(a.word(), IdGenerator::new(8).word());
    }

    #[test]
    fn object_ids_are_fifteen_digits() {
        let mut ids = IdGenerator::new(1);
        for _ in 0..1000 {
            let id = ids.object("72");
            assert!(id.len() == 15 && id.bytes().all(|b| b.is_ascii_digit()), "{id}");
        }
    }
}
