//! Sign-in tries: after a few failures in a row an account, and an address, must wait; each
//! failure more doubles the wait.

use std::net::IpAddr;

use crate::store::attempts::{self, Attempts};
use crate::store::{Stored, Tx};

/// A second, in the store's unit.
const SECOND: i64 = 1_000_000;
/// Failures that an account has free.
const ACCOUNT_FREE: i64 = 5;
/// Failures that an address has free; several people can share one.
const ADDRESS_FREE: i64 = 20;
/// No wait is longer.
const LONGEST_WAIT: i64 = 15 * 60 * SECOND;
/// After so long without a failure the count starts anew.
const FORGOTTEN_AFTER: i64 = 60 * 60 * SECOND;

/// What is counted.
#[derive(Clone, Debug)]
pub struct Subjects {
    account: String,
    address: Option<String>,
}

impl Subjects {
    /// Of a try to sign in with that name from that address. An IPv6 network of a house (/64)
    /// counts as one address.
    pub fn new(login: &str, address: Option<IpAddr>) -> Self {
        let network = |address: IpAddr| match address {
            IpAddr::V4(v4) => format!("address {v4}"),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                format!("address {a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        };
        Self {
            account: format!("account {}", login.to_lowercase()),
            address: address.map(network),
        }
    }
}

/// Lets a try through, counted as a failure until [`succeeded`] says otherwise, so that tries at
/// the same time cannot slip by; or gives the seconds to wait.
pub async fn admit(tx: &mut Tx, subjects: &Subjects, now: i64) -> Stored<Result<(), i64>> {
    let mut known = Vec::new();
    let pairs = [
        Some((&subjects.account, ACCOUNT_FREE)),
        subjects
            .address
            .as_ref()
            .map(|address| (address, ADDRESS_FREE)),
    ];
    for (subject, free) in pairs.into_iter().flatten() {
        let attempts = attempts::get(tx, subject).await?;
        if attempts.blocked_until > now {
            return Ok(Err((attempts.blocked_until - now + SECOND - 1) / SECOND));
        }
        known.push((subject, free, attempts));
    }
    for (subject, free, attempts) in known {
        attempts::put(tx, subject, failed(attempts, free, now)).await?;
    }
    Ok(Ok(()))
}

/// The password was right: the account's count starts anew. The address's goes back by this one
/// try only, or someone with an account of their own could guess at others' for ever.
pub async fn succeeded(tx: &mut Tx, subjects: &Subjects) -> Stored<()> {
    attempts::clear(tx, &subjects.account).await?;
    if let Some(address) = &subjects.address {
        let mut attempts = attempts::get(tx, address).await?;
        attempts.failures = (attempts.failures - 1).max(0);
        attempts.blocked_until = 0;
        attempts::put(tx, address, attempts).await?;
    }
    Ok(())
}

/// Forgets what no longer counts.
pub async fn forget(tx: &mut Tx, now: i64) -> Stored<()> {
    attempts::forget_before(tx, now - FORGOTTEN_AFTER).await
}

fn failed(before: Attempts, free: i64, now: i64) -> Attempts {
    let failures = if now - before.last_at > FORGOTTEN_AFTER {
        1
    } else {
        before.failures + 1
    };
    let blocked_until = if failures < free {
        0
    } else {
        let doublings = u32::try_from(failures - free).unwrap_or(u32::MAX).min(20);
        now + (SECOND << doublings).min(LONGEST_WAIT)
    };
    Attempts {
        failures,
        last_at: now,
        blocked_until,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_after_the_free_failures() {
        let now = 1_000_000 * SECOND;
        let mut attempts = Attempts::default();
        let mut waits = Vec::new();
        for _ in 0..9 {
            attempts = failed(attempts, 5, now);
            waits.push((attempts.blocked_until - now).max(0) / SECOND);
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16]);
        for _ in 0..40 {
            attempts = failed(attempts, 5, now);
        }
        assert_eq!(attempts.blocked_until - now, LONGEST_WAIT);
    }

    #[test]
    fn an_hour_without_failure_starts_anew() {
        let old = Attempts {
            failures: 30,
            last_at: SECOND,
            blocked_until: 2 * SECOND,
        };
        let after = failed(old, 5, SECOND + FORGOTTEN_AFTER + 1);
        assert_eq!((after.failures, after.blocked_until), (1, 0));
    }
}
