//! What a run tells, as it goes: kept as events, and shown as lines, bars or JSON.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bellows::estimate::bytes as size;
use bellows::run::{Blocker, EventKind, RunEvent};
use serde_json::Value;

use super::args::Format;
use super::exit::CliError;
use super::screen::{Screen, Tone};
use crate::events::Events;
use crate::executor::{EventSink, SinkError};

/// How often a pipe hears of progress.
const PIPE_PACE: Duration = Duration::from_secs(5);

/// The screen, shared by the command and the run that it watches.
pub type SharedScreen = Arc<Mutex<Screen>>;

/// Keeps events, and shows them.
pub struct Report {
    events: Events,
    screen: SharedScreen,
    format: Format,
    /// When progress was last told to a pipe.
    told: Mutex<Option<Instant>>,
}

impl Report {
    /// Shows on the screen what is kept.
    pub fn new(events: Events, screen: SharedScreen, format: Format) -> Self {
        Self {
            events,
            screen,
            format,
            told: Mutex::new(None),
        }
    }

    fn show(&self, execution: &str, event: &RunEvent) -> Result<(), CliError> {
        // A panic elsewhere leaves at worst an unfinished line.
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        match self.format {
            Format::Json => match json(execution, event) {
                Some(value) => screen.print(&value.to_string()),
                None => Ok(()),
            },
            Format::Text => self.show_text(&event.event, &mut screen),
        }
    }

    fn show_text(&self, event: &EventKind, screen: &mut Screen) -> Result<(), CliError> {
        if let EventKind::Progress { .. } | EventKind::BackupProgress { .. } = event {
            if screen.moves() {
                return screen.redraw(&progress(event, true));
            }
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.is_some_and(|at| at.elapsed() < PIPE_PACE) {
                return Ok(());
            }
            *told = Some(Instant::now());
            return screen.print(&progress(event, false));
        }
        match line(event) {
            Some((tone, text)) => {
                let text = screen.tone(tone, &text);
                screen.print(&text)
            }
            None => Ok(()),
        }
    }
}

#[async_trait::async_trait]
impl EventSink for Report {
    async fn append(&self, execution: &str, event: EventKind) -> Result<(), SinkError> {
        let event = Events::append(&self.events, execution, event)
            .await
            .map_err(|error| SinkError(error.to_string()))?;
        // A reader that went away (`| head`) is no reason to stop a migration half way.
        if let Err(error) = self.show(execution, &event) {
            tracing::debug!(%error, "an event could not be shown");
        }
        Ok(())
    }
}

/// One line of `--format json`: `{"event":"phase_started","executionId":"...","seq":3,"at":...}`
/// and what the event itself holds; `at` in milliseconds.
/// How the command itself ends is not an event of the run and is printed by the command.
fn json(execution: &str, event: &RunEvent) -> Option<Value> {
    if matches!(
        event.event,
        EventKind::Stopped { .. } | EventKind::Finished { .. }
    ) {
        return None;
    }
    let Ok(Value::Object(mut tagged)) = serde_json::to_value(&event.event) else {
        return None;
    };
    let mut flat = serde_json::Map::new();
    flat.insert("event".to_owned(), tagged.remove("kind")?);
    flat.insert("executionId".to_owned(), execution.into());
    flat.insert("seq".to_owned(), event.seq.into());
    flat.insert("at".to_owned(), (event.at / 1000).into());
    if let Some(Value::Object(data)) = tagged.remove("data") {
        flat.extend(data);
    }
    Some(Value::Object(flat))
}

/// An event as a line for people; nothing for what the command says itself.
fn line(event: &EventKind) -> Option<(Tone, String)> {
    Some(match event {
        EventKind::ExecutionCreated { .. }
        | EventKind::Progress { .. }
        | EventKind::BackupProgress { .. }
        | EventKind::Stopped { .. }
        | EventKind::Finished { .. } => return None,
        EventKind::PhaseStarted { phase, resumed, .. } => {
            let goes_on = if *resumed { " goes on" } else { "" };
            (Tone::Strong, format!("Phase {phase}{goes_on}"))
        }
        EventKind::Recovered { found, .. } => (Tone::Careful, format!("  ⚠ {found}")),
        EventKind::StepStarted { title, .. } => (Tone::Plain, format!("  {title}")),
        EventKind::StepCompleted { duration_ms, .. } => {
            (Tone::Good, format!("  ✓ done in {}", span(*duration_ms)))
        }
        EventKind::LockWaiting {
            tries,
            next_ms,
            blockers,
            ..
        } => (
            Tone::Careful,
            format!(
                "  ⚠ waiting for a lock, try {tries}, again in {}{}",
                span(*next_ms),
                in_the_way(blockers)
            ),
        ),
        EventKind::BlockerEnded { by, blocker, .. } => (
            Tone::Careful,
            format!(
                "  ⚠ {by} ended the session {} of {}: {}",
                blocker.pid, blocker.user, blocker.query
            ),
        ),
        EventKind::Throttled { held, held_ms, .. } => {
            let why: Vec<&str> = held.iter().map(|by| by.message.as_str()).collect();
            let since = match held_ms {
                0 => String::new(),
                ms => format!(" for {}", span(*ms)),
            };
            (
                Tone::Careful,
                format!("  ⚠ held back{since}: {}", why.join("; ")),
            )
        }
        EventKind::Released { held_ms, .. } => (
            Tone::Plain,
            format!("  goes on, after {} of being held back", span(*held_ms)),
        ),
        EventKind::CheckPassed { check, .. } => (Tone::Good, format!("  ✓ {check}")),
        EventKind::CheckFailed {
            check,
            message,
            found,
            ..
        } => (Tone::Bad, format!("  ✗ {check}: {message} (found {found})")),
        EventKind::PhaseCompleted { phase, duration_ms } => (
            Tone::Good,
            format!("✓ Phase {phase} is done in {}", span(*duration_ms)),
        ),
        EventKind::PhaseFailed { phase, message } => {
            (Tone::Bad, format!("✗ Phase {phase} failed: {message}"))
        }
        EventKind::RollbackStarted { phase } => {
            (Tone::Careful, format!("Taking phase {phase} back"))
        }
        EventKind::PhaseRolledBack { phase } => {
            (Tone::Good, format!("✓ Phase {phase} is taken back"))
        }
        EventKind::BackupTaken {
            snapshot,
            bytes,
            duration_ms,
            tables,
            ..
        } => {
            let (bytes, time) = (size(*bytes), span(*duration_ms));
            let s = if *tables == 1 { "" } else { "s" };
            let words = format!("✓ Backup {snapshot}: {tables} table{s}, {bytes}, in {time}");
            (Tone::Good, words)
        }
        EventKind::BackupSkipped { before, .. } => (
            Tone::Careful,
            format!("⚠ Phase {before} starts without a backup"),
        ),
        EventKind::GoSaid { phase, by } => (Tone::Plain, format!("{by} said go for phase {phase}")),
        EventKind::Restored { snapshot, .. } => {
            (Tone::Careful, format!("Backup {snapshot} was restored"))
        }
        EventKind::Notice { message } => (Tone::Faint, format!("  ℹ {message}")),
    })
}

