//! Whether the locks of a phase would be had now, and who stands in the way: from the sessions
//! that are open on the target at a moment.

use serde::{Deserialize, Serialize};

use super::Blocker;
use crate::plan::Lock;

/// What was to be seen of a plan's locks at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// When it was looked at, by the target's clock, in microseconds since 1970.
    pub read_at: i64,
    /// Its phases.
    pub phases: Vec<PhaseForecast>,
}

/// One phase of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseForecast {
    /// 1, 2, 3, ...
    pub phase: u32,
    /// Its steps that take a lock, in order.
    pub steps: Vec<StepForecast>,
}

/// One step of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepForecast {
    /// The step's id.
    pub step: String,
    /// What it does, for people.
    pub title: String,
    /// The strictest lock that it takes.
    pub lock: Lock,
    /// How long each try waits for it, in milliseconds.
    pub try_ms: u64,
    /// How long it is tried in all, in milliseconds.
    pub budget_ms: u64,
    /// Whether it would be had.
    pub prospect: Prospect,
    /// Who stands in the way, the oldest first.
    pub in_the_way: Vec<Obstacle>,
}

/// Whether a lock would be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prospect {
    /// At once.
    Free,
    /// Only vacuums stand in the way, and they are made to give way.
    GivesWay,
    /// The step would wait, and hold nobody up meanwhile.
    Waits,
    /// No try would succeed while those in the way stay.
    Blocked,
}

/// A session in the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Obstacle {
    /// The session.
    #[serde(flatten)]
    pub blocker: Blocker,
    /// What it has that is in the way.
    pub has: Hold,
}

/// What a session has that a step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// A lock on the table.
    Lock,
    /// A snapshot from before: concurrent index builds outwait it, whatever table it reads.
    Snapshot,
    /// The lock of the whole file, as somebody has it whom SQLite does not name.
    File,
}

impl PhaseForecast {
    /// The worst prospect of its steps.
    pub fn prospect(&self) -> Prospect {
        self.steps
            .iter()
            .map(|step| step.prospect)
            .max()
            .unwrap_or(Prospect::Free)
    }

    /// In one line.
    pub fn words(&self) -> String {
        match self.prospect() {
            Prospect::Free => "every lock would be had at once".to_owned(),
            Prospect::GivesWay => {
                "every lock would be had, once an autovacuum has given way".to_owned()
            }
            Prospect::Waits => "would wait for others, and hold nobody up meanwhile".to_owned(),
            Prospect::Blocked => "a lock would not be had now".to_owned(),
        }
    }
}

impl StepForecast {
    /// Whether the lock would be had, in a sentence without its end.
    pub fn words(&self) -> String {
        let lock = self.lock.word();
        match self.prospect {
            Prospect::Free => format!("{lock} would be had at once"),
            Prospect::GivesWay => format!("{lock} would be had once an autovacuum has given way"),
            Prospect::Waits => format!("{lock} would wait for those below, and hold nobody up"),
            Prospect::Blocked => {
                let within = match self.try_ms {
                    0 => String::new(),
                    ms => format!(" within {}", short(ms)),
                };
                format!(
                    "{lock} would not be had{within} while those below stay; it is tried again for {}",
                    short(self.budget_ms)
                )
            }
        }
    }
}

impl Obstacle {
    /// `pid 4711 of app, for 30 s, holds a lock: UPDATE ...`.
    pub fn words(&self) -> String {
        let has = match self.has {
            Hold::Lock => "holds a lock",
            Hold::Snapshot => "holds an old snapshot",
            Hold::File => return "somebody is writing to the file".to_owned(),
        };
        let who = match (self.blocker.user.as_str(), self.blocker.autovacuum) {
            (_, true) => "an autovacuum worker".to_owned(),
            ("", false) => "the server".to_owned(),
            (user, false) => user.to_owned(),
        };
        format!(
            "pid {} of {who}, for {}, {has}: {}",
            self.blocker.pid,
            short(self.blocker.age_ms),
            self.blocker
                .query
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        )
    }
}

/// `50 ms`, `30 s`, `5 min`, `3 h`.
fn short(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000.. => format!("{} h", ms / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(prospect: Prospect, in_the_way: Vec<Obstacle>) -> StepForecast {
        StepForecast {
            step: "1.0.0".into(),
            title: "Add column users.age".into(),
            lock: Lock::AccessExclusive,
            try_ms: 50,
            budget_ms: 300_000,
            prospect,
            in_the_way,
        }
    }

    #[test]
    fn a_phase_is_as_good_as_its_worst_step() {
        let mut phase = PhaseForecast {
            phase: 1,
            steps: Vec::new(),
        };
        assert_eq!(phase.prospect(), Prospect::Free);
        phase.steps.push(step(Prospect::Waits, Vec::new()));
        phase.steps.push(step(Prospect::Free, Vec::new()));
        assert_eq!(phase.prospect(), Prospect::Waits);
        phase.steps.push(step(Prospect::Blocked, Vec::new()));
        assert_eq!(phase.words(), "a lock would not be had now");
    }

    #[test]
    fn who_stands_in_the_way_is_named() {
        let blocker = Blocker {
            guessed: false,
            pid: 4711,
            user: "app".into(),
            query: "UPDATE users\n  SET name = 'x'".into(),
            age_ms: 30_400,
            autovacuum: false,
        };
        let obstacle = Obstacle {
            blocker,
            has: Hold::Lock,
        };
        assert_eq!(
            obstacle.words(),
            "pid 4711 of app, for 30 s, holds a lock: UPDATE users SET name = 'x'"
        );
        assert_eq!(
            step(Prospect::Blocked, vec![obstacle]).words(),
            "ACCESS EXCLUSIVE would not be had within 50 ms while those below stay; it is tried \
             again for 5 min"
        );
    }
}
