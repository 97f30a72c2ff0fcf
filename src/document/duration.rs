//! Times as people write them: `30s`, `15m`, `12h`, `7d`.

/// A soak in milliseconds. A whole number and one of `s`, `m`, `h`, `d`; `0` alone is none.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn soak_ms(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let short = super::names::shorten(text);
    if number.is_empty() {
        return Err(format!(
            "`{short}` is not a time: write a whole number and a unit, such as 30s, 15m, 12h or 7d"
        ));
    }
    let number: u64 = number
        .parse()
        .map_err(|_| format!("`{short}` is too long a time"))?;
    let factor: u64 = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if number == 0 => 0,
        "" => {
            return Err(format!(
                "`{short}` has no unit: write {number}s, {number}m, {number}h or {number}d"
            ));
        }
        other => {
            let meant = match other.trim().to_lowercase().as_str() {
                "s" | "sec" | "secs" | "second" | "seconds" => "s",
                "m" | "min" | "mins" | "minute" | "minutes" => "m",
                "h" | "hr" | "hrs" | "hour" | "hours" => "h",
                "d" | "day" | "days" => "d",
                "w" | "week" | "weeks" => {
                    return Err(format!(
                        "`{short}` is not a time: write {}d",
                        number.saturating_mul(7)
                    ));
                }
                _ => {
                    return Err(format!(
                        "`{short}` is not a time: the units are s, m, h and d, as in {number}d"
                    ));
                }
            };
            return Err(format!(
                "`{short}` is not a time: write {number}{meant}, without a space or a word"
            ));
        }
    };
    number
        .checked_mul(factor)
        // The target's clock counts microseconds in 64 bits with a sign.
        .filter(|ms| *ms <= (i64::MAX / 1_000) as u64)
        .ok_or_else(|| format!("`{short}` is too long a time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_units() {
        assert_eq!(soak_ms("30s"), Ok(30_000));
        assert_eq!(soak_ms("15m"), Ok(900_000));
        assert_eq!(soak_ms("12h"), Ok(43_200_000));
        assert_eq!(soak_ms("7d"), Ok(604_800_000));
        assert_eq!(soak_ms("0"), Ok(0));
    }

    #[test]
    fn a_mistake_is_answered_with_what_to_write() {
        for (bad, hint) in [
            ("7 days", "write 7d"),
            ("7", "7d"),
            ("1 week", "write 7d"),
            ("-1d", "whole number"),
            ("1.5h", "the units are"),
            ("", "whole number"),
            ("99999999999999d", "too long"),
            ("999999999999999999999d", "too long"),
        ] {
            let message = soak_ms(bad).unwrap_err();
            assert!(message.contains(hint), "{bad}: {message}");
        }
    }
}
