//! How fast a target was, and what follows for the next statement.
//!
//! The logarithm of what a statement took, over the first guess, is a line over the guess's own
//! logarithm with normal noise: the machine is slower or faster by a factor (the line's height),
//! and somewhat more so for big tables (its slope). Both, and the noise, have a conjugate
//! normal-inverse-gamma prior, so that learning is a sum and the next statement's logarithm has a
//! Student t distribution (Gelman et al., Bayesian Data Analysis, 3rd edition, 14.2). Its range gets
//! narrower with every measure, as far as the target is steady, and no further.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Kind, Shape, Span, model};
use crate::document::Engine;

/// What one statement took on a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// What it had to do.
    pub kind: Kind,
    /// On what.
    pub shape: Shape,
    /// Milliseconds, without the wait for locks.
    pub took_ms: f64,
}

/// What is known of a kind of work on a target: the sums of the measures, the prior's included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Speed {
    /// How many statements were measured.
    pub measured: u32,
    /// Precision of height and slope: `[height, both, slope]`.
    precision: [f64; 3],
    /// Precision times mean.
    weighted: [f64; 2],
    /// Half the degrees of freedom.
    freedom: f64,
    /// Twice the noise's scale, before what the line explains is taken off.
    squares: f64,
}

/// The speeds of all kinds that were measured.
pub type Speeds = BTreeMap<Kind, Speed>;

/// Guesses of about this many milliseconds are the middle of the line.
const MIDDLE_MS: f64 = 100.0;

/// What a moment of something else on the machine adds to a statement, in milliseconds: what is
/// shorter than this says little.
const HICCUP_MS: f64 = 15.0;

/// Standard deviation of the noise, squared, as is thought before anything was measured.
const NOISE: f64 = 0.09;

/// Variance of height and slope over that of the noise: before anything was measured, a target is
/// up to four times as fast or slow as the guess, and up to half as much again for big tables.
const HEIGHT: f64 = 5.0;
const SLOPE: f64 = 0.1;

/// Half the degrees of freedom of the prior.
const FREEDOM: f64 = 2.0;

/// What a measure weighs, over the one after it: machines change, and so do their loads.
const FADE: f64 = 0.97;

/// No single measure is further off than this, in logarithms: a laptop was shut meanwhile.
const FURTHEST: f64 = 3.0;

/// The normal distribution's 97.5 %: nineteen of twenty are in the range.
const NORMAL: f64 = 1.96;

impl Default for Speed {
    fn default() -> Self {
        Self {
            measured: 0,
            precision: [1.0 / HEIGHT, 0.0, 1.0 / SLOPE],
            weighted: [0.0; 2],
            freedom: FREEDOM,
            squares: 2.0 * FREEDOM * NOISE,
        }
    }
}

impl Speed {
    /// What follows from measures of one kind, the newest first.
    pub fn learned<'m>(engine: Engine, measures: impl IntoIterator<Item = &'m Measure>) -> Self {
        let mut speed = Self::default();
        let mut counts = 1.0;
        for measure in measures {
            let guess = model::guess(engine, measure.kind, measure.shape);
            let off = (measure.took_ms.max(0.01) / guess)
                .ln()
                .clamp(-FURTHEST, FURTHEST);
            let (at, weight) = (place(guess), counts * steadiness(guess));
            speed.precision[0] += weight;
            speed.precision[1] += weight * at;
            speed.precision[2] += weight * at * at;
            speed.weighted[0] += weight * off;
            speed.weighted[1] += weight * at * off;
            speed.freedom += counts / 2.0;
            speed.squares += weight * off * off;
            speed.measured += 1;
            counts *= FADE;
        }
        speed
    }

    /// How long the next statement of the kind takes.
    pub fn range(&self, engine: Engine, kind: Kind, shape: Shape) -> Span {
        let guess = model::guess(engine, kind, shape);
        let [height, both, slope] = self.precision;
        let determinant = height * slope - both * both;
        let variance = [
            slope / determinant,
            -both / determinant,
            height / determinant,
        ];
        let mean = [
            variance[0] * self.weighted[0] + variance[1] * self.weighted[1],
            variance[1] * self.weighted[0] + variance[2] * self.weighted[1],
        ];
        let explained = mean[0] * self.weighted[0] + mean[1] * self.weighted[1];
        let noise = (self.squares - explained).max(1e-6) / 2.0 / self.freedom;
        let at = place(guess);
        let unsure = variance[0] + 2.0 * at * variance[1] + at * at * variance[2];
        let deviation = (noise * (1.0 / steadiness(guess) + unsure)).sqrt();
        let middle = guess.ln() + mean[0] + mean[1] * at;
        let far = quantile(2.0 * self.freedom) * deviation;
        Span {
            low_ms: whole((middle - far).exp().floor()),
            expected_ms: whole(middle.exp().round()),
            high_ms: whole((middle + far).exp().ceil()),
        }
    }
}

