//! Payloads that tell where they belong and can be computed again from a seed.

use arrw_bench::Random;

/// Bytes before the random ones: writer, number, index, count and length.
pub(super) const HEADER_BYTES: usize = 24;

/// Which record of which batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) writer: u32,
    /// Number of the batch, from 1 for each writer.
    pub(super) number: u64,
    /// Place in the batch, from 0.
    pub(super) index: u32,
    /// Records of the batch.
    pub(super) count: u32,
}

impl Name {
    /// The next record of the same batch; `None` behind the last.
    pub(super) fn following(self) -> Option<Self> {
        let index = self.index.checked_add(1).filter(|index| *index < self.count)?;
        Some(Self { index, ..self })
    }

    /// Numbers that depend on the seed and on this name alone.
    fn random(self, seed: u64) -> Random {
        let mut random = Random::new(seed);
        let place = u64::from(self.index) << 32 | u64::from(self.count);
        for part in [u64::from(self.writer), self.number, place] {
            random = Random::new(random.next() ^ part);
        }
        random
    }

    /// The payload of this record, of at most `bytes_max` bytes.
    pub(super) fn payload(self, seed: u64, bytes_max: usize) -> Vec<u8> {
        let room = bytes_max.saturating_sub(HEADER_BYTES);
        let drawn = self.random(seed).below(room as u64 + 1);
        let random_bytes = usize::try_from(drawn).unwrap_or(room);
        self.payload_of(seed, HEADER_BYTES + random_bytes)
    }

    fn payload_of(self, seed: u64, len: usize) -> Vec<u8> {
        let mut payload = Vec::with_capacity(len + 8);
        payload.extend_from_slice(&self.writer.to_le_bytes());
        payload.extend_from_slice(&self.number.to_le_bytes());
        payload.extend_from_slice(&self.index.to_le_bytes());
        payload.extend_from_slice(&self.count.to_le_bytes());
        payload.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
        let mut random = Random::new(!self.random(seed).next());
        while payload.len() < len {
            payload.extend_from_slice(&random.next().to_le_bytes());
        }
        payload.truncate(len);
        payload
    }

    /// Whose payload this says it is; `None` when it is too short to say.
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        let (writer, rest) = payload.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let (count, _) = rest.split_first_chunk()?;
        Some(Self {
            writer: u32::from_le_bytes(*writer),
            number: u64::from_le_bytes(*number),
            index: u32::from_le_bytes(*index),
            count: u32::from_le_bytes(*count),
        })
    }

    /// True when `payload` is, byte for byte, what this record was given.
    pub(super) fn fits(self, seed: u64, payload: &[u8]) -> bool {
        HEADER_BYTES <= payload.len() && payload == self.payload_of(seed, payload.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = Name { writer: 3, number: 1 << 40, index: 2, count: 5 };

    #[test]
    fn a_payload_tells_whose_it_is() {
        let payload = NAME.payload(7, 500);
        assert_eq!(Name::of(&payload), Some(NAME));
        assert!(NAME.fits(7, &payload));
        assert_eq!(payload, NAME.payload(7, 500));
        assert_eq!(Name::of(&payload[..15]), None);
    }

    #[test]
    fn every_change_is_noticed() {
        let payload = (0..)
            .map(|number| Name { number, ..NAME }.payload(7, 500))
            .find(|payload| payload.len() > 100)
            .unwrap();
        let name = Name::of(&payload).unwrap();
        assert!(!name.fits(8, &payload));
        assert!(!name.fits(7, &payload[..payload.len() - 1]));
        for at in 0..payload.len() {
            let mut bad = payload.clone();
            bad[at] ^= 1;
            let fits = Name::of(&bad).is_some_and(|name| name.fits(7, &bad));
            assert!(!fits, "byte {at}");
        }
    }
}
