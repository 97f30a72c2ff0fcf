//! What the catalogue of MySQL and MariaDB prints: defaults, keys, and the names in a view's text.

use bellows::document::Engine;

/// A name in backticks.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Names in backticks, with commas between them.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| quoted(name)).collect();
    names.join(", ")
}

/// A column's default as SQL. MariaDB prints it so; MySQL prints a literal's bare value, and marks
/// expressions.
pub(super) fn default(
    engine: Engine,
    printed: Option<String>,
    column_type: &str,
    extra: &str,
) -> Option<String> {
    let printed = printed?;
    if engine == Engine::MariaDb {
        return (printed != "NULL").then_some(printed);
    }
    let upper = printed.to_uppercase();
    if upper.starts_with("CURRENT_TIMESTAMP") {
        return Some(printed);
    }
    if extra.to_uppercase().contains("DEFAULT_GENERATED") {
        return Some(format!("({printed})"));
    }
    let word = column_type
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let bare = matches!(
        word.as_str(),
        "tinyint"
            | "smallint"
            | "mediumint"
            | "int"
            | "bigint"
            | "decimal"
            | "float"
            | "double"
            | "bit"
            | "year"
    );
    Some(if bare { printed } else { literal(&printed) })
}

/// A text as SQL reads it, whatever the session's mode says of backslashes but for a text that has
/// one.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The names in backticks that stand in a text which the server printed: it puts every name in
/// them. What stands in strings is left out.
pub(super) fn names(sql: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        if !matches!(c, '`' | '\'' | '"') {
            continue;
        }
        let mut inside = String::new();
        while let Some(next) = chars.next() {
            if next == '\\' && c != '`' {
                chars.next();
            } else if next != c {
                inside.push(next);
            } else if chars.peek() == Some(&c) {
                inside.push(next);
                chars.next();
            } else {
                break;
            }
        }
        if c == '`' {
            names.push(inside);
        }
    }
    names
}

/// The columns of a CREATE TABLE that the server printed, each with all that stands behind its
/// name. Every item has a line of its own there, and only columns begin with a name.
pub(super) fn column_lines(create: &str) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for item in items(create).0 {
        let item = item.trim();
        if !item.starts_with('`') {
            continue;
        }
        let mut end = 1;
        while let Some(at) = item.get(end..).and_then(|rest| rest.find('`')) {
            end += at + 1;
            if !item[end..].starts_with('`') {
                break;
            }
            end += 1;
        }
        let name = item[..end].trim_matches('`').replace("``", "`");
        lines.push((name, item[end..].trim().to_owned()));
    }
    lines
}

/// What stands behind the columns of a CREATE TABLE that the server printed, without the counter's
/// next value, and that.
pub(super) fn table_options(create: &str) -> (String, Option<u64>) {
    let (_, all) = items(create);
    let all = all.trim();
    let counter = "AUTO_INCREMENT=";
    // It stands before all that people write.
    let at = all
        .find(counter)
        .filter(|at| !all[..*at].contains(['\'', '`']));
    let Some(at) = at else {
        return (all.to_owned(), None);
    };
    let digits: String = all[at + counter.len()..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let rest = all[at + counter.len() + digits.len()..].trim_start();
    (
        format!("{}{rest}", &all[..at]).trim_end().to_owned(),
        digits.parse().ok(),
    )
}

/// What stands between the outer brackets of a CREATE TABLE, cut at its commas, and what stands
/// behind them.
fn items(create: &str) -> (Vec<&str>, &str) {
    let mut items = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in create.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some('\'' | '"'), '\\') => escaped = true,
            // A doubled quote ends the text and begins it again, which comes to the same.
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '`' | '\'' | '"') => quote = Some(c),
            (None, '(') => {
                depth += 1;
                if depth == 1 {
                    start = at + 1;
                }
            }
            (None, ',') if depth == 1 => {
                items.push(&create[start..at]);
                start = at + 1;
            }
            (None, ')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    items.push(&create[start..at]);
                    return (items, &create[at + 1..]);
                }
            }
            (None, _) => {}
        }
    }
    (items, "")
}

/// What stands behind those words in a line of a CREATE TABLE that the server printed.
fn line_after<'a>(create: &'a str, words: &[String]) -> Option<&'a str> {
    items(create).0.into_iter().find_map(|item| {
        words
            .iter()
            .find_map(|w| item.trim().strip_prefix(w.as_str()))
    })
}

/// The condition of a check.
pub(super) fn check_clause(create: &str, name: &str) -> Option<String> {
    let line = line_after(create, &[format!("CONSTRAINT {} CHECK ", quoted(name))])?;
    let clause = line.get(..=closing(line)?)?;
    Some(clause.strip_prefix('(')?.strip_suffix(')')?.to_owned())
}

/// The expression that is a key of an index, without its parentheses.
pub(super) fn key_expression(create: &str, index: &str, at: usize) -> Option<String> {
    let named = format!("KEY {} ", quoted(index));
    let line = line_after(create, &[named.clone(), format!("UNIQUE {named}")])?;
    let key = items(line).0.get(at)?.trim();
    let key = key.get(..=closing(key)?)?;
    Some(key.strip_prefix('(')?.strip_suffix(')')?.to_owned())
}

