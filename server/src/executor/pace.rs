//! How large a batch is, and how fast the walk goes.
//!
//! Larger batches are not faster without end: past a few thousand rows the server's clean-up of
//! indexes makes them slower, and whoever waits for a row waits longer. So the size climbs towards
//! what moves most rows a second, under a cap on how long one batch may take.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Where a batch starts when the document does not say.
const START: u32 = 1000;

/// The range in which the size climbs.
const RANGE: (u32, u32) = (250, 4000);

/// No batch is cut smaller than this, however slow its rows are.
const LEAST: u32 = 20;

/// How long a batch should take at most: those who wait for one of its rows wait as long.
const CAP: Duration = Duration::from_millis(100);

/// Batches of one size before it is judged.
const SAMPLES: u32 = 5;

/// The factor of one step up or down.
const STEP: f64 = 1.4;

/// The span over which the rate is taken.
const SPAN: Duration = Duration::from_secs(5);

/// The size of the next batch.
pub(super) struct Size {
    now: u32,
    range: (u32, u32),
    up: bool,
    batches: u32,
    rows: u64,
    time: Duration,
    before: Option<f64>,
}

impl Size {
    /// A size that the document gives is where it starts, and is not exceeded.
    pub(super) fn new(given: Option<u32>) -> Self {
        let range = match given {
            Some(rows) => ((rows / 4).max(1), rows.max(1)),
            None => RANGE,
        };
        Self {
            now: given.unwrap_or(START).max(1),
            range,
            up: true,
            batches: 0,
            rows: 0,
            time: Duration::ZERO,
            before: None,
        }
    }

    /// Rows of the next batch.
    pub(super) fn rows(&self) -> u32 {
        self.now
    }

    /// A batch of the current size took that long.
    pub(super) fn took(&mut self, rows: u64, time: Duration) {
        if time > CAP {
            let factor = (CAP.as_secs_f64() / time.as_secs_f64()).max(0.5);
            self.set(f64::from(self.now) * factor, LEAST.min(self.range.0));
            self.up = false;
            return;
        }
        self.batches += 1;
        self.rows += rows;
        self.time += time;
        if self.batches < SAMPLES {
            return;
        }
        let rate = self.rows as f64 / self.time.as_secs_f64().max(1e-6);
        if self.before.is_some_and(|before| rate < before) {
            self.up = !self.up;
        }
        let factor = if self.up { STEP } else { 1.0 / STEP };
        let at_end = if self.up {
            self.now >= self.range.1
        } else {
            self.now <= self.range.0
        };
        self.set(f64::from(self.now) * factor, self.range.0.min(self.now));
        if at_end {
            self.up = !self.up;
        }
        self.before = Some(rate);
    }

    /// A batch could not be had at all: its rows are in use.
    pub(super) fn shrink(&mut self) {
        self.set(f64::from(self.now) / 2.0, LEAST.min(self.range.0));
        self.up = false;
    }

    fn set(&mut self, rows: f64, least: u32) {
        // Far below what a u32 holds: it is capped by the range.
        self.now = (rows.round() as u32).clamp(least.max(1), self.range.1);
        self.batches = 0;
        self.rows = 0;
        self.time = Duration::ZERO;
        self.before = None;
    }
}

/// Rows a second over the last seconds.
pub(super) struct Rate {
    seen: VecDeque<(Instant, u64)>,
}

impl Rate {
    pub(super) fn new(now: Instant, walked: u64) -> Self {
        Self {
            seen: VecDeque::from([(now, walked)]),
        }
    }

    /// That many rows have been walked by now.
    pub(super) fn walked(&mut self, now: Instant, walked: u64) {
        self.seen.push_back((now, walked));
        while self.seen.len() > 2
            && self
                .seen
                .get(1)
                .is_some_and(|(at, _)| now.duration_since(*at) >= SPAN)
        {
            self.seen.pop_front();
        }
    }

    /// Rows a second.
    pub(super) fn per_second(&self) -> f64 {
        let (Some(first), Some(last)) = (self.seen.front(), self.seen.back()) else {
            return 0.0;
        };
        let seconds = last.0.duration_since(first.0).as_secs_f64();
        if seconds <= 0.0 {
            return 0.0;
        }
        last.1.saturating_sub(first.1) as f64 / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs batches whose time is a function of their size.
    fn settle(mut size: Size, batches: u32, time: impl Fn(u32) -> f64) -> Vec<u32> {
        (0..batches)
            .map(|_| {
                let rows = size.rows();
                size.took(u64::from(rows), Duration::from_secs_f64(time(rows)));
                size.rows()
            })
            .collect()
    }

    #[test]
    fn a_slow_batch_is_cut_at_once_and_stays_under_the_cap() {
        // One millisecond a row: 100 rows are what the cap allows.
        let sizes = settle(Size::new(None), 60, |rows| f64::from(rows) * 0.001);
        assert!(sizes[0] <= 500);
        assert!(sizes[20..].iter().all(|rows| *rows <= 160), "{sizes:?}");
    }

    #[test]
    fn where_more_rows_a_second_are_had_by_more_rows_the_size_climbs() {
        // A fixed cost of 5 ms a batch, and next to nothing for a row.
        let sizes = settle(Size::new(None), 200, |rows| 0.005 + f64::from(rows) * 1e-6);
        assert!(sizes.contains(&4000), "{sizes:?}");
    }

    #[test]
    fn the_documents_size_is_not_exceeded() {
        let sizes = settle(Size::new(Some(100)), 200, |rows| {
            0.005 + f64::from(rows) * 1e-6
        });
        assert!(
            sizes.iter().all(|rows| (25..=100).contains(rows)),
            "{sizes:?}"
        );
    }

    #[test]
    fn the_rate_forgets_what_is_long_past() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut rate = Rate::new(start, 0);
        rate.walked(at(1), 1000);
        rate.walked(at(10), 1000);
        for second in 11..=20 {
            rate.walked(at(second), 1000 + (second - 10) * 10);
        }
        assert!(
            (9.0..=11.0).contains(&rate.per_second()),
            "{}",
            rate.per_second()
        );
    }
}
