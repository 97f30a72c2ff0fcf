//! The patterns' fields as options: one option for each key of any pattern's form.

use std::collections::BTreeMap;

use bellows::document::{Field, FieldKind, Shape, nearest};
use bellows::pattern;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

/// Reads a pattern's name, its own or a short one.
pub fn pattern(name: &str) -> Result<&'static Shape, String> {
    pattern::find(name).ok_or_else(|| {
        let hint = nearest(name, pattern::shapes().iter().map(|shape| shape.word))
            .map_or(String::new(), |near| format!("did you mean `{near}`? "));
        format!("{hint}The patterns are {}", pattern_names())
    })
}

/// The patterns' names, as a sentence lists them.
pub fn pattern_names() -> String {
    let names: Vec<&str> = pattern::shapes().iter().map(|shape| shape.word).collect();
    names.join(", ")
}

/// What was given, by the key of the form's field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternFields(pub BTreeMap<String, String>);

/// `oldColumn` as an option: `old-column`.
pub fn option_name(key: &str) -> String {
    let mut name = String::new();
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// The option's id, which must not meet that of another option.
fn id(key: &str) -> String {
    format!("field.{key}")
}

/// The fields of all forms; of those with the same key, the first.
fn all_fields() -> BTreeMap<&'static str, (&'static Field, Vec<&'static str>)> {
    let mut fields: BTreeMap<&str, (&Field, Vec<&str>)> = BTreeMap::new();
    for shape in pattern::shapes() {
        for field in shape.fields {
            let entry = fields.entry(field.key).or_insert((field, Vec::new()));
            entry.1.push(shape.word);
        }
    }
    fields
}

/// What the option's value is called in the help.
fn value_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Table => "TABLE",
        FieldKind::Column => "COLUMN",
        FieldKind::NewName | FieldKind::Index => "NAME",
        FieldKind::DataType => "TYPE",
        FieldKind::Columns => "COLUMN,...",
        FieldKind::Sql | FieldKind::Conversion => "SQL",
        FieldKind::Text => "TEXT",
        FieldKind::Bool => "true|false",
        FieldKind::Number => "N",
        FieldKind::Default => "VALUE",
        FieldKind::Choice(_) => "WORD",
        FieldKind::Words => "WORD,...",
        FieldKind::Duration => "TIME",
        // Parts of a document, which no form asks for.
        FieldKind::Part(_) => "YAML",
    }
}

fn option(key: &'static str, field: &'static Field, patterns: &[&str]) -> Arg {
    let of = if patterns.len() == pattern::shapes().len() {
        String::new()
    } else {
        format!(" ({})", patterns.join(", "))
    };
    let option = Arg::new(id(key))
        .long(option_name(key))
        .value_name(value_name(field.kind))
        .help_heading("The pattern's fields")
        .help(format!("{}{of}", field.help));
    match field.kind {
        FieldKind::Bool => option
            .num_args(0..=1)
            .default_missing_value("true")
            .value_parser(["true", "false"]),
        FieldKind::Choice(words) => option.value_parser(PossibleValuesParser::new(words)),
        // Values that begin with a dash: a default of -1, an expression.
        FieldKind::Sql | FieldKind::Conversion | FieldKind::Default | FieldKind::Text => {
            option.allow_hyphen_values(true)
        }
        FieldKind::Table
        | FieldKind::Column
        | FieldKind::NewName
        | FieldKind::Index
        | FieldKind::DataType
        | FieldKind::Columns
        | FieldKind::Number
        | FieldKind::Words
        | FieldKind::Duration
        | FieldKind::Part(_) => option,
    }
}

impl Args for PatternFields {
    fn augment_args(command: Command) -> Command {
        all_fields()
            .into_iter()
            .fold(command, |command, (key, (field, patterns))| {
                command.arg(option(key, field, &patterns))
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PatternFields {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = all_fields().into_keys().filter_map(|key| {
            let value = matches.get_one::<String>(&id(key))?;
            Some((key.to_owned(), value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.extend(Self::from_arg_matches(matches)?.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_its_key_with_dashes() {
        assert_eq!(option_name("oldColumn"), "old-column");
        assert_eq!(option_name("table"), "table");
    }
}