/// `CHECK (...)`, with one pair of brackets whether the server printed one or none.
pub(super) fn check(clause: &str) -> String {
    if enclosed(clause) {
        format!("CHECK {clause}")
    } else {
        format!("CHECK ({clause})")
    }
}

/// Whether the first bracket is closed by the last character.
fn enclosed(text: &str) -> bool {
    text.starts_with('(') && closing(text).is_some_and(|at| at + 1 == text.len())
}

/// Where the bracket is closed that is opened first.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some('\'' | '"'), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '`' | '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_sql_whichever_server_printed_them() {
        let sql = |engine, printed: &str, column_type: &str, extra: &str| {
            default(engine, Some(printed.into()), column_type, extra)
        };
        let maria = Engine::MariaDb;
        assert_eq!(sql(maria, "NULL", "int(11)", ""), None);
        assert_eq!(sql(maria, "'NULL'", "varchar(9)", "").unwrap(), "'NULL'");
        assert_eq!(
            sql(maria, "current_timestamp()", "datetime", "").unwrap(),
            "current_timestamp()"
        );
        let mysql = Engine::MySql;
        assert_eq!(sql(mysql, "it's", "varchar(9)", "").unwrap(), "'it''s'");
        assert_eq!(sql(mysql, "-7", "int unsigned", "").unwrap(), "-7");
        assert_eq!(
            sql(mysql, "uuid()", "char(36)", "DEFAULT_GENERATED").unwrap(),
            "(uuid())"
        );
        assert_eq!(
            sql(
                mysql,
                "CURRENT_TIMESTAMP",
                "timestamp",
                "DEFAULT_GENERATED on update CURRENT_TIMESTAMP"
            )
            .unwrap(),
            "CURRENT_TIMESTAMP"
        );
        assert_eq!(default(mysql, None, "int", ""), None);
    }

    #[test]
    fn checks_and_keys_are_read_as_they_are_printed() {
        let create = "CREATE TABLE `t` (\n  `id` int NOT NULL,\n  PRIMARY KEY (`id`),\n  \
                      UNIQUE KEY `k``y` (`id`,(concat(`éa`,_utf8mb4'é\\'s, (')) DESC) COMMENT 'x',\n  \
                      CONSTRAINT `c``1` CHECK ((`éa` <> _utf8mb4'é\\'s')) /*!80016 NOT ENFORCED */\n)";
        assert_eq!(
            check_clause(create, "c`1").as_deref(),
            Some("(`éa` <> _utf8mb4'é\\'s')")
        );
        assert_eq!(check_clause(create, "c"), None);
        assert_eq!(
            key_expression(create, "k`y", 1).as_deref(),
            Some("concat(`éa`,_utf8mb4'é\\'s, (')")
        );
        assert_eq!(key_expression(create, "k`y", 0), None);
    }

    #[test]
    fn names_are_found_and_strings_are_not() {
        assert_eq!(
            names("select `u`.`odd``one` AS `x` from `shop`.`u` where `n` = 'it''s `no` name\\''"),
            ["u", "odd`one", "x", "shop", "u", "n"]
        );
    }

    #[test]
    fn a_columns_line_is_all_behind_its_name() {
        let create = "CREATE TABLE `a(b` (\n  `id` bigint(20) NOT NULL AUTO_INCREMENT,\n  \
                      `odd ``x` enum('a,b','it''s \\'') DEFAULT 'a,b' COMMENT ') `x` int',\n  \
                      PRIMARY KEY (`id`),\n  KEY `k` (`odd ``x`)\n) ENGINE=InnoDB";
        assert_eq!(
            column_lines(create),
            [
                ("id".into(), "bigint(20) NOT NULL AUTO_INCREMENT".into()),
                (
                    "odd `x".to_owned(),
                    "enum('a,b','it''s \\'') DEFAULT 'a,b' COMMENT ') `x` int'".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn a_tables_options_are_all_but_its_counter() {
        let create = "CREATE TABLE `t` (\n  `id` int NOT NULL COMMENT ') AUTO_INCREMENT=1 (',\n  PRIMARY KEY (`id`)\n) \
                      ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=latin1 COMMENT='AUTO_INCREMENT=3 it''s'\n \
                      PARTITION BY RANGE (`id`)\n(PARTITION `p` VALUES LESS THAN MAXVALUE ENGINE = InnoDB)";
        let (options, counter) = table_options(create);
        assert_eq!(
            options,
            "ENGINE=InnoDB DEFAULT CHARSET=latin1 COMMENT='AUTO_INCREMENT=3 it''s'\n PARTITION BY RANGE (`id`)\n(PARTITION `p` VALUES LESS THAN MAXVALUE ENGINE = InnoDB)"
        );
        assert_eq!(counter, Some(17));
        let plain = "CREATE TABLE `t` (\n  `id` int\n) ENGINE=InnoDB COMMENT='AUTO_INCREMENT=3'";
        assert_eq!(
            table_options(plain),
            ("ENGINE=InnoDB COMMENT='AUTO_INCREMENT=3'".to_owned(), None)
        );
    }

    #[test]
    fn checks_have_one_pair_of_brackets() {
        assert_eq!(check("`a` > 0"), "CHECK (`a` > 0)");
        assert_eq!(check("(`a` > 0)"), "CHECK (`a` > 0)");
        assert_eq!(check("(`a`) > (0)"), "CHECK ((`a`) > (0))");
    }
}
