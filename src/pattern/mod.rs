//! One file per pattern: a form's fields in, a document out.

mod apart;
mod calendar;
mod carry;
mod conversion;
mod foreign_key;
mod form;
mod names;
mod partitions;
mod resolve;
mod rewrite;
mod values;
mod values_of;
mod views;

use std::collections::BTreeMap;

use crate::document::{Engine, Migration, Shape, nearest};
use crate::schema::Schema;
use form::Form;
pub(crate) use values::default_text;

/// A field of a pattern's form that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's key; empty for the form as a whole.
    pub field: String,
    /// What is the matter and what to do.
    pub message: String,
}

/// The one list of patterns, each with the short names that people also know it by: from it come
/// the modules, the gallery and the dispatch.
macro_rules! patterns {
    ($($module:ident [$($short:literal),*],)*) => {
        $(mod $module;)*

        /// The forms of all patterns, in the order that the gallery shows them. A shape's word is
        /// the name that `bellows migrate generate` takes: `add-required-column`.
        pub fn shapes() -> &'static [&'static Shape] {
            &[$(&$module::SHAPE),*]
        }

        /// The pattern of that name or short name (`add-column`).
        pub fn find(word: &str) -> Option<&'static Shape> {
            $(if word == $module::SHAPE.word $(|| word == $short)* {
                return Some(&$module::SHAPE);
            })*
            None
        }

        fn build(word: &str, form: &mut Form<'_>) -> Option<Migration> {
            $(if word == $module::SHAPE.word {
                return $module::expand(form);
            })*
            None
        }
    };
}

patterns! {
    add_nullable_column ["add-column"],
    add_required_column [],
    remove_column ["drop-column"],
    rename_column ["safe-rename-column"],
    change_type ["change-column-type"],
    split_column [],
    merge_columns [],
    add_index ["create-index", "add-concurrent-index"],
    add_foreign_key ["add-fk"],
    add_unique ["add-unique-constraint"],
    add_json_column [],
    soft_delete ["add-soft-delete"],
    partition_table [],
    extract_table [],
}

/// Expands a pattern into a document. `values` holds the form's fields as text, by key; a flag is
/// `true` or `false`, a list has commas. The schema, where there is one, supplies what hangs on a
/// column.
///
/// # Errors
/// Everything that is wrong with the fields, or why the pattern cannot be applied to what the
/// schema shows.
pub fn expand(
    word: &str,
    values: &BTreeMap<String, String>,
    engine: Engine,
    schema: Option<&Schema>,
) -> Result<Migration, Vec<FieldError>> {
    let Some(shape) = find(word) else {
        let known: Vec<&str> = shapes().iter().map(|s| s.word).collect();
        let hint = nearest(word, known.iter().copied())
            .map_or(String::new(), |n| format!(" Did you mean `{n}`?"));
        return Err(vec![FieldError {
            field: String::new(),
            message: format!(
                "There is no pattern `{word}`.{hint} Known: {}.",
                known.join(", ")
            ),
        }]);
    };
    let mut form = Form::new(shape, values, engine, schema);
    let built = build(shape.word, &mut form);
    form.finish(built)
}
