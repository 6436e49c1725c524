//! Medians and percentiles.

use serde::Serialize;

/// What several runs of one thing gave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// The least.
    pub(crate) min: f64,
    /// The one in the middle.
    pub(crate) median: f64,
    /// The greatest.
    pub(crate) max: f64,
}

impl Spread {
    /// Of any numbers; zeros if there are none.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let sorted = sorted(numbers);
        Self {
            min: percentile(&sorted, 0.0),
            median: percentile(&sorted, 50.0),
            max: percentile(&sorted, 100.0),
        }
    }
}

/// In ascending order.
pub(crate) fn sorted(numbers: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// The number that `percent` of the others do not exceed, between neighbours in proportion; zero
/// if there are none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "an index into a list is neither negative nor too large for a float"
)]
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let position = last as f64 * percent / 100.0;
    let (low, high) = (
        sorted[position.floor() as usize],
        sorted[position.ceil() as usize],
    );
    low + (high - low) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle_or_between_two() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.0, 3.0));
        assert!((Spread::of([1.0, 2.0]).median - 1.5).abs() < 1e-9);
        assert!(Spread::of([]).median.abs() < 1e-9);
    }

    #[test]
    fn the_99th_percentile_of_a_hundred_is_almost_the_greatest() {
        let numbers = sorted((0..=100).map(f64::from));
        assert!((percentile(&numbers, 99.0) - 99.0).abs() < 1e-9);
    }
}
