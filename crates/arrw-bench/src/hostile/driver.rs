//! Starts the server, lets good clients work, first alone and then beside each attack, and looks at what is left.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::attacks::Attack;
use super::good::{self, Good, UNNOTED};
use super::ground::{Ground, Held, Seen};
use super::ledger::Ledger;
use super::limits::{
    BODY_IDLE_MS, CONNECTIONS, ENDING_TIME_MAX, FAULTS_TOLD, GOOD_TIME_MAX, HEAD_MS, LOOK_EVERY,
    RSS_ABOVE_CALM_MAX, SAMPLES_MIN, SETTLE_TIME_MAX, SOCKET_SETTINGS, STREAMS, WRITE_STALL_MS,
};
use super::look;
use super::report::{Phase, Report};
use super::{Hostile, Surface};
use crate::machine;
use crate::pace;
use crate::place::SAID;
use crate::random::Random;
use crate::server::{self, Server};

/// The phase without an attack.
const CALM: usize = 1;

/// Attacks under way, and all that is around them.
pub(super) struct Driver<'a> {
    plan: &'a Hostile,
    random: Random,
    said: PathBuf,
    server: Server,
    epoch: String,
    good: Good,
    /// The attackers have a thread of their own.
    runtime: Runtime,
    ledger: Arc<Ledger>,
    phases: Vec<Phase>,
    faults: Vec<String>,
    thin: Vec<String>,
}

impl<'a> Driver<'a> {
    /// Starts the server and the good clients, for so many phases.
    pub(super) fn new(plan: &'a Hostile, folder: &Path, phases: usize) -> anyhow::Result<Self> {
        let said = folder.join(SAID);
        let file =
            File::create(&said).with_context(|| format!("cannot make `{}`", said.display()))?;
        let mut command = server::serve(&plan.program, folder);
        let limits = [
            ("HEAD_MS", HEAD_MS),
            ("BODY_IDLE_MS", BODY_IDLE_MS),
            ("WRITE_STALL_MS", WRITE_STALL_MS),
            ("CONNECTIONS", CONNECTIONS as u64),
            ("STREAMS", STREAMS as u64),
        ];
        for (name, value) in limits {
            command.env(format!("ARRWDB_LIMITS_{name}"), value.to_string());
        }
        if plan.surface == Surface::Sockets {
            for (name, value) in SOCKET_SETTINGS {
                command.env(name, value);
            }
        }
        let server = Server::start(command.stderr(Stdio::from(file)));
        let server = server.with_context(|| {
            format!("the server does not start; `{}` has what it said", said.display())
        })?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("cannot start the executor")?;
        let epoch = runtime.block_on(look::stats(server.address()))?.log.epoch;
        let good = Good::start(server.address(), plan.surface, phases)?;
        let (ledger, phases) = (Arc::default(), Vec::new());
        let (faults, thin) = (Vec::new(), Vec::new());
        let random = Random::new(plan.seed);
        Ok(Self { plan, random, said, server, epoch, good, runtime, ledger, phases, faults, thin })
    }

    /// Lets the good clients work alone.
    pub(super) fn calm(&mut self) -> anyhow::Result<()> {
        // All of them are there before anything counts.
        self.settle("the calm");
        self.good.enter(CALM);
        self.wait(CALM);
        self.good.enter(UNNOTED);
        let peak = machine::rss_peak(self.server.id())?;
        let what = "the good clients alone";
        self.phases.push(Phase { name: "calm", what, seen: Seen::default(), peak });
        Ok(())
    }

    /// Waits until the time of a phase is over and enough was noted in it, but not for ever.
    fn wait(&self, phase: usize) {
        pace::wait(self.plan.time);
        let until = Instant::now() + GOOD_TIME_MAX;
        while self.good.samples(phase) < SAMPLES_MIN && Instant::now() < until {
            pace::wait(LOOK_EVERY);
        }
    }

    /// Lets the good clients work beside some attacks; false when the server has gone.
    pub(super) fn attack(
        &mut self,
        (name, what): (&'static str, &'static str),
        attacks: &[&Attack],
        progress: &mut dyn Write,
    ) -> anyhow::Result<bool> {
        machine::forget_rss_peak(self.server.id())?;
        let ground = |attack: &Attack| {
            let server = (self.server.address(), self.epoch.as_str());
            Arc::new(Ground::new(server, attack.name, self.random.fork(), &self.ledger))
        };
        let grounds: Vec<Arc<Ground>> = attacks.iter().copied().map(ground).collect();
        let phase = self.phases.len() + 1;
        self.good.enter(phase);
        let held = self.run(phase, attacks, &grounds);
        self.good.enter(UNNOTED);
        let is_there = self.settle(name);
        drop(held);
        let peak = if is_there { machine::rss_peak(self.server.id())? } else { 0 };
        let mut all = Seen::default();
        for (attack, ground) in attacks.iter().zip(&grounds) {
            let seen = ground.seen();
            // Beside all others an attack may find no room, and only its reach counts.
            let proof = if attacks.len() == 1 { attack.proof } else { &[] };
            self.thin.extend(seen.is_too_little(attack.name, proof));
            all.add(seen);
        }
        self.faults.append(&mut all.faults);
        let told: u64 = all.fault_count;
        writeln!(
            progress,
            "{name}: {} connections, {} requests, {told} faults",
            all.connections, all.requests
        )?;
        let calm = self.phases.first().map_or(0, |calm| calm.peak);
        self.faults.extend(too_much_memory(name, calm, peak));
        self.phases.push(Phase { name, what, seen: all, peak });
        Ok(is_there)
    }

