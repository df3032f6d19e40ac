//! What good clients met beside each attack, as a table and as rows of JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::good::{Ended, Latencies};
use super::ground::{ENDED, Seen};
use super::limits::LANES;
use super::limits::{
    BURST, BURST_EVERY, CONNECTIONS, PIPELINED, PUBLISH_EVERY, PUBLISHERS, RATIO_BAR,
    RSS_ABOVE_CALM_MAX, SAMPLES_MIN, SHOT_EVERY,
};
use crate::runs::{float, micros};

/// A time in which the good clients worked beside an attack, or alone.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) seen: Seen,
    /// The most memory that the server had, in bytes.
    pub(super) peak: u64,
}

/// All phases, and what was wrong.
#[derive(Clone, Debug)]
pub struct Report {
    rows: Vec<Row>,
    /// Good events, each acknowledged once and delivered once in order when there is no fault.
    events: u64,
    faults: Vec<String>,
    thin: Vec<String>,
}

/// One phase.
#[derive(Clone, Debug, Serialize)]
struct Row {
    attack: &'static str,
    what: &'static str,
    connections: u64,
    requests: u64,
    /// How often which status was answered; 0 for connections that were ended without an answer.
    answers: BTreeMap<u16, u64>,
    publish: Latency,
    stream: Latency,
    /// Bytes of memory of the server at most.
    rss_peak: u64,
    rss_above_calm: u64,
    /// Whether both ratios keep to the bar; null for the calm.
    is_met: Option<bool>,
}

/// Latencies of good clients.
#[derive(Clone, Copy, Debug, Serialize)]
struct Latency {
    samples: u64,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
    /// p99 to that of the calm.
    ratio: f64,
}

impl Latency {
    fn of(noted: &hdrhistogram::Histogram<u64>, calm: &hdrhistogram::Histogram<u64>) -> Self {
        let p99 = noted.value_at_quantile(0.99);
        Self {
            samples: noted.len(),
            p50_us: micros(noted.value_at_quantile(0.5)),
            p99_us: micros(p99),
            max_us: micros(noted.max()),
            ratio: float(p99) / float(calm.value_at_quantile(0.99).max(1)),
        }
    }
}

impl Report {
    pub(super) fn new(
        phases: Vec<Phase>,
        ended: &Ended,
        faults: Vec<String>,
        thin: &mut Vec<String>,
    ) -> Self {
        // The first one is the phase in which nothing is noted.
        let mut latencies = ended.latencies.iter().skip(1);
        let calm = ended.latencies.get(1);
        let peak_of_calm = phases.first().map_or(0, |phase| phase.peak);
        let mut rows = Vec::new();
        for phase in phases {
            let (Some(noted), Some(calm)) = (latencies.next(), calm) else { break };
            thin.extend(too_few(phase.name, noted));
            rows.push(row(phase, noted, (calm, peak_of_calm)));
        }
        let events = ended.published.iter().sum();
        Self { rows, events, faults, thin: std::mem::take(thin) }
    }

    /// What the server did that it must not.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// What there was too little of to prove anything.
    #[must_use]
    pub fn thin(&self) -> &[String] {
        &self.thin
    }

    /// The rows as an array of JSON.
    ///
    /// # Errors
    /// Never, unless a figure is no number.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&self.rows)
    }

    /// The table and what it comes to, in a line, when nothing is wrong.
    #[must_use]
    pub fn summary(&self) -> String {
        let attacks = self.rows.iter().filter(|row| row.is_met.is_some());
        let met = attacks.clone().filter(|row| row.is_met == Some(true)).count();
        let sum = |of: fn(&Row) -> u64| self.rows.iter().map(of).sum::<u64>();
        format!(
            "sound: {} phases of attack, {} connections, {} requests: no panic, nothing half-applied; \
             {} good events acknowledged, each delivered once in order; p99 within {RATIO_BAR} x of the calm \
             in {met}",
            attacks.count(),
            sum(|row| row.connections),
            sum(|row| row.requests),
            self.events,
        )
    }
}

fn row(phase: Phase, noted: &Latencies, (calm, peak_of_calm): (&Latencies, u64)) -> Row {
    let publish = Latency::of(&noted.publish, &calm.publish);
    let stream = Latency::of(&noted.stream, &calm.stream);
    let is_met = publish.ratio <= RATIO_BAR && stream.ratio <= RATIO_BAR;
    Row {
        attack: phase.name,
        what: phase.what,
        connections: phase.seen.connections,
        requests: phase.seen.requests,
        answers: phase.seen.answers,
        publish,
        stream,
        rss_peak: phase.peak,
        rss_above_calm: phase.peak.saturating_sub(peak_of_calm),
        is_met: (phase.name != "calm").then_some(is_met),
    }
}

