//! Days of the calendar, to cut a range of time into partitions.

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day {
    year: i32,
    month: u32,
    day: u32,
}

/// How long a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interval {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Interval {
    /// Their words, in the order that menus show them.
    pub(super) const WORDS: &'static [&'static str] = &["month", "quarter", "year", "week", "day"];

    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word {
            "day" => Some(Interval::Day),
            "week" => Some(Interval::Week),
            "month" => Some(Interval::Month),
            "quarter" => Some(Interval::Quarter),
            "year" => Some(Interval::Year),
            _ => None,
        }
    }

    /// Whether an interval can begin on that day and keep its name.
    pub(super) fn begins(self, day: Day) -> bool {
        match self {
            Interval::Day | Interval::Week => true,
            Interval::Month => day.day == 1,
            Interval::Quarter => day.day == 1 && day.month % 3 == 1,
            Interval::Year => day.day == 1 && day.month == 1,
        }
    }

    /// The beginning of the one after it.
    pub(super) fn next(self, day: Day) -> Day {
        match self {
            Interval::Day => day.plus_days(1),
            Interval::Week => day.plus_days(7),
            Interval::Month => day.plus_months(1),
            Interval::Quarter => day.plus_months(3),
            Interval::Year => day.plus_months(12),
        }
    }

    /// The end of a partition's name: `2024_q1`.
    pub(super) fn name(self, day: Day) -> String {
        let Day { year, month, day } = day;
        match self {
            Interval::Day | Interval::Week => format!("{year:04}_{month:02}_{day:02}"),
            Interval::Month => format!("{year:04}_{month:02}"),
            Interval::Quarter => format!("{year:04}_q{}", (month - 1) / 3 + 1),
            Interval::Year => format!("{year:04}"),
        }
    }
}

impl Day {
    /// Reads `2024-01-31`; `None` where the calendar has no such day.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |text: &str| text.len() >= 2 && text.bytes().all(|b| b.is_ascii_digit());
        if parts.next().is_some() || ![year, month, day].into_iter().all(digits) {
            return None;
        }
        let read = Self {
            year: year.parse().ok().filter(|y| (1..=9999).contains(y))?,
            month: month.parse().ok().filter(|m| (1..=12).contains(m))?,
            day: day.parse().ok()?,
        };
        (1..=days_of(read.year, read.month))
            .contains(&read.day)
            .then_some(read)
    }

    fn plus_days(self, days: u32) -> Self {
        let mut out = self;
        out.day += days;
        while out.day > days_of(out.year, out.month) {
            out.day -= days_of(out.year, out.month);
            out = Self {
                day: out.day,
                ..out.first_of_next()
            };
        }
        out
    }

    /// From the first of a month.
    fn plus_months(self, months: u32) -> Self {
        (0..months).fold(self, |day, _| Self {
            day: day.day,
            ..day.first_of_next()
        })
    }

    fn first_of_next(self) -> Self {
        if self.month == 12 {
            Self {
                year: self.year + 1,
                month: 1,
                day: 1,
            }
        } else {
            Self {
                month: self.month + 1,
                day: 1,
                ..self
            }
        }
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn days_of(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(interval: Interval, from: &str, count: usize) -> Vec<String> {
        let mut day = Day::parse(from).unwrap();
        (0..count)
            .map(|_| {
                day = interval.next(day);
                day.to_string()
            })
            .collect()
    }

    #[test]
    fn intervals_follow_the_calendar() {
        assert_eq!(
            steps(Interval::Quarter, "2023-10-01", 2),
            ["2024-01-01", "2024-04-01"]
        );
        assert_eq!(
            steps(Interval::Week, "2024-02-26", 2),
            ["2024-03-04", "2024-03-11"]
        );
        assert_eq!(steps(Interval::Day, "2023-12-31", 1), ["2024-01-01"]);
        assert_eq!(steps(Interval::Year, "2024-01-01", 1), ["2025-01-01"]);
        assert_eq!(
            steps(Interval::Month, "2024-12-01", 2),
            ["2025-01-01", "2025-02-01"]
        );
    }

    #[test]
    fn only_days_of_the_calendar_are_read() {
        for wrong in [
            "2023-02-29",
            "2024-13-01",
            "2024-1-1",
            "x",
            "2024-01-01-01",
            "",
        ] {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
        assert!(Day::parse("2024-02-29").is_some());
        let april = Day::parse("2024-04-01").unwrap();
        assert!(Interval::Quarter.begins(april) && !Interval::Year.begins(april));
        assert_eq!(Interval::Quarter.name(april), "2024_q2");
    }
}
