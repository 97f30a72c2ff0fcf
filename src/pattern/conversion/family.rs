//! MySQL and MariaDB: a cast behind a condition that holds for what converts. In an application's
//! statement a cast that fails would fail its write, and one out of a type's range as well.

use crate::dialect::{quote, types};
use crate::document::Engine;

/// Digits before and behind the point that a value may have to be looked at as a number.
const DIGITS: &str = "[0-9]{1,30}";

/// What holds for a date's text: the month is one, and the day one of that month.
const DATE: &str = "[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}";

/// The conversion of a column; `None` for a type that has none here.
pub(super) fn cast(engine: Engine, column: &str, to: &str) -> Option<String> {
    let to = types::read(engine, to)?;
    let c = quote::name(engine, column);
    let text = format!("trim(CAST({c} AS CHAR))");
    let unsigned = to
        .rest
        .split_whitespace()
        .any(|word| word.eq_ignore_ascii_case("unsigned"));
    let bits = match to.base.as_str() {
        "tinyint" => Some(8),
        "smallint" => Some(16),
        "mediumint" => Some(24),
        "int" | "integer" => Some(32),
        "bigint" => Some(64),
        _ => None,
    };
    if let Some(bits) = bits {
        return Some(whole(&text, bits, unsigned));
    }
    match to.base.as_str() {
        "char" | "character" | "varchar" | "character varying" => {
            let length = to.number(0)?;
            Some(format!(
                "CASE WHEN char_length({c}) <= {length} THEN CAST({c} AS CHAR) END"
            ))
        }
        "text" | "mediumtext" | "longtext" => Some(format!("CAST({c} AS CHAR)")),
        "decimal" | "numeric" | "dec" | "fixed" => decimal(
            &text,
            to.number(0).unwrap_or(10),
            to.number(1).unwrap_or(0),
            unsigned,
        ),
        "double" | "double precision" if !unsigned => Some(format!(
            "CASE WHEN {} THEN {text} + 0e0 END",
            like(
                &text,
                &format!("[+-]?({DIGITS}([.][0-9]{{0,30}})?|[.]{DIGITS})(e[+-]?[0-9]{{1,2}})?")
            )
        )),
        "date" => Some(format!(
            "CASE WHEN {} THEN CASE WHEN {} THEN CAST({text} AS DATE) END END",
            like(&text, DATE),
            day(&text)
        )),
        "datetime" if to.arguments.is_empty() => Some(format!(
            "CASE WHEN {} THEN CASE WHEN {} THEN CAST({text} AS DATETIME) END END",
            like(
                &text,
                &format!("{DATE} ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
            ),
            day(&text)
        )),
        _ => None,
    }
}

/// The text is wholly of that form. A line's end would pass for the end of the text.
fn like(text: &str, pattern: &str) -> String {
    format!("{text} REGEXP '^{pattern}$' AND {text} NOT REGEXP '[[:cntrl:]]'")
}

fn whole(text: &str, bits: u32, unsigned: bool) -> String {
    let (low, high, cast) = if unsigned {
        ("0".to_owned(), (1_u128 << bits) - 1, "UNSIGNED")
    } else {
        let half = 1_u128 << (bits - 1);
        (format!("-{half}"), half - 1, "SIGNED")
    };
    format!(
        "CASE WHEN {text} REGEXP '^[+-]?{DIGITS}$' THEN CASE WHEN CAST({text} AS DECIMAL(30)) BETWEEN {low} AND {high} THEN CAST({text} AS {cast}) END END"
    )
}

/// A number that the type neither rounds nor cannot hold.
fn decimal(text: &str, precision: i64, scale: i64, unsigned: bool) -> Option<String> {
    let before = usize::try_from(precision.checked_sub(scale)?).ok()?;
    let value = format!("CAST({text} AS DECIMAL(65,30))");
    let sign = if unsigned { "[+]?" } else { "[+-]?" };
    Some(format!(
        "CASE WHEN {} THEN CASE WHEN abs({value}) < 1{} AND {value} = round({value}, {scale}) THEN CAST({text} AS DECIMAL({precision},{scale})) END END",
        like(text, &format!("{sign}{DIGITS}([.]{DIGITS})?")),
        "0".repeat(before)
    ))
}

fn day(text: &str) -> String {
    format!(
        "CAST(substr({text}, 9, 2) AS UNSIGNED) BETWEEN 1 AND day(last_day(concat(left({text}, 8), '01')))"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(to: &str) -> Option<String> {
        cast(Engine::MariaDb, "a", to)
    }

    #[test]
    fn the_range_is_the_type_s() {
        for (to, range) in [
            ("tinyint", "BETWEEN -128 AND 127"),
            ("INT(10) UNSIGNED", "BETWEEN 0 AND 4294967295"),
            ("integer", "BETWEEN -2147483648 AND 2147483647"),
            ("bigint unsigned", "BETWEEN 0 AND 18446744073709551615"),
            (
                "bigint(20)",
                "BETWEEN -9223372036854775808 AND 9223372036854775807",
            ),
            ("decimal(5,2)", "< 1000 AND"),
            ("varchar(20)", "char_length(a) <= 20"),
        ] {
            let sql = of(to).unwrap();
            assert!(sql.contains(range), "{to}: {sql}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_left_to_a_person() {
        for to in [
            "timestamp",
            "json",
            "enum('a','b')",
            "datetime(6)",
            "varchar",
            "uuid",
            "float",
        ] {
            assert_eq!(of(to), None, "{to}");
        }
    }
}
