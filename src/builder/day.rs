//! The day that a document's file is named by.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// A day of the calendar. The core has no clock: whoever has one gives it, as
/// `Day::from(SystemTime::now())`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that is no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no day: write it as 2025-01-28 or 20250128")]
pub struct NoDay(String);

impl Day {
    /// The day, where the calendar has it. Years are from 1 to 9999.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=last).contains(&day)).then_some(Self {
            year,
            month,
            day,
        })
    }
}

impl fmt::Display for Day {
    /// `20250128`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{:02}{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Self, NoDay> {
        let no_day = || NoDay(text.to_owned());
        let digits = match text.as_bytes() {
            [.., b'-', _, _, b'-', _, _] if text.len() == 10 => text.replace('-', ""),
            _ => text.to_owned(),
        };
        if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(no_day());
        }
        let (year, month, day) = (&digits[..4], &digits[4..6], &digits[6..]);
        match (year.parse(), month.parse(), day.parse()) {
            (Ok(year), Ok(month), Ok(day)) => Day::new(year, month, day).ok_or_else(no_day),
            _ => Err(no_day()),
        }
    }
}

/// The day in UTC. What lies outside of the years 1970 to 9999 is the nearest day within them.
impl From<SystemTime> for Day {
    fn from(time: SystemTime) -> Self {
        const LAST: u64 = 2_932_896;
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        // Howard Hinnant's civil_from_days, for days that are not negative.
        let days = (seconds / 86_400).min(LAST) + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        // Each is within its range by the arithmetic above.
        Self {
            year: year as u16,
            month: month as u8,
            day: day as u8,
        }
    }
}

/// The file of a document: `20250128_add_email_verified.yaml`.
pub fn file_name(name: &str, day: Day) -> String {
    format!("{day}_{}.yaml", name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_day_is_read_and_shown() {
        for text in ["2025-01-28", "20250128"] {
            assert_eq!(
                text.parse::<Day>().map(|d| d.to_string()),
                Ok("20250128".into())
            );
        }
        for bad in [
            "2025-02-29",
            "2025-13-01",
            "28.01.2025",
            "",
            "202501281",
            "2025-1-28",
            "ä1-01-011",
        ] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
        assert!(Day::new(2024, 2, 29).is_some());
        assert!(Day::new(1900, 2, 29).is_none());
        assert!(Day::new(2000, 2, 29).is_some());
    }

    #[test]
    fn the_day_of_a_time_is_that_of_utc() {
        let day = |seconds| Day::from(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        assert_eq!(day(0), "19700101");
        assert_eq!(day(951_782_399), "20000228");
        assert_eq!(day(951_782_400), "20000229");
        assert_eq!(day(1_738_108_799), "20250128");
        assert_eq!(day(1_738_108_800), "20250129");
        assert_eq!(day(u64::MAX / 4), "99991231");
        assert_eq!(
            Day::from(UNIX_EPOCH - Duration::from_secs(9)).to_string(),
            "19700101"
        );
    }

    #[test]
    fn a_document_is_named_by_its_day_and_name() {
        let day = Day::new(2025, 1, 28).unwrap();
        assert_eq!(
            file_name("add-email-verified", day),
            "20250128_add_email_verified.yaml"
        );
    }
}
