//! Round trips between agents and visitors.

use core::time::Duration;
use std::time::Instant;

use super::Client;
use super::Failed;
use super::PATIENCE;
use super::control::Work;
use super::control::Worked;
use super::self_cpu;
use super::server_cpu;
use crate::process::now;
use crate::stats::Percentiles;
use crate::wire::Kind;
use crate::wire::Role;

/// Work that is being done.
#[derive(Debug)]
pub(super) struct Job {
    kind: Kind,
    outstanding: u16,
    until: Instant,
    /// How many visitors each agent has to choose from, so that no two agents want the same one.
    share: u32,
    /// When each slot's round trip began, in the order of those who begin.
    begun: Vec<Option<Instant>>,
    under_way: usize,
    latencies: Vec<u64>,
    there: Bytes,
    back: Bytes,
    random: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bytes {
    messages: u64,
    bytes: u64,
}

impl Bytes {
    fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    fn mean(self) -> f64 {
        if self.messages == 0 { 0.0 } else { self.bytes as f64 / self.messages as f64 }
    }
}

/// The next number of the sequence SplitMix64, the same in every run.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Client {
    /// Does work, and for relays with sessions begins and ends these before and after, uncounted.
    pub(super) fn work(&mut self, work: Work) -> Result<Worked, Failed> {
        let agents = self.agents.len() as u32;
        if work.agents == 0 || agents < work.agents || (self.visitors.len() as u32) < work.agents {
            return Err(format!("there are {agents} agents and {} visitors", self.visitors.len()));
        }
        let sessions = work.kind == Kind::Relay && self.config.signer.is_some();
        let once = Work { outstanding: 1, seconds: 0.0, ..work };
        if sessions {
            self.round(Work { kind: Kind::Open, ..once })?;
            self.until_pairs(work.agents, true)?;
        }
        let worked = self.round(work)?;
        if sessions {
            self.round(Work { kind: Kind::Close, ..once })?;
            self.until_pairs(work.agents, false)?;
        }
        Ok(worked)
    }

    /// Waits until the pairs are in sessions with a viewer each, or in none.
    fn until_pairs(&mut self, pairs: u32, connected: bool) -> Result<(), Failed> {
        let patience = now() + PATIENCE;
        let pairs = pairs as usize;
        loop {
            let visitors = self.visitors[..pairs].iter().map(|&place| {
                let talk = &self.connections[place as usize].talk;
                talk.session != 0 && talk.viewer != 0
            });
            let agents = self.agents[..pairs]
                .iter()
                .map(|&place| self.connections[place as usize].talk.session != 0);
            if visitors.chain(agents).all(|is| is == connected) {
                self.job = None;
                return Ok(());
            }
            self.turn_until(patience, "sessions have not begun or ended")?;
        }
    }

    fn round(&mut self, work: Work) -> Result<Worked, Failed> {
        let Work { kind, agents, outstanding, seconds, server } = work;
        let begun = now();
        let until = begun + Duration::from_secs_f64(seconds);
        let slots = agents as usize * usize::from(outstanding);
        self.job = Some(Job {
            kind,
            outstanding,
            until,
            share: self.visitors.len() as u32 / agents,
            begun: vec![None; slots],
            under_way: 0,
            latencies: Vec::new(),
            there: Bytes::default(),
            back: Bytes::default(),
            random: u64::from(agents) << 32 | u64::from(outstanding),
        });
        let (server_before, client_before) = (server_cpu(server)?, self_cpu()?);
        let initiators = match kind.initiator() {
            Role::Visitor => &self.visitors,
            Role::Agent => &self.agents,
        };
        let initiators = initiators[..agents as usize].to_vec();
        for index in initiators {
            let mut out = Vec::new();
            for slot in 0..outstanding {
                self.begin(index as usize, slot, &mut out);
            }
            self.send(index as usize, &out)?;
        }
        // At least one comes back, however slow this is.
        let patience = until + PATIENCE;
        while now() < until || self.job.as_ref().is_some_and(|job| job.latencies.is_empty()) {
            self.turn_until(patience, "nothing came back")?;
        }
        let ended = now();
        let (server_after, client_after) = (server_cpu(server)?, self_cpu()?);
        let counted = self.job.as_ref().map_or(0, |job| job.latencies.len());
        // What is under way is awaited and, with time to count, not counted.
        let patience = ended + PATIENCE;
        while self.job.as_ref().is_some_and(|job| job.under_way > 0) {
            self.turn_until(patience, "round trips that do not end")?;
        }
        // Begun and ended sessions go on being told until both ends know of them.
        let Some(job) = &mut self.job else { return Err("the work is gone".to_owned()) };
        if seconds > 0.0 {
            job.latencies.truncate(counted);
        }
        let round_trip = Percentiles::of(&mut job.latencies).ok_or("nothing came back")?;
        let worked = Worked {
            seconds: (ended - begun).as_secs_f64(),
            relayed: counted as u64 * kind.relayed(),
            round_trip,
            server_cpu: server_after - server_before,
            client_cpu: client_after - client_before,
            bytes_there: job.there.mean(),
            bytes_back: job.back.mean(),
        };
        if !matches!(kind, Kind::Open | Kind::Close) {
            self.job = None;
        }
        Ok(worked)
    }

    /// Begins a round trip of a slot.
    fn begin(&mut self, index: usize, slot: u16, out: &mut Vec<u8>) {
        let Some(job) = &mut self.job else { return };
        let connection = &mut self.connections[index];
        let me = connection.who.index;
        let other = match job.kind {
            Kind::Signal | Kind::Terms => {
                me * job.share + (random(&mut job.random) % u64::from(job.share)) as u32
            }
            Kind::Relay | Kind::Open | Kind::Close => me,
        };
        self.wire.begin(job.kind, connection.who, &mut connection.talk, other, slot, out);
        if let Some(begun) =
            job.begun.get_mut(me as usize * usize::from(job.outstanding) + usize::from(slot))
        {
            *begun = Some(now());
            job.under_way += 1;
        }
    }

    pub(super) fn on_signal(&mut self, index: usize, payload: &[u8], out: &mut Vec<u8>) {
        let Some(job) = &mut self.job else { return };
        let connection = &mut self.connections[index];
        if connection.who.role != job.kind.initiator() {
            job.there.add(payload.len());
            self.wire.answer(job.kind, connection.who, &mut connection.talk, payload, out);
            return;
        }
        let Some(slot) = self.wire.finished(job.kind, &mut connection.talk, payload) else {
            return;
        };
        job.back.add(payload.len());
        let at = connection.who.index as usize * usize::from(job.outstanding) + usize::from(slot);
        let Some(begun) = job.begun.get_mut(at).and_then(Option::take) else { return };
        let moment = now();
        job.latencies.push(u64::try_from((moment - begun).as_nanos()).unwrap_or(u64::MAX));
        job.under_way -= 1;
        if moment < job.until {
            self.begin(index, slot, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_random_sequence_is_that_of_splitmix64() {
        let mut state = 1_234_567;
        let found: Vec<u64> = (0..3).map(|_| random(&mut state)).collect();
        assert_eq!(
            found,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }
}