fn too_few(name: &str, noted: &Latencies) -> Option<String> {
    let samples = noted.publish.len().min(noted.stream.len());
    (samples < SAMPLES_MIN).then(|| {
        format!("{name}: {samples} latencies of good clients, of which {SAMPLES_MIN} are needed")
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_s = |every: std::time::Duration| 1000 / every.as_millis().max(1);
        let shots = LANES as u128 * per_s(SHOT_EVERY);
        writeln!(
            f,
            "good clients: {PUBLISHERS} publish {} events a second each, two read\n\
             attacks: single requests {shots} a second at most, floods {} requests or {} connections a second;\n\
             they share the machine with the server, on a thread of their own; it may have {CONNECTIONS} connections\n\
             memory: at most {} MiB above the calm\n",
            per_s(PUBLISH_EVERY),
            shots * PIPELINED as u128,
            BURST as u128 * per_s(BURST_EVERY),
            RSS_ABOVE_CALM_MAX >> 20,
        )?;
        writeln!(
            f,
            "attack       connections requests  publish p50   p99 ms  ratio  stream p50   p99 ms  ratio  above MiB  2 x     answers"
        )?;
        for row in &self.rows {
            let ms = |micros: f64| micros / 1000.0;
            let verdict = match row.is_met {
                None => "-",
                Some(true) => "met",
                Some(false) => "MISSED",
            };
            let (publish, stream) = (row.publish, row.stream);
            writeln!(
                f,
                "{:<12} {:>11} {:>8}  {:>11.2} {:>8.2} {:>6.2}  {:>10.2} {:>8.2} {:>6.2}  {:>9}  {verdict:<6}  {}",
                row.attack,
                row.connections,
                row.requests,
                ms(publish.p50_us),
                ms(publish.p99_us),
                publish.ratio,
                ms(stream.p50_us),
                ms(stream.p99_us),
                stream.ratio,
                row.rss_above_calm >> 20,
                answers(&row.answers),
            )?;
        }
        writeln!(f)?;
        for row in &self.rows {
            writeln!(f, "{:<12} {}", row.attack, row.what)?;
        }
        Ok(())
    }
}

fn answers(answers: &BTreeMap<u16, u64>) -> String {
    let one = |(status, count): (&u16, &u64)| match *status {
        ENDED => format!("ended:{count}"),
        status => format!("{status}:{count}"),
    };
    answers.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;

    fn noted(samples: u64, nanos: u64) -> Latencies {
        let mut histogram = Histogram::new(3).unwrap();
        histogram.record_n(nanos, samples).unwrap();
        Latencies { publish: histogram.clone(), stream: histogram }
    }

    fn phase(name: &'static str) -> Phase {
        let mut seen = Seen { connections: 3, requests: 7, ..Seen::default() };
        seen.answers = BTreeMap::from([(ENDED, 1), (400, 6)]);
        Phase { name, what: "does something", seen, peak: 40 << 20 }
    }

    fn report(beside: Latencies) -> Report {
        let latencies = vec![noted(0, 1), noted(1000, 2_000_000), beside];
        let ended = Ended { published: vec![3, 4], latencies, faults: Vec::new() };
        Report::new(vec![phase("calm"), phase("deep")], &ended, Vec::new(), &mut Vec::new())
    }

    #[test]
    fn the_bar_is_met_or_missed() {
        let met = report(noted(1000, 3_900_000));
        let text = met.to_string();
        assert!(text.contains("met     ended:1 400:6"), "{text}");
        assert!(text.contains("deep         does something"), "{text}");
        assert!(met.summary().contains("7 good events") && met.summary().ends_with("in 1"));
        let missed = report(noted(1000, 4_100_000));
        assert!(missed.to_string().contains("MISSED"), "{missed}");
        assert!(missed.summary().ends_with("in 0"));
        // It is told, and is no fault.
        assert!(missed.faults().is_empty() && missed.thin().is_empty());
    }

    #[test]
    fn a_guess_is_too_thin() {
        assert!(report(noted(SAMPLES_MIN, 1)).thin().is_empty());
        assert_eq!(report(noted(SAMPLES_MIN - 1, 1)).thin().len(), 1);
    }
}
