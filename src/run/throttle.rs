//! What holds batches back, and from where on: the signals of a target, and an environment's
//! limits for them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Engine;

/// Something that a target shows, and that batches heed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// How far the slowest replica is behind, in milliseconds.
    ReplicaLag,
    /// How many replicas are connected.
    Replicas,
    /// Sessions that wait for a lock, Bellows' own left out.
    LockWaits,
    /// Sessions at work, Bellows' own left out.
    ActiveSessions,
    /// How long one row of the table takes to be read by another session, in milliseconds.
    ProbeLatency,
    /// What the server writes to its log, in MB a second.
    WalRate,
    /// The share of the disk that is free, in percent.
    DiskFree,
    /// Vacuums that prevent a wraparound of the table.
    Vacuum,
    /// Log segments that wait to be archived.
    Archive,
}

impl Signal {
    /// Every signal, in the order that forms show them.
    pub const ALL: [Signal; 9] = [
        Signal::ReplicaLag,
        Signal::Replicas,
        Signal::LockWaits,
        Signal::ActiveSessions,
        Signal::ProbeLatency,
        Signal::WalRate,
        Signal::DiskFree,
        Signal::Vacuum,
        Signal::Archive,
    ];

    /// The word of settings and of the wire: `replica_lag`.
    pub fn word(self) -> &'static str {
        match self {
            Signal::ReplicaLag => "replica_lag",
            Signal::Replicas => "replicas",
            Signal::LockWaits => "lock_waits",
            Signal::ActiveSessions => "active_sessions",
            Signal::ProbeLatency => "probe_latency",
            Signal::WalRate => "wal_rate",
            Signal::DiskFree => "disk_free",
            Signal::Vacuum => "vacuum",
            Signal::Archive => "archive",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Signal::ReplicaLag => "Replication lag",
            Signal::Replicas => "Connected replicas",
            Signal::LockWaits => "Sessions waiting for locks",
            Signal::ActiveSessions => "Active sessions",
            Signal::ProbeLatency => "Latency of a small read",
            Signal::WalRate => "Log written",
            Signal::DiskFree => "Free disk space",
            Signal::Vacuum => "Vacuums against wraparound",
            Signal::Archive => "Log segments to archive",
        }
    }

    /// What it is counted in; empty for plain numbers.
    pub fn unit(self) -> &'static str {
        match self {
            Signal::ReplicaLag | Signal::ProbeLatency => "ms",
            Signal::WalRate => "MB/s",
            Signal::DiskFree => "%",
            Signal::Replicas
            | Signal::LockWaits
            | Signal::ActiveSessions
            | Signal::Vacuum
            | Signal::Archive => "",
        }
    }

    /// The limit where nobody has set one; absent: it holds nothing back.
    ///
    /// How much log a server bears, and how many replicas it ought to have, only its people know.
    pub fn usual(self) -> Option<u64> {
        match self {
            Signal::ReplicaLag => Some(10_000),
            Signal::LockWaits => Some(10),
            Signal::ActiveSessions => Some(100),
            Signal::ProbeLatency => Some(250),
            Signal::DiskFree => Some(5),
            Signal::Vacuum => Some(0),
            // GitLab's number: 672 MB where segments have the usual size.
            Signal::Archive => Some(42),
            Signal::Replicas | Signal::WalRate => None,
        }
    }

    /// Whether too little of it is what holds back.
    pub fn is_floor(self) -> bool {
        match self {
            Signal::Replicas | Signal::DiskFree => true,
            Signal::ReplicaLag
            | Signal::LockWaits
            | Signal::ActiveSessions
            | Signal::ProbeLatency
            | Signal::WalRate
            | Signal::Vacuum
            | Signal::Archive => false,
        }
    }

    /// Whether the engine has such a thing at all.
    pub fn is_of(self, engine: Engine) -> bool {
        match (self, engine) {
            (Signal::DiskFree, _) | (_, Engine::PostgreSql) => true,
            (_, Engine::Sqlite)
            | (Signal::Vacuum | Signal::Archive, Engine::MySql | Engine::MariaDb) => false,
            (
                Signal::ReplicaLag
                | Signal::Replicas
                | Signal::LockWaits
                | Signal::ActiveSessions
                | Signal::ProbeLatency
                | Signal::WalRate,
                Engine::MySql | Engine::MariaDb,
            ) => true,
        }
    }

    /// Whether that value holds batches back.
    pub fn exceeds(self, value: u64, limit: u64) -> bool {
        if self.is_floor() {
            value < limit
        } else {
            value > limit
        }
    }

    /// Whether that value is far enough on the right side to let them go on. The gap between this
    /// and [`Signal::exceeds`] keeps it from flapping.
    pub fn is_calm(self, value: u64, limit: u64) -> bool {
        match self {
            Signal::DiskFree => value > limit,
            Signal::Replicas => value >= limit,
            Signal::ReplicaLag
            | Signal::LockWaits
            | Signal::ActiveSessions
            | Signal::ProbeLatency
            | Signal::WalRate
            | Signal::Vacuum
            | Signal::Archive => value <= limit.saturating_sub(limit / 5),
        }
    }
}