fn in_the_way(blockers: &[Blocker]) -> String {
    let one = |b: &Blocker| {
        let who = if b.autovacuum {
            "autovacuum"
        } else {
            b.user.as_str()
        };
        format!("{who} (pid {}, {}): {}", b.pid, span(b.age_ms), b.query)
    };
    let all: Vec<String> = blockers.iter().map(one).collect();
    if all.is_empty() {
        String::new()
    } else {
        format!("; in the way: {}", all.join("; "))
    }
}

/// How far a backfill is: with a bar where it can move.
fn progress(event: &EventKind, bar: bool) -> String {
    if let EventKind::BackupProgress { bytes, total, .. } = event {
        let (bytes, total) = (size(*bytes), size(*total));
        return format!("  backup: {bytes} written of at most about {total}");
    }
    let EventKind::Progress {
        rows,
        total,
        rate,
        left_ms,
        batch,
        ..
    } = event
    else {
        return String::new();
    };
    let share = if *total == 0 {
        1.0
    } else {
        (*rows as f64 / *total as f64).min(1.0)
    };
    let left = left_ms.map_or(String::new(), |ms| format!(", {} left", span(ms)));
    let numbers = format!(
        "{:3.0} % {rows} of {total} rows, {rate:.0}/s{left}, batches of {batch}",
        share * 100.0
    );
    if !bar {
        return format!("  {}", numbers.trim_start());
    }
    const WIDTH: usize = 24;
    let full = (share * WIDTH as f64) as usize;
    format!(
        "  [{}{}] {numbers}",
        "█".repeat(full),
        "░".repeat(WIDTH - full)
    )
}

/// `850 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`.
pub fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
        3_600_000..172_800_000 => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
        172_800_000.. => format!("{} d {} h", ms / 86_400_000, ms % 86_400_000 / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_says_what_happened_first() {
        let told = |event| RunEvent {
            v: 1,
            seq: 7,
            at: 1_700_000_000_000_999,
            event,
        };
        let started = EventKind::PhaseStarted {
            phase: 2,
            by: "ada".to_owned(),
            resumed: false,
        };
        let value = json("x", &told(started)).unwrap();
        assert_eq!(
            (&value["seq"], &value["at"]),
            (&7.into(), &1_700_000_000_000_u64.into())
        );
        assert_eq!(value["event"], "phase_started");
        assert_eq!(value["executionId"], "x");
        assert_eq!(value["phase"], 2);
        assert_eq!(value["by"], "ada");
        let over = EventKind::Finished {
            status: bellows::run::FinalStatus::Completed,
            message: None,
        };
        assert_eq!(
            json("x", &told(over)),
            None,
            "the last line is the command's own"
        );
    }

    #[test]
    fn a_bar_is_never_longer_than_itself() {
        let event = EventKind::Progress {
            step: "1.0.0".to_owned(),
            rows: 300,
            changed: 300,
            total: 200,
            rate: 10.0,
            left_ms: Some(90_500),
            batch: 100,
            pace: Default::default(),
        };
        let bar = progress(&event, true);
        assert!(
            bar.contains("100 % 300 of 200 rows, 10/s, 1 min 30 s left"),
            "{bar}"
        );
        assert_eq!(bar.matches('█').count(), 24);
    }

    #[test]
    fn spans_read_as_people_say_them() {
        assert_eq!(span(999), "999 ms");
        assert_eq!(span(3_200), "3.2 s");
        assert_eq!(span(250_000), "4 min 10 s");
        assert_eq!(span(7 * 86_400_000), "7 d 0 h");
    }
}
