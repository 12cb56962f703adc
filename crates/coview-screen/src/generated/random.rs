//! Numbers that depend on the seed alone.

/// A small generator (SplitMix64): fast, and the same on every machine. Nothing here is a secret.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scramble(self.0)
    }

    /// A number below `limit`, which must not be 0.
    pub(super) const fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    /// One of several.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Several that follow each other, so that none is there twice.
    pub(super) fn several<T: Copy, const N: usize>(&mut self, from: &[T]) -> [T; N] {
        let first = self.below(from.len());
        core::array::from_fn(|index| from[(first + index) % from.len()])
    }
}

/// Spreads a number over all bits.
pub(super) const fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
