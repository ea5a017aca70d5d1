//! Seeded numbers that never change: the same seed gives the same world on every machine and
//! with every later version of any library. This file must not know what is drawn.

/// A SplitMix64 generator (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Prng(u64);

impl Prng {
    /// A generator for one stream, so that drawing more in one place moves nothing elsewhere.
    pub fn new(seed: u64, stream: u64, index: u64) -> Self {
        let mut prng = Prng(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        prng.0 = prng.next().wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        prng.next();
        prng
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`, which must not be 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// From 0 (inclusive) to 1 (exclusive).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit into an f64")]
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A standard normal draw (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A log-normal draw with this median, capped.
    pub fn log_normal(&mut self, median: f64, sigma: f64, cap: f64) -> u64 {
        whole((median * (sigma * self.normal()).exp()).min(cap))
    }

    /// A negative-binomial draw: a Poisson draw whose mean is itself gamma distributed.
    pub fn negative_binomial(&mut self, mean: f64, shape: f64) -> usize {
        let mean = self.gamma(shape) * mean / shape;
        usize::try_from(self.poisson(mean)).unwrap_or(usize::MAX)
    }

    /// A rank from 1 to `count`, rank k with a probability close to 1/k (Zipf).
    pub fn zipf(&mut self, count: u64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "ranks are far below 2^53")]
        let most = (count + 1) as f64;
        whole((self.unit() * most.ln()).exp()).clamp(1, count)
    }

    /// A gamma draw with scale 1 (Marsaglia and Tsang 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = (1.0 - self.unit()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 200.0 {
            return whole((mean + mean.sqrt() * self.normal()).max(0.0));
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0);
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "draws are finite and not negative"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that SplitMix64 implementations are checked with.
    #[test]
    fn the_generator_is_splitmix64() {
        let mut prng = Prng(1_234_567);
        let drawn = [prng.next(), prng.next(), prng.next()];
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }
}
