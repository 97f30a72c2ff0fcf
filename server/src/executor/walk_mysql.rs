//! A walk's keys on MySQL and MariaDB: literals that compare as the column is sorted, and
//! comparisons of several columns that an index can answer.

/// How a column of a type is read as text, and that text written as a literal.
enum Form {
    /// Numbers: bare.
    Number,
    /// ENUM, SET and BIT are sorted by their number and compared with texts as texts.
    ByNumber,
    /// Bytes: hexadecimal.
    Bytes,
    /// Texts, dates, UUIDs: in quotes.
    Quoted,
}

fn form(data_type: &str) -> Form {
    let word = data_type
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default()
        .to_lowercase();
    match word.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "decimal"
        | "numeric" | "float" | "double" | "year" => Form::Number,
        "enum" | "set" | "bit" => Form::ByNumber,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Form::Bytes,
        _ => Form::Quoted,
    }
}

/// A name in backticks.
pub(super) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The column as the text of a literal.
pub(super) fn text(name: &str, data_type: &str) -> String {
    match form(data_type) {
        Form::Number => format!("CAST({name} AS char)"),
        Form::ByNumber => format!("CAST({name} + 0 AS char)"),
        Form::Bytes => format!("concat('x''', hex({name}), '''')"),
        Form::Quoted => format!("quote({name})"),
    }
}

/// `a > 1`, or for several columns a chain of comparisons: the servers look a comparison of rows
/// up in no index. What it begins with bounds the search.
pub(super) fn compare(columns: &[String], operator: &str, literals: &[String]) -> String {
    let Some((name, literal)) = columns.first().zip(literals.first()) else {
        return "true".to_owned();
    };
    let rest = (columns.get(1..), literals.get(1..));
    let (Some(more @ [_, ..]), Some(values)) = rest else {
        return format!("{name} {operator} {literal}");
    };
    let strict = operator.trim_end_matches('=');
    format!(
        "({name} {strict}= {literal} AND ({name} {strict} {literal} OR {}))",
        compare(more, operator, values)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_columns_are_compared_one_after_the_other() {
        let texts = |texts: &[&str]| -> Vec<String> {
            texts.iter().map(|text| (*text).to_owned()).collect()
        };
        let (columns, values) = (texts, texts);
        assert_eq!(compare(&columns(&["a"]), "<=", &values(&["1"])), "a <= 1");
        assert_eq!(
            compare(&columns(&["a", "b", "c"]), ">", &values(&["1", "2", "3"])),
            "(a >= 1 AND (a > 1 OR (b >= 2 AND (b > 2 OR c > 3))))"
        );
        assert_eq!(
            compare(&columns(&["a", "b"]), "<=", &values(&["1", "2"])),
            "(a <= 1 AND (a < 1 OR b <= 2))"
        );
    }

    #[test]
    fn keys_are_written_as_they_are_sorted() {
        assert_eq!(text("k", "bigint(20) unsigned"), "CAST(k AS char)");
        assert_eq!(text("k", "enum('b','a')"), "CAST(k + 0 AS char)");
        assert_eq!(text("k", "binary(16)"), "concat('x''', hex(k), '''')");
        assert_eq!(text("k", "varchar(40)"), "quote(k)");
    }
}
