//! Random choices that a failing test can repeat: a small generator with a printed seed.

/// SplitMix64 (Steele, Lea, Flood 2014): good enough for schedules and texts, and the same on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator that always gives the same numbers.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// From the variable `TEST_SEED`, or fresh; prints the seed so that a failure can be repeated.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test asks the person who runs it"
    )]
    #[must_use]
    pub fn from_env() -> Self {
        let seed = std::env::var("TEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(Self::fresh_seed);
        #[expect(
            clippy::print_stdout,
            reason = "the test runner shows it with the failure"
        )]
        {
            println!("TEST_SEED={seed}");
        }
        Self(seed)
    }

    /// A seed that nobody has had.
    #[must_use]
    pub fn fresh_seed() -> u64 {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// Mixes a list.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap();
            items.swap(last, other);
        }
    }
}
