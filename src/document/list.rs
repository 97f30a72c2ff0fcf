//! Names in one line of text, with commas between them: how forms and options spell a list.

/// Reads the names. Blanks around a name are no part of it; a name in double quotes is all that
/// stands in them, commas and blanks too, a quote written twice. A comma within parentheses
/// belongs to an expression.
pub fn read_list(text: &str) -> Vec<String> {
    parts(text)
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(bare)
        .collect()
}

/// Whether a comma has no name before or behind it.
pub fn has_gap(text: &str) -> bool {
    parts(text).contains(&"")
}

fn parts(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut depth, mut quoted, mut from) = (0usize, false, 0);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                out.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push(&text[from..]);
    out.into_iter().map(str::trim).collect()
}

/// Writes names such that [`read_list`] gives them back.
pub fn write_list<S: AsRef<str>>(names: &[S]) -> String {
    let spelled: Vec<String> = names
        .iter()
        .map(|name| {
            let name = name.as_ref();
            // Whatever follows is not to become a part of it.
            if read_list(&format!("{name},x")) == [name, "x"] {
                name.to_owned()
            } else {
                format!("\"{}\"", name.replace('"', "\"\""))
            }
        })
        .collect();
    spelled.join(", ")
}

/// What stands in the quotes, where the whole part is one quoted name.
fn bare(part: &str) -> String {
    let inner = part
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .filter(|inner| !inner.replace("\"\"", "").contains('"'));
    match inner {
        Some(inner) => inner.replace("\"\"", "\""),
        None => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_expressions_are_told_apart_by_commas() {
        assert_eq!(read_list(" a, b ,c"), ["a", "b", "c"]);
        assert_eq!(read_list("a,"), ["a"]);
        assert_eq!(read_list(" , "), Vec::<String>::new());
        assert_eq!(read_list("\"a, b\", c"), ["a, b", "c"]);
        assert_eq!(read_list("coalesce(a, b), c"), ["coalesce(a, b)", "c"]);
        assert_eq!(read_list("\" x \"\"y\"\"\""), [" x \"y\""]);
        assert_eq!(read_list("\"A\" || \"B\", c"), ["\"A\" || \"B\"", "c"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(names in proptest::collection::vec("[a,\"() .é]{1,6}", 1..4)) {
            prop_assert_eq!(read_list(&write_list(&names)), names);
        }
    }
}
