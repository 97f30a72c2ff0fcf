//! Names for what a new column takes over: the old one's with the column replaced, and never one
//! that is taken.

use std::collections::BTreeSet;

use crate::dialect::quote::{NAME_LIMIT, made_up};
use crate::schema::Schema;

use super::form::Form;

/// Names that are taken; each name given out is taken too.
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Every relation, index and constraint of the schema.
    pub(super) fn of(schema: &Schema) -> Self {
        let mut taken = BTreeSet::new();
        for (name, table) in &schema.tables {
            taken.insert(name.name.to_lowercase());
            taken.extend(table.indexes.iter().map(|i| i.name.to_lowercase()));
            taken.extend(table.constraints.iter().map(|c| c.name.to_lowercase()));
            taken.extend(table.views.iter().map(|v| v.view.name.to_lowercase()));
        }
        Self { taken }
    }

    /// `users_name_key` becomes `users_full_name_key`; a name without the old column gets the new
    /// one behind it.
    pub(super) fn derive(&mut self, name: &str, old: &str, new: &str) -> String {
        let whole = replace_part(name, old, new).unwrap_or_else(|| format!("{name}_{new}"));
        self.free(&whole)
    }

    /// That name, with a number behind it where it is taken.
    pub(super) fn free(&mut self, whole: &str) -> String {
        let mut candidate = made_up(whole);
        let mut number = 2;
        while !self.taken.insert(candidate.to_lowercase()) {
            candidate = made_up(&format!("{whole}_{number}"));
            number += 1;
        }
        debug_assert!(candidate.len() <= NAME_LIMIT);
        candidate
    }
}

/// That name, with a number behind it where the form's table has such a column.
pub(super) fn free_column(form: &Form<'_>, whole: &str) -> String {
    let mut candidate = made_up(whole);
    let mut number = 2;
    while form.column(&candidate).is_some() {
        candidate = made_up(&format!("{whole}_{number}"));
        number += 1;
    }
    candidate
}

/// Replaces the first occurrence of a column in a name where it is a part of its own: `id` is no
/// part of `idx_users`.
fn replace_part(name: &str, old: &str, new: &str) -> Option<String> {
    let boundary = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    name.match_indices(old)
        .find(|(at, _)| {
            boundary(name[..*at].chars().next_back())
                && boundary(name[at + old.len()..].chars().next())
        })
        .map(|(at, _)| format!("{}{new}{}", &name[..at], &name[at + old.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Engine;

    #[test]
    fn a_derived_name_has_the_new_column_and_is_free() {
        let mut names = Names::of(&Schema::empty(Engine::PostgreSql));
        assert_eq!(
            names.derive("users_name_key", "name", "full_name"),
            "users_full_name_key"
        );
        assert_eq!(
            names.derive("users_name_key", "name", "full_name"),
            "users_full_name_key_2"
        );
        assert_eq!(names.derive("idx_users", "id", "key"), "idx_users_key");
        assert_eq!(names.derive("rename_idx", "name", "n"), "rename_idx_n");
        let long = names.derive(&"x".repeat(63), "name", "n");
        assert!(long.len() <= NAME_LIMIT);
    }
}