    /// Runs attacks to their ends; answers the connections that they leave open.
    fn run(&mut self, phase: usize, attacks: &[&Attack], grounds: &[Arc<Ground>]) -> Vec<Held> {
        let tasks: Vec<_> = attacks
            .iter()
            .zip(grounds)
            .map(|(attack, ground)| self.runtime.spawn((attack.run)(Arc::clone(ground))))
            .collect();
        self.wait(phase);
        grounds.iter().for_each(|ground| ground.end());
        let until = Instant::now() + ENDING_TIME_MAX;
        let mut held = Vec::new();
        for (attack, task) in attacks.iter().zip(tasks) {
            let left = until.saturating_duration_since(Instant::now());
            let ended = self.runtime.block_on(async { timeout(left, task).await });
            match ended {
                Ok(Ok(connections)) => held.push(connections),
                Ok(Err(error)) => self.faults.push(format!("{}: {error}", attack.name)),
                Err(_) => self.faults.push(format!("{}: does not come to its end", attack.name)),
            }
        }
        held
    }

    /// Waits until the server has let go of all connections but the good ones, and looks whether it is well;
    /// false when it has gone.
    fn settle(&mut self, behind: &str) -> bool {
        let address = self.server.address();
        // The one that asks is there as well.
        let expected = good::CONNECTIONS + 1;
        let until = Instant::now() + SETTLE_TIME_MAX;
        loop {
            match self.server.ended() {
                Ok(None) => (),
                Ok(Some(status)) => {
                    self.faults.push(format!("behind {behind}: the server ended: {status}"));
                    return false;
                }
                Err(error) => {
                    self.faults.push(format!("behind {behind}: {error}"));
                    return false;
                }
            }
            let stats = self.runtime.block_on(look::stats(address));
            if stats.as_ref().is_ok_and(|stats| stats.connections == expected) {
                break;
            }
            if until < Instant::now() {
                let stats = stats.map(|stats| format!("{} connections", stats.connections));
                let stats = stats.unwrap_or_else(|error| format!("{error:#}"));
                let fault = format!("behind {behind}: {stats}, where {expected} were expected");
                self.faults.push(fault);
                break;
            }
            pace::wait(LOOK_EVERY);
        }
        for probe in ["/livez", "/readyz"] {
            if let Err(error) = self.runtime.block_on(look::ask(address, probe)) {
                self.faults.push(format!("behind {behind}: {error:#}"));
            }
        }
        true
    }

    /// Ends the good clients, looks at the whole log, and ends the server.
    pub(super) fn end(self) -> anyhow::Result<Report> {
        let Self { said, mut server, good, runtime, ledger, phases, mut faults, mut thin, .. } =
            self;
        let mut ended = good.end()?;
        faults.append(&mut ended.faults);
        match runtime.block_on(look::whole_log(server.address())) {
            Ok(found) => {
                let mut wrong = ledger.check(&found);
                wrong.extend(good::check(&found, &ended.published));
                let more = wrong.len().saturating_sub(FAULTS_TOLD);
                faults.extend(wrong.into_iter().take(FAULTS_TOLD));
                if 0 < more {
                    faults.push(format!("the log: {more} more faults"));
                }
            }
            Err(error) => faults.push(format!("the log cannot be read: {error:#}")),
        }
        match server.stop(SETTLE_TIME_MAX)? {
            Some(status) if status.success() => (),
            Some(status) => faults.push(format!("the server ended with {status} on SIGTERM")),
            None => faults.push("the server does not end on SIGTERM".to_owned()),
        }
        let said = fs::read_to_string(&said)
            .with_context(|| format!("cannot read `{}`", said.display()))?;
        faults.extend(panics(&said));
        let report = Report::new(phases, &ended, faults, &mut thin);
        Ok(report)
    }
}

/// What the server said of panics.
fn panics(said: &str) -> Vec<String> {
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("panicked")).collect();
    let first = lines.iter().take(FAULTS_TOLD).map(|line| format!("the server said: {line}"));
    first.collect()
}

fn too_much_memory(name: &str, calm: u64, peak: u64) -> Option<String> {
    let above = peak.saturating_sub(calm);
    (RSS_ABOVE_CALM_MAX < above).then(|| {
        let (above, max) = (above >> 20, RSS_ABOVE_CALM_MAX >> 20);
        format!("{name}: the server had {above} MiB above the calm, and may have {max}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_noticed() {
        let said = "WARN turned away\nthread 'tokio-rt-worker' (7) panicked at lines.rs:263:21:\n";
        assert_eq!(panics(said).len(), 1);
        assert_eq!(panics("WARN turned away\n"), Vec::<String>::new());
    }

    #[test]
    fn memory_beyond_the_bound_is_noticed() {
        let calm = 30 << 20;
        assert_eq!(too_much_memory("x", calm, calm + RSS_ABOVE_CALM_MAX), None);
        assert!(too_much_memory("x", calm, calm + RSS_ABOVE_CALM_MAX + 1).is_some());
        assert_eq!(too_much_memory("x", calm, 0), None);
    }
}
