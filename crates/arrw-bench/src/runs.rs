//! The figures of several runs of the same thing, and the one in the middle.

/// Median, smallest and largest of some runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) runs: usize,
}

impl Spread {
    /// Of at least one run.
    pub(crate) fn of(runs: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = runs.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        Self { median: sorted[sorted.len() / 2], min, max, runs: sorted.len() }
    }
}

/// A duration in microseconds.
#[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^53 ns")]
pub(crate) fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

/// Something counted, for dividing it.
#[expect(clippy::cast_precision_loss, reason = "what is counted here is far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_run_in_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!(spread, Spread { median: 2.0, min: 1.0, max: 3.0, runs: 3 });
    }
}
