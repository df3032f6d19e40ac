//! What the server takes, looked at again and again over its lives, and whether that grows.

use std::fmt;
use std::fs;
use std::time::Duration;

use serde::Serialize;

use crate::machine;
use crate::runs::float;

/// A look at the server.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Look {
    /// Which life it was.
    pub(super) life: u64,
    /// Seconds since that began.
    pub(super) at_s: f64,
    /// Bytes.
    pub(super) rss: u64,
    /// Open ones.
    pub(super) files: u64,
    pub(super) threads: u64,
}

impl Look {
    pub(super) fn at(process: u32, life: u64, at_s: f64) -> anyhow::Result<Self> {
        let count =
            |what: &str| anyhow::Ok(fs::read_dir(format!("/proc/{process}/{what}"))?.count());
        let (files, threads) = (count("fd")?, count("task")?);
        let rss = machine::rss(Some(process))?;
        Ok(Self { life, at_s, rss, files: files as u64, threads: threads as u64 })
    }
}

/// How the server grew behind its warm-up, over all lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Growth {
    /// Mean resident memory, in bytes.
    pub rss: f64,
    /// By how many per cent of that it grows in an hour: one slope for all lives, by least squares.
    pub rss_per_cent_h: f64,
    /// By how many open files the median of the second half of a life is above that of the first, on average.
    pub files: f64,
    /// The same of threads.
    pub threads: f64,
    /// Seconds that lives were watched behind their warm-ups, in all.
    pub warm_s: f64,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rss, rss_per_cent_h, files, threads, warm_s } = self;
        let minutes = warm_s / 60.0;
        let mib = rss / float(1 << 20);
        write!(
            f,
            "{mib:.1} MiB resident, {rss_per_cent_h:+.2} % an hour in {minutes:.0} warm minutes; {files:+.1} open files and {threads:+.1} threads from the first to \
             the second half of a life"
        )
    }
}

impl Growth {
    /// Of looks at lives, in their order, each of which warms up for so long.
    pub(super) fn of(looks: &[Look], warm_up: Duration) -> Self {
        let (mut common, mut spread) = (0.0, 0.0);
        let (mut sum, mut count) = (0.0, 0.0);
        let (mut files, mut threads, mut lives) = (0.0, 0.0, 0.0);
        let mut warm_s = 0.0;
        for life in looks.chunk_by(|a, b| a.life == b.life) {
            let is_warm = |look: &&Look| warm_up.as_secs_f64() <= look.at_s;
            let warm: Vec<&Look> = life.iter().filter(is_warm).collect();
            let ([first, .., last], 4..) = (&warm[..], warm.len()) else { continue };
            warm_s += last.at_s - first.at_s;
            let number = float(warm.len() as u64);
            let mean_of =
                |of: fn(&Look) -> f64| warm.iter().map(|look| of(look)).sum::<f64>() / number;
            let (x, y) = (mean_of(|look| look.at_s), mean_of(|look| float(look.rss)));
            // Each life has a height of its own; all have one slope.
            common += warm.iter().map(|look| (look.at_s - x) * (float(look.rss) - y)).sum::<f64>();
            spread += warm.iter().map(|look| (look.at_s - x).powi(2)).sum::<f64>();
            sum += y * number;
            count += number;
            let (first, second) = warm.split_at(warm.len() / 2);
            let more = |of: fn(&Look) -> u64| median(second, of) - median(first, of);
            files += more(|look| look.files);
            threads += more(|look| look.threads);
            lives += 1.0;
        }
        if spread <= 0.0 {
            return Self::default();
        }
        let (rss, slope) = (sum / count, common / spread);
        Self {
            rss,
            rss_per_cent_h: slope * 3_600.0 / rss * 100.0,
            files: files / lives,
            threads: threads / lives,
            warm_s,
        }
    }
}

fn median(looks: &[&Look], of: fn(&Look) -> u64) -> f64 {
    let mut sorted: Vec<u64> = looks.iter().map(|look| of(look)).collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map_or(0.0, |value| float(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARM_UP: Duration = Duration::from_secs(40);

    /// A look a second for two lives of 100 s.
    fn looks(rss: fn(u64, u64) -> u64, files: fn(u64) -> u64) -> Vec<Look> {
        let look = |life, at| Look {
            life,
            at_s: float(at),
            rss: rss(life, at),
            files: files(at),
            threads: 5,
        };
        (1..=2).flat_map(|life| (0..=100).map(move |at| look(life, at))).collect()
    }

    #[test]
    fn a_life_that_begins_higher_is_no_growth() {
        // The second life has twice as much, and neither grows; what comes in the warm-up does not count.
        let steady =
            |life: u64, at: u64| life * 1_000_000 + if at < 30 { at * 1_000 } else { 30_000 };
        let growth = Growth::of(&looks(steady, |_| 10), WARM_UP);
        assert!(growth.rss_per_cent_h.abs() < 1e-6, "{growth:?}");
        assert!((growth.files, growth.threads) == (0.0, 0.0), "{growth:?}");
    }

    #[test]
    fn what_grows_is_told() {
        // A thousandth of a million a second: 360 % an hour of 1.05 million.
        let growing = |_: u64, at: u64| 1_000_000 + at * 1_000;
        let growth = Growth::of(&looks(growing, |at| 10 + at / 10), WARM_UP);
        assert!((growth.rss_per_cent_h - 336.4).abs() < 1.0, "{growth:?}");
        assert!((growth.files - 3.0).abs() < 0.01, "{growth:?}");
        assert!((growth.warm_s - 120.0).abs() < 1e-6, "{growth:?}");
        let cold = &looks(growing, |_| 10);
        assert_eq!(Growth::of(cold, WARM_UP * 3), Growth::default());
        assert_eq!(Growth::of(&[], WARM_UP), Growth::default());
    }
}
