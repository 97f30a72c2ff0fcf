//! What a plain word of YAML is, by the core schema of YAML 1.2: null, truth, number or text.

use super::tree::Data;

/// Digits that a double keeps whatever the number is; with more, a literal may come back changed.
const DIGITS_EXACT: usize = 15;

/// Resolves a plain scalar.
pub(super) fn resolve(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Data::Null,
        "true" | "True" | "TRUE" => Data::Bool(true),
        "false" | "False" | "FALSE" => Data::Bool(false),
        _ if is_number(text) => Data::Number {
            source: text.to_owned(),
            exact: exact(text),
        },
        _ => Data::Text(text.to_owned()),
    }
}

/// Whether the text reads as a number of the core schema, `.inf` and `.nan` included.
fn is_number(text: &str) -> bool {
    let all =
        |digits: &str, of: fn(&char) -> bool| !digits.is_empty() && digits.chars().all(|c| of(&c));
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, char::is_ascii_hexdigit);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, |c| matches!(c, '0'..='7'));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|e| {
            all(
                e.strip_prefix(['-', '+']).unwrap_or(e),
                char::is_ascii_digit,
            )
        })
}

/// The number, where JSON holds it without a change: an integer of 64 bits without leading zeros,
/// or a decimal of at most fifteen digits.
fn exact(text: &str) -> Option<serde_json::Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(Into::into);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().map(Into::into);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let leading_zero =
        unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit();
    if leading_zero {
        return None;
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        let signed = text.strip_prefix('+').unwrap_or(text);
        return signed
            .parse::<i64>()
            .map(Into::into)
            .or_else(|_| signed.parse::<u64>().map(Into::into))
            .ok();
    }
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if digits.trim_start_matches('0').len() > DIGITS_EXACT {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    let nothing = digits.bytes().all(|b| b == b'0');
    // An exponent beyond the range of a double becomes 0 or infinity, or loses digits on the way.
    let normal = number.is_normal() || (nothing && number == 0.0);
    normal
        .then(|| serde_json::Number::from_f64(number))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Option<String> {
        let Data::Number { exact, .. } = resolve(text) else {
            panic!("{text} is no number")
        };
        exact.map(|n| n.to_string())
    }

    #[test]
    fn numbers_of_the_core_schema() {
        for (text, number) in [
            ("0", "0"),
            ("-12", "-12"),
            ("+5", "5"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("1e3", "1000.0"),
            (".5", "0.5"),
            ("12.", "12.0"),
            ("0.10", "0.1"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(json(text).as_deref(), Some(number), "{text}");
        }
    }

    #[test]
    fn a_number_that_would_come_back_changed_is_not_exact() {
        for text in [
            "007",
            "99999999999999999999",
            "12345678901234567890.123",
            "1e999",
            "1e-320",
            ".inf",
            "-.inf",
            ".nan",
        ] {
            assert_eq!(json(text), None, "{text}");
        }
    }

    #[test]
    fn other_words_are_text() {
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "1_000",
            "1.2.3",
            "e3",
            ".",
            "-",
            "+",
            "0x",
            "0o8",
            "1e",
            "nUll",
            "2025-01-28",
            "12:30",
            "1.5h",
        ] {
            assert_eq!(resolve(text), Data::Text(text.to_owned()));
        }
    }
}
