//! Numbers, times and states as the page writes them: the same on the server, in every browser
//! and in every locale.

/// A path of this site to go to, or the first page.
pub fn own_path(next: Option<&str>) -> &str {
    match next {
        Some(path)
            if path.starts_with('/')
                && !path.starts_with("//")
                && !path.contains('\\')
                && !path.contains(|c: char| c.is_control())
                && path.is_ascii() =>
        {
            path
        }
        Some(_) | None => "/",
    }
}

/// `2026-03-01 14:05:09` in UTC, from microseconds since 1970.
pub fn time(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The civil date of a number of days since 1970-01-01 (Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// `340 ms`, `2.5 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..10_000 => format!("{}.{} s", seconds, ms / 100 % 10),
        10_000..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600_000..86_400_000 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        86_400_000.. => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `200,000`, with a comma every three digits.
pub fn count(number: u64) -> String {
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

/// `1 phase`, `2 phases`.
pub fn plural(number: u64, one: &str) -> String {
    format!(
        "{} {one}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

/// `12 KB`, `3.4 MB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut tenths = bytes.saturating_mul(10) / 1024;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", tenths / 10, UNITS[unit])
    }
}

/// The first twelve digits of a hash.
pub fn short_hash(hash: &str) -> String {
    hash.rsplit(':')
        .next()
        .unwrap_or(hash)
        .chars()
        .take(12)
        .collect()
}

/// A text as an address of its own, to be saved as a file.
pub fn data_url(kind: &str, text: &str) -> String {
    use std::fmt::Write;

    let mut out = format!("data:{kind};charset=utf-8,");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_know_leap_years() {
        assert_eq!(time(0), "1970-01-01 00:00:00");
        assert_eq!(time(951_782_399_000_000), "2000-02-28 23:59:59");
        assert_eq!(time(951_782_400_000_000), "2000-02-29 00:00:00");
        assert_eq!(time(1_795_255_801_999_999), "2026-11-21 10:10:01");
        assert_eq!(time(-1), "1969-12-31 23:59:59");
    }

    #[test]
    fn a_text_is_saved_to_the_letter() {
        let url = data_url("application/yaml", "a: \"é\"\n");
        assert_eq!(
            url,
            "data:application/yaml;charset=utf-8,a%3A%20%22%C3%A9%22%0A"
        );
    }

    #[test]
    fn only_paths_of_this_site_are_followed() {
        assert_eq!(own_path(Some("/audit?x=1")), "/audit?x=1");
        for foreign in ["//evil", "https://evil", "/\\evil", "evil", "", "/a\nb"] {
            assert_eq!(own_path(Some(foreign)), "/", "{foreign}");
        }
    }

    #[test]
    fn numbers_read_easily() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plural(1, "row"), "1 row");
        assert_eq!(duration(2540), "2.5 s");
        assert_eq!(duration(200_000), "3 min 20 s");
        assert_eq!(bytes(1536), "1.5 KB");
        assert_eq!(bytes(52_428_800), "50 MB");
    }
}
