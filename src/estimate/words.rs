//! Estimates in words: the same in the terminal and on the page.

use super::{Basis, Kind, Source, Span};
use crate::plan::Statement;

/// `about 2–5 s`, `about 40 ms`, `up to 3 min`, `under 10 ms`.
pub fn range(span: Span) -> String {
    let (low, high) = (span.low_ms, span.high_ms.max(span.low_ms));
    if high <= 10 {
        return "under 10 ms".to_owned();
    }
    let (unit, ms) = match high {
        0..1_000 => ("ms", 1.0),
        1_000..100_000 => ("s", 1_000.0),
        100_000..6_000_000 => ("min", 60_000.0),
        6_000_000..259_200_000 => ("h", 3_600_000.0),
        259_200_000.. => ("days", 86_400_000.0),
    };
    let (from, to) = (number(low as f64 / ms), number(high as f64 / ms));
    if from == to {
        format!("about {to} {unit}")
    } else if from == "0" {
        format!("up to {to} {unit}")
    } else {
        format!("about {from}–{to} {unit}")
    }
}

/// Two digits or so: 0.3, 4.1, 73, 410.
fn number(value: f64) -> String {
    if value < 0.05 {
        return "0".to_owned();
    }
    let text = if value < 9.95 {
        format!("{value:.1}")
    } else if value < 99.5 {
        format!("{value:.0}")
    } else {
        format!("{:.0}", (value / 10.0).round() * 10.0)
    };
    match text.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// What a statement's estimate rests on: `1,200,000 rows in 340 MB; measured here 14 times`.
pub fn rests_on(statement: &Statement) -> String {
    let basis = &statement.estimate.basis;
    let size = match (statement.load.kind, basis.source) {
        (Kind::Brief, _) => "touches the catalogue alone".to_owned(),
        (_, Source::Assumed) => {
            format!("{} rows assumed, no target", count(basis.rows))
        }
        (_, Source::Made) if basis.rows == 0 => "empty, made by this document".to_owned(),
        (_, Source::Made) => format!("{}, copied by this document", sized(basis)),
        (Kind::Rewrite | Kind::Fill, Source::Target) => {
            let indexes = match basis.indexes {
                1 => "1 index".to_owned(),
                indexes => format!("{indexes} indexes"),
            };
            format!("{} with {indexes}", sized(basis))
        }
        (Kind::Scan | Kind::LookUp | Kind::Index | Kind::Copy | Kind::Compare, Source::Target) => {
            sized(basis)
        }
    };
    let speed = match basis.measured {
        0 => return size,
        1 => "measured here once".to_owned(),
        times => format!("measured here {times} times"),
    };
    format!("{size}; {speed}")
}

fn sized(basis: &Basis) -> String {
    format!("{} rows in {}", count(basis.rows), bytes(basis.bytes))
}

/// `12 kB`, `340 MB`, `1.2 GB`.
pub fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0..1_000_000 => format!("{} kB", number(value / 1e3)),
        1_000_000..1_000_000_000 => format!("{} MB", number(value / 1e6)),
        1_000_000_000.. => format!("{} GB", number(value / 1e9)),
    }
}

/// `200,000`, with a comma every three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(low_ms: u64, high_ms: u64) -> String {
        range(Span {
            low_ms,
            expected_ms: low_ms,
            high_ms,
        })
    }

    #[test]
    fn ranges_are_in_the_unit_of_their_end() {
        assert_eq!(words(0, 4), "under 10 ms");
        assert_eq!(words(40, 41), "about 40–41 ms");
        assert_eq!(words(120, 340), "about 120–340 ms");
        assert_eq!(words(2_000, 5_300), "about 2–5.3 s");
        assert_eq!(words(3, 1_800), "up to 1.8 s");
        assert_eq!(words(70_000, 150_000), "about 1.2–2.5 min");
        assert_eq!(words(3_600_000, 7_200_000), "about 1–2 h");
        assert_eq!(words(86_400_000, 432_000_000), "about 1–5 days");
        assert_eq!(words(60_000, 60_000), "about 60 s");
    }

    #[test]
    fn sizes_have_two_digits() {
        assert_eq!(bytes(0), "0 kB");
        assert_eq!(bytes(340_000_000), "340 MB");
        assert_eq!(bytes(1_234_000_000), "1.2 GB");
        assert_eq!(count(1_200_000), "1,200,000");
    }
}
