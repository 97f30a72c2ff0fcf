//! When signals hold batches back, and when they let them go on again.

use std::collections::BTreeMap;

use bellows::run::{HeldBy, Signal, Throttle};

/// What one look at a signal gave.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Look {
    /// What it shows, and who or what that is, for people.
    Shows(u64, String),
    /// It is not to be seen here: for want of a right, or because nobody tells.
    Hidden(String),
    /// It could not be read this time.
    Failed(String),
}

/// What all of them gave.
pub(super) type Looks = BTreeMap<Signal, Look>;

/// Looks in a row that must be calm before a signal lets go.
const CALM: u32 = 3;

/// The signals that hold back. One that cannot be read holds back, too; one that can never be read
/// here does where a person wants it heeded, and is else left out.
pub(super) struct Brake {
    throttle: Throttle,
    /// What holds, and how many looks at it were calm since.
    on: BTreeMap<Signal, (HeldBy, u32)>,
}

impl Brake {
    pub(super) fn new(throttle: Throttle) -> Self {
        Self {
            throttle,
            on: BTreeMap::new(),
        }
    }

    /// Takes what was seen, and gives what holds back now.
    pub(super) fn judge(&mut self, looks: &Looks) -> Vec<HeldBy> {
        for (signal, look) in looks {
            let Some(limit) = self.throttle.limit(*signal) else {
                continue;
            };
            let (holds, calm, value, message) = match look {
                Look::Shows(value, message) => (
                    signal.exceeds(*value, limit),
                    signal.is_calm(*value, limit),
                    Some(*value),
                    message,
                ),
                Look::Hidden(why) => {
                    let wanted = self.throttle.is_set(*signal);
                    (wanted, !wanted, None, why)
                }
                Look::Failed(why) => (true, false, None, why),
            };
            let seen = HeldBy {
                signal: *signal,
                value,
                limit,
                message: message.clone(),
            };
            match self.on.get_mut(signal) {
                None if holds => {
                    self.on.insert(*signal, (seen, 0));
                }
                None => {}
                Some((held, calms)) => {
                    *held = seen;
                    *calms = if calm { *calms + 1 } else { 0 };
                }
            }
        }
        self.on.retain(|_, (_, calms)| *calms < CALM);
        self.on.values().map(|(held, _)| held.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(brake: &mut Brake, look: Look) -> usize {
        brake
            .judge(&Looks::from([(Signal::ReplicaLag, look)]))
            .len()
    }

    fn shows(value: u64) -> Look {
        Look::Shows(value, "seen".into())
    }

    #[test]
    fn a_value_around_the_limit_does_not_let_go_again_and_again() {
        let mut brake = Brake::new(Throttle::default().with(Signal::ReplicaLag, Some(1000)));
        assert_eq!(judged(&mut brake, shows(1000)), 0);
        assert_eq!(judged(&mut brake, shows(1001)), 1);
        for value in [999, 1001, 900, 801, 999] {
            assert_eq!(judged(&mut brake, shows(value)), 1, "{value}");
        }
        // Calm, but not for long enough.
        assert_eq!(judged(&mut brake, shows(800)), 1);
        assert_eq!(judged(&mut brake, shows(0)), 1);
        assert_eq!(judged(&mut brake, shows(999)), 1);
        assert_eq!(judged(&mut brake, shows(0)), 1);
        assert_eq!(judged(&mut brake, shows(0)), 1);
        assert_eq!(judged(&mut brake, shows(0)), 0);
        assert_eq!(judged(&mut brake, shows(999)), 0);
    }

    #[test]
    fn what_cannot_be_read_holds_and_says_why() {
        let mut brake = Brake::new(Throttle::default());
        let failed = Look::Failed("refused".into());
        let held = brake.judge(&Looks::from([(Signal::ReplicaLag, failed)]));
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].value, None);
        assert_eq!(held[0].message, "refused");
    }

    #[test]
    fn what_can_never_be_seen_holds_only_where_a_person_wants_it_heeded() {
        let hidden = || Look::Hidden("nobody tells".into());
        let mut usual = Brake::new(Throttle::default());
        assert_eq!(judged(&mut usual, hidden()), 0);
        let mut set = Brake::new(Throttle::default().with(Signal::ReplicaLag, Some(10_000)));
        assert_eq!(judged(&mut set, hidden()), 1);
        let mut off = Brake::new(Throttle::default().with(Signal::ReplicaLag, None));
        assert_eq!(judged(&mut off, shows(1_000_000)), 0);
    }
}
