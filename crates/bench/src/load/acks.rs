//! The set of acknowledged messages: one bit each, passed between processes in a file.

use std::path::Path;

/// A set of message numbers that begins at `first`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Acks {
    /// Number of the message of the first bit.
    pub(crate) first: u64,
    bits: Vec<u8>,
}

impl Acks {
    /// Creates an empty set that begins at `first`.
    pub(crate) fn new(first: u64) -> Self {
        Self { first, bits: Vec::new() }
    }

    /// Adds a message; returns false if the set contains it already or cannot.
    pub(crate) fn insert(&mut self, message: u64) -> bool {
        let Some((byte, mask)) = self.place(message) else { return false };
        if byte >= self.bits.len() {
            self.bits.resize(byte + 1, 0);
        }
        let Some(bits) = self.bits.get_mut(byte) else { return false };
        let is_new = *bits & mask == 0;
        *bits |= mask;
        is_new
    }

    /// Whether the set contains a message.
    pub(crate) fn contains(&self, message: u64) -> bool {
        self.place(message).is_some_and(|(byte, mask)| self.bits.get(byte).is_some_and(|bits| bits & mask != 0))
    }

    /// The number of messages in the set.
    pub(crate) fn len(&self) -> u64 {
        self.bits.iter().map(|bits| u64::from(bits.count_ones())).sum()
    }

    /// Iterates over the messages in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        let end = self.first + self.bits.len() as u64 * 8;
        (self.first..end).filter(|message| self.contains(*message))
    }

    /// Writes the set to a file.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut bytes = self.first.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.bits);
        std::fs::write(path, bytes)
    }

    /// Reads a set from a file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path)?;
        let Some((first, bits)) = bytes.split_first_chunk() else { anyhow::bail!("{} is cut short", path.display()) };
        Ok(Self { first: u64::from_le_bytes(*first), bits: bits.to_vec() })
    }

    fn place(&self, message: u64) -> Option<(usize, u8)> {
        let at = message.checked_sub(self.first)?;
        Some((usize::try_from(at / 8).ok()?, 1 << (at % 8)))
    }
}
