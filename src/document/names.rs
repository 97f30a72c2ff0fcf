//! Names: what a migration may be called, and the known word nearest to a mistaken one.

/// The longest name of a migration, in characters: it becomes part of file names.
pub const NAME_MAX: usize = 100;

/// Says what is wrong with a migration's name, where something is.
pub fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a name is needed, such as `rename-user-name`".to_owned());
    }
    if let Some(bad) = name
        .chars()
        .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'))
    {
        let fixed = slug(name);
        let hint = if fixed.is_empty() {
            String::new()
        } else {
            format!("; `{fixed}` would do")
        };
        return Some(format!(
            "a name has only a-z, 0-9 and `-`, and `{}` has {bad:?}{hint}",
            shorten(name)
        ));
    }
    (name.len() > NAME_MAX).then(|| {
        format!(
            "a name has at most {NAME_MAX} characters, and this one has {}",
            name.len()
        )
    })
}

/// Turns any text into a name: what is not a-z or 0-9 becomes `-`. Empty where nothing is left.
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if out.len() >= NAME_MAX {
            break;
        }
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// The word that the mistaken one was most likely meant to be. Case, `_` and `-` do not count, so
/// that `data_type` finds `dataType`.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bare = bare(word);
    // The distance is quadratic: nobody mistypes a name into a page of text.
    if bare.is_empty() || bare.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .filter_map(|candidate| {
            let other = self::bare(candidate);
            let distance = strsim::damerau_levenshtein(&bare, &other);
            let length = bare.chars().count().max(other.chars().count());
            // `default` for `defaultValue`, `index` for `indexName`.
            let begins = bare.len() >= 4 && (other.starts_with(&bare) || bare.starts_with(&other));
            let near = distance <= (length / 3).max(1) && distance < length;
            (near || begins).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn bare(word: &str) -> String {
    word.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The beginning of a text, in one line, for a message.
pub(super) fn shorten(text: &str) -> String {
    const MAX: usize = 60;
    let line: String = text
        .chars()
        .take(MAX + 1)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.chars().count() > MAX {
        format!("{}...", line.chars().take(MAX).collect::<String>())
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_letters_digits_and_hyphens() {
        assert_eq!(name_problem("add-users-2"), None);
        for bad in ["", "Add", "a b", "a_b", "ä", "a.b", &"a".repeat(101)] {
            assert!(name_problem(bad).is_some(), "{bad}");
        }
        let message = name_problem("Add Users_Name").unwrap();
        assert!(message.contains("`add-users-name`"), "{message}");
    }

    #[test]
    fn a_slug_is_a_name() {
        assert_eq!(slug("  Über: users.Name "), "ber-users-name");
        assert_eq!(slug("日本"), "");
        assert_eq!(name_problem(&slug(&"é-a".repeat(90))), None);
    }

    #[test]
    fn the_nearest_word_forgives_spelling_and_nothing_else() {
        let keys = ["table", "column", "dataType", "nullable", "defaultValue"];
        assert_eq!(nearest("data_type", keys), Some("dataType"));
        assert_eq!(nearest("default", keys), Some("defaultValue"));
        assert_eq!(nearest("colunm", keys), Some("column"));
        assert_eq!(nearest("nulable", keys), Some("nullable"));
        assert_eq!(nearest("comment", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