/// The speeds that follow from a target's measures, the newest first.
pub fn learned(engine: Engine, measures: &[Measure]) -> Speeds {
    Kind::ALL
        .into_iter()
        .filter_map(|kind| {
            let speed = Speed::learned(engine, measures.iter().filter(|m| m.kind == kind));
            (speed.measured > 0).then_some((kind, speed))
        })
        .collect()
}

/// Where a guess stands on the line.
fn place(guess_ms: f64) -> f64 {
    (guess_ms / MIDDLE_MS).ln()
}

/// How much of the full noise's precision a statement of that length has.
fn steadiness(guess_ms: f64) -> f64 {
    guess_ms / (guess_ms + HICCUP_MS)
}

/// Student's t at 97.5 %, by the first terms of its expansion around the normal distribution
/// (Abramowitz and Stegun, 26.7.5).
fn quantile(freedom: f64) -> f64 {
    let z = NORMAL;
    let (z3, z5) = (z.powi(3), z.powi(5));
    z + (z3 + z) / (4.0 * freedom) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom * freedom)
}

fn whole(ms: f64) -> u64 {
    // What is too big for the type becomes its greatest number.
    ms as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look normal, the same every time: the sum of twelve of a linear generator.
    struct Dice(u64);

    impl Dice {
        fn even(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.even()).sum::<f64>() - 6.0
        }

        /// A statement on a target that is `factor` times as slow as the guess.
        fn measure(&mut self, factor: f64, noise: f64) -> Measure {
            let shape = Shape::assumed((10f64.powf(3.0 + 4.0 * self.even())) as u64);
            let guess = model::guess(Engine::PostgreSql, Kind::Index, shape);
            let off = (noise * self.normal()).exp();
            Measure {
                kind: Kind::Index,
                shape,
                took_ms: guess * factor * off,
            }
        }
    }

    fn ratio(span: Span) -> f64 {
        span.high_ms as f64 / span.low_ms as f64
    }

    /// Targets of every speed and steadiness: after ten statements the eleventh is in the range
    /// in nine of ten cases, and the range is not wider than the target's noise asks for.
    #[test]
    fn after_ten_measures_the_next_one_is_in_the_range() {
        for (factor, noise) in [(1.0, 0.1), (0.2, 0.2), (5.0, 0.4), (2.0, 0.7)] {
            let mut dice = Dice(7);
            let (mut within, mut widths) = (0, Vec::new());
            for _ in 0..500 {
                let measures: Vec<Measure> = (0..10).map(|_| dice.measure(factor, noise)).collect();
                let speed = Speed::learned(Engine::PostgreSql, &measures);
                let next = dice.measure(factor, noise);
                let span = speed.range(Engine::PostgreSql, Kind::Index, next.shape);
                let took = next.took_ms.round() as u64;
                within += usize::from(span.low_ms <= took && took <= span.high_ms);
                widths.push(ratio(span));
            }
            widths.sort_by(f64::total_cmp);
            assert!(within >= 450, "{factor} {noise}: {within} of 500");
            // What the noise alone would need, with a measured deviation, and half as much again.
            let needed = (2.0 * 2.3 * noise.max(0.3)).exp() * 1.5;
            assert!(
                widths[250] < needed,
                "{factor} {noise}: {} > {needed}",
                widths[250]
            );
        }
    }

    #[test]
    fn a_range_gets_narrower_with_every_measure() {
        let shape = Shape::assumed(1_000_000);
        let mut dice = Dice(3);
        let measures: Vec<Measure> = (0..40).map(|_| dice.measure(3.0, 0.1)).collect();
        let widths: Vec<f64> = [0, 1, 3, 10, 40]
            .into_iter()
            .map(|n| {
                let speed = Speed::learned(Engine::PostgreSql, &measures[..n]);
                ratio(speed.range(Engine::PostgreSql, Kind::Index, shape))
            })
            .collect();
        assert!(widths.windows(2).all(|w| w[1] < w[0]), "{widths:?}");
        assert!(widths[4] < 2.5, "{widths:?}");
    }

    #[test]
    fn a_target_that_gets_slower_is_followed() {
        let shape = Shape::assumed(1_000_000);
        let mut dice = Dice(5);
        let mut measures: Vec<Measure> = (0..60).map(|_| dice.measure(8.0, 0.1)).collect();
        measures.extend((0..60).map(|_| dice.measure(1.0, 0.1)));
        let span = Speed::learned(Engine::PostgreSql, &measures).range(
            Engine::PostgreSql,
            Kind::Index,
            shape,
        );
        let guess = model::guess(Engine::PostgreSql, Kind::Index, shape);
        assert!(span.expected_ms as f64 > 4.0 * guess, "{span:?}, {guess}");
    }

    /// Tables in the books: 2.571 at 5 degrees, 2.228 at 10, 2.042 at 30.
    #[test]
    fn the_quantile_is_students() {
        for (freedom, t) in [(6.0, 2.447), (10.0, 2.228), (30.0, 2.042)] {
            assert!((quantile(freedom) - t).abs() < 0.02, "{freedom}");
        }
    }
}
