//! Chance from a seed: the same seed and place give the same draws on every machine and in every version.

use jiff::SignedDuration;

/// `SplitMix64`: small, known, and ours, so that a seed written in a report stays good.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Chance {
    /// The draws of one place (a company, say) under a seed.
    pub(crate) fn at(seed: u64, place: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(GOLDEN) ^ place.wrapping_add(1).wrapping_mul(0xD1B5_4A32_D192_ED03));
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / 4_294_967_296.0
    }

    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(count).unwrap()).unwrap()
    }

    pub(crate) fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }

    /// Uniform between two spans.
    pub(crate) fn between(&mut self, from: SignedDuration, to: SignedDuration) -> SignedDuration {
        from + (to - from).mul_f64(self.fraction())
    }

    /// Log-normal about a median; never below a second or above `most`.
    pub(crate) fn log_normal(&mut self, median: SignedDuration, sigma: f64, most: SignedDuration) -> SignedDuration {
        let radius = (-2.0 * (1.0 - self.fraction()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.fraction()).cos();
        let span = median.mul_f64((sigma * normal).exp().min(1_000.0));
        span.clamp(SignedDuration::from_secs(1), most)
    }
}

#[test]
fn the_same_place_draws_the_same_and_medians_are_medians() {
    let draw = |place| (0..5).map(|_| Chance::at(7, place).fraction()).collect::<Vec<_>>();
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
    let (day, most) = (SignedDuration::from_hours(24), SignedDuration::from_hours(10_000));
    let mut chance = Chance::at(1, 1);
    let below = (0..10_000).filter(|_| chance.log_normal(day, 1.0, most) < day).count();
    assert!((4_800..5_200).contains(&below), "{below} of 10,000 below the median");
}