/// The limits of an environment: what differs from the usual ones. `None` switches a signal off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Throttle(BTreeMap<Signal, Option<u64>>);

impl Throttle {
    /// From where on the signal holds back; absent: never.
    pub fn limit(&self, signal: Signal) -> Option<u64> {
        self.0.get(&signal).copied().unwrap_or(signal.usual())
    }

    /// Whether a person wants the signal heeded: then it is no choice to go on without seeing it.
    pub fn is_set(&self, signal: Signal) -> bool {
        matches!(self.0.get(&signal), Some(Some(_)))
    }

    /// What a person said of the signal; `None` where nobody said anything.
    pub fn said(&self, signal: Signal) -> Option<Option<u64>> {
        self.0.get(&signal).copied()
    }

    /// Sets a limit, or switches the signal off.
    pub fn set(&mut self, signal: Signal, limit: Option<u64>) {
        self.0.insert(signal, limit);
    }

    /// Back to the usual limit.
    pub fn unset(&mut self, signal: Signal) {
        self.0.remove(&signal);
    }

    /// This, with that signal set: `Throttle::default().with(Signal::ReplicaLag, Some(2000))`.
    #[must_use]
    pub fn with(mut self, signal: Signal, limit: Option<u64>) -> Self {
        self.set(signal, limit);
        self
    }
}

/// One setting as the command line has it: `replica_lag=2000`, `wal_rate=off`.
///
/// # Errors
/// What is wrong with it, and what it may be.
pub fn parse_throttle(text: &str) -> Result<(Signal, Option<u64>), String> {
    let words = || {
        let words: Vec<&str> = Signal::ALL.iter().map(|signal| signal.word()).collect();
        words.join(", ")
    };
    let (word, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not SIGNAL=LIMIT; the signals are {}", words()))?;
    let signal = Signal::ALL
        .into_iter()
        .find(|signal| signal.word() == word)
        .ok_or_else(|| format!("there is no signal `{word}`; there are {}", words()))?;
    if value == "off" {
        return Ok((signal, None));
    }
    let limit = value
        .parse()
        .map_err(|_| format!("`{value}` is neither a whole number nor `off`"))?;
    Ok((signal, Some(limit)))
}

/// A signal that holds batches back now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldBy {
    /// Which.
    pub signal: Signal,
    /// What it shows; absent where it cannot be read, which holds back as well.
    pub value: Option<u64>,
    /// From where on it holds back.
    pub limit: u64,
    /// What was seen, for people: which replica, who waits.
    pub message: String,
}

/// How hard a walk goes at it, and what it has met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pace {
    /// Sessions at work.
    pub workers: u32,
    /// What the signals showed last.
    pub signals: BTreeMap<Signal, u64>,
    /// How long each signal has held it back since this run began, in milliseconds.
    pub held_ms: BTreeMap<Signal, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_listed_once_and_has_its_word_on_the_wire() {
        for signal in Signal::ALL {
            let wire = serde_json::to_value(signal).unwrap_or_default();
            assert_eq!(wire, signal.word());
            assert_eq!(Signal::ALL.iter().filter(|s| **s == signal).count(), 1);
        }
    }

    #[test]
    fn no_value_both_exceeds_and_is_calm_and_each_signal_can_be_released() {
        for signal in Signal::ALL {
            for limit in [0, 1, 5, 100] {
                for value in 0..200 {
                    assert!(
                        !(signal.exceeds(value, limit) && signal.is_calm(value, limit)),
                        "{signal:?} {value} {limit}"
                    );
                }
                assert!((0..200).any(|value| signal.is_calm(value, limit)));
            }
        }
    }

    #[test]
    fn settings_are_read_and_mistakes_named() {
        assert_eq!(
            parse_throttle("replica_lag=2000"),
            Ok((Signal::ReplicaLag, Some(2000)))
        );
        assert_eq!(parse_throttle("wal_rate=off"), Ok((Signal::WalRate, None)));
        for (wrong, says) in [
            ("lag", "SIGNAL=LIMIT"),
            ("lag=3", "there is no signal `lag`"),
            ("vacuum=x", "neither a whole number"),
        ] {
            let said = parse_throttle(wrong).err().unwrap_or_default();
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn what_nobody_said_is_as_usual_and_what_is_off_stays_off() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.limit(Signal::ReplicaLag), Some(10_000));
        assert!(!throttle.is_set(Signal::ReplicaLag));
        throttle.set(Signal::ReplicaLag, None);
        let text = serde_json::to_string(&throttle).unwrap_or_default();
        assert_eq!(text, r#"{"replica_lag":null}"#);
        let mut back: Throttle = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!(back.limit(Signal::ReplicaLag), None);
        back.set(Signal::ReplicaLag, Some(5));
        assert!(back.is_set(Signal::ReplicaLag));
        back.unset(Signal::ReplicaLag);
        assert_eq!(back, Throttle::default());
    }
}
