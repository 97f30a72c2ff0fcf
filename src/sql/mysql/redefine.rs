//! MODIFY and CHANGE: what of a column becomes another, and what that costs.

use super::change::{self, Subject};
use super::cost::{Cost, Method};
use crate::dialect::lexer::{self, Kind, Token};
use crate::document::Engine;
use crate::schema::Column;
use crate::sql::act::{Generated, NewColumn, Shape};
use crate::sql::breakage::Breakage;
use crate::sql::unknown::{Assumption, Failure};

/// All that is known of a column, as it would be written.
pub(super) fn definition(column: &Column) -> String {
    match &column.definition {
        Some(definition) => definition.clone(),
        None => match &column.collation {
            Some(collation) => format!("{} COLLATE {collation}", column.data_type),
            None => column.data_type.clone(),
        },
    }
}

/// Everything about a column is said anew.
pub(super) fn of(name: &str, to: &NewColumn, t: Subject<'_, '_>) -> Cost {
    let known = t.table().and_then(|table| table.column(name)).cloned();
    let mut cost = match &known {
        Some(old) => compared(old, to, t),
        // It may as well be another type.
        None => Cost::copy()
            .assuming(change::old_type(t, name))
            .breaking(Breakage::TypeChanged {
                table: t.name.clone(),
                column: name.to_owned(),
            }),
    };
    if to.name != name {
        cost = cost.and(Cost::instant()).breaking(Breakage::ColumnGone {
            table: t.name.clone(),
            column: name.to_owned(),
            renamed_to: Some(to.name.clone()),
        });
    }
    if to.position.is_some() {
        cost = cost.and(if t.mariadb() {
            Cost::reshaping()
        } else {
            Cost::rebuild()
        });
    }
    for constraint in &to.constraints {
        cost = cost.and(match constraint.shape {
            Shape::PrimaryKey => Cost::rebuild(),
            Shape::Check { .. } | Shape::Unique | Shape::NotNull | Shape::Exclude => {
                change::add_constraint(constraint, t)
            }
            Shape::ForeignKey(_) if t.mariadb() => change::add_constraint(constraint, t),
            Shape::ForeignKey(_) => Cost::instant(),
        });
    }
    if known.is_none() && to.not_null {
        cost = cost.assuming(Assumption::Nullable {
            table: t.name.clone(),
            column: name.to_owned(),
        });
    }
    cost
}

fn compared(old: &Column, to: &NewColumn, t: Subject<'_, '_>) -> Cost {
    let engine = t.state.engine;
    let mut before = Type::read(engine, &definition(old));
    let mut written = to.data_type.clone().unwrap_or_default();
    if let Some(collation) = &to.collation {
        written.push_str(" COLLATE ");
        written.push_str(collation);
    }
    let mut after = Type::read(engine, &written);
    if let Some(charset) = t.state.charset(t.name) {
        before.fill(charset);
        after.fill(charset);
    }
    let old_text = definition(old).to_lowercase();
    let stored = ["stored", "persistent"]
        .iter()
        .any(|w| old_text.contains(w));
    let identity = t.table().is_some_and(|table| {
        let mut sequences = table.attached.sequences.iter();
        sequences.any(|s| s.column == old.name && s.identity.is_some())
    });
    let generated = old.generated && !identity;
    let virtually = generated && !stored;
    let mut cost = if to.generated == Some(Generated::Stored) || (stored && generated) {
        Cost::copy()
    } else if to.generated.is_some() && virtually && before == after {
        if t.mariadb() {
            Cost::instant()
        } else {
            Cost::copy()
        }
    } else if to.generated.is_some() != generated {
        Cost::copy()
    } else {
        retyped(&before, &after, &old.name, t)
    };
    if stored && to.generated.is_some_and(|g| g != Generated::Stored) {
        cost = cost.failing(Failure::NotSupported {
            what: "VIRTUAL for what is STORED".to_owned(),
        });
    }
    let retypes = before != after;
    if retypes {
        cost = cost.breaking(Breakage::TypeChanged {
            table: t.name.clone(),
            column: old.name.clone(),
        });
        let keyed = t.table().and_then(|table| {
            table
                .constraints
                .iter()
                .find(|c| c.references.is_some() && c.columns.contains(&old.name))
        });
        if let Some(key) = keyed
            && cost.method == Method::Copy
        {
            cost = cost.failing(Failure::InUseBy {
                what: old.name.clone(),
                by: crate::schema::TableName {
                    schema: None,
                    name: key.name.clone(),
                },
            });
        }
    }
    let nullable = !to.not_null && !to.identity;
    if nullable != old.nullable {
        // A generated column that is made of it cannot be worked out while the table is rebuilt.
        let made_of_it = t.mariadb()
            && t.table().is_some_and(|table| {
                table.columns.iter().any(|c| {
                    c.generated
                        && crate::dialect::expression::mentions(engine, &definition(c), &old.name)
                })
            });
        // Without strict mode MySQL makes something of each NULL.
        let lenient = matches!(
            t.state.setting("sql_mode"),
            Some(Some(mode)) if !mode.to_lowercase().contains("strict")
        );
        cost = cost.and(if made_of_it || (lenient && !nullable && !t.mariadb()) {
            Cost::copy()
        } else {
            Cost::rebuild()
        });
        if !nullable {
            cost = cost.breaking(Breakage::StricterConstraint {
                table: t.name.clone(),
                constraint: format!("{} NOT NULL", old.name),
            });
        }
    }
    let numbered = identity || old_text.contains("auto_increment");
    if to.identity != numbered && (to.identity || !t.mariadb()) {
        cost = cost.and(Cost::copy());
    }
    let default = |sql: &str| sql.trim_matches(['\'', '"']).to_lowercase();
    let now = to
        .default
        .as_ref()
        .filter(|d| !d.null)
        .map(|d| default(&d.sql));
    let then = old
        .default
        .as_deref()
        .filter(|d| !d.eq_ignore_ascii_case("null"))
        .map(default);
    if now.is_none() && then.is_some() && to.generated.is_none() {
        let breakage = if nullable {
            Breakage::DefaultChanged {
                table: t.name.clone(),
                column: old.name.clone(),
            }
        } else {
            Breakage::InsertWithout {
                table: t.name.clone(),
                column: old.name.clone(),
            }
        };
        cost = cost.breaking(breakage);
    }
    cost
}

fn retyped(before: &Type, after: &Type, column: &str, t: Subject<'_, '_>) -> Cost {
    if before == after {
        return Cost::instant();
    }
    let free = if t.mariadb() {
        Cost::instant()
    } else {
        Cost::new(Method::InPlace)
    };
    let same_text = before.charset == after.charset && before.collation == after.collation;
    if before.base == after.base && matches!(before.base.as_str(), "enum" | "set") && same_text {
        // Values are numbered, and the numbers keep their bytes.
        let bytes = |count: usize| match before.base.as_str() {
            "enum" => usize::from(count > 255),
            _ => match count.div_ceil(8) {
                0..=1 => 1,
                2 => 2,
                3 => 3,
                4 => 4,
                _ => 8,
            },
        };
        let appended = after.arguments.starts_with(&before.arguments)
            && bytes(before.arguments.len()) == bytes(after.arguments.len());
        return if appended {
            Cost::instant()
        } else {
            Cost::copy()
        };
    }
    let texts = [
        "varchar",
        "char",
        "text",
        "tinytext",
        "mediumtext",
        "longtext",
    ];
    let text = texts.contains(&before.base.as_str());
    let shape = before.base == after.base
        && (before.arguments == after.arguments
            || (before.base == "varchar" && longer(before, after, t)));
    if !text || !shape {
        return Cost::copy();
    }
    if same_text {
        return free;
    }
    // Every text of utf8mb3 is one of utf8mb4; a collation orders, and stores nothing.
    let charset = match (before.charset.as_deref(), after.charset.as_deref()) {
        (one, other) if one == other => true,
        (Some("utf8mb3" | "utf8"), Some("utf8mb4")) => true,
        // The table's own, which the collation's name says again.
        (None, Some(_)) | (Some(_), None) => {
            let implied = |ty: &Type| {
                let collation = ty.collation.as_deref()?;
                collation.split('_').next().map(str::to_owned)
            };
            implied(before).is_some() && implied(before) == implied(after)
        }
        _ => false,
    };
    if !charset {
        return Cost::copy();
    }
    match (t.indexed(column), t.mariadb()) {
        (true, true) => Cost::index(),
        (true, false) => Cost::copy(),
        (false, _) => free,
    }
}

/// Whether a longer VARCHAR is stored as the shorter one was: up to 255 bytes the length takes one
/// byte, beyond them two.
fn longer(before: &Type, after: &Type, t: Subject<'_, '_>) -> bool {
    let (Some(from), Some(to)) = (before.length(), after.length()) else {
        return false;
    };
    if to < from {
        return false;
    }
    let widths: &[u64] = match (before.charset.as_deref(), after.charset.as_deref()) {
        (Some("latin1" | "ascii" | "binary"), Some("latin1" | "ascii" | "binary")) => &[1],
        (Some("utf8mb4"), Some("utf8mb4")) => &[4],
        (Some("utf8mb3" | "utf8"), Some("utf8mb3" | "utf8")) => &[3],
        // The schema does not say the table's own: whatever it is.
        _ => &[1, 3, 4],
    };
    let fits = |one: u64, other: u64| {
        let (old, new) = (from * one, to * other);
        new <= 255 || old > 255 || (t.mariadb() && old <= 127)
    };
    // From utf8mb3 to utf8mb4 the bytes grow, too.
    if before.charset.as_deref() == Some("utf8mb3") && after.charset.as_deref() == Some("utf8mb4") {
        return fits(3, 4);
    }
    widths.iter().all(|width| fits(*width, *width))
}

/// A type as far as storage goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Type {
    base: String,
    arguments: Vec<String>,
    unsigned: bool,
    charset: Option<String>,
    collation: Option<String>,
}

impl Type {
    /// The type that a definition begins with.
    fn read(engine: Engine, text: &str) -> Self {
        let tokens = lexer::significant(engine, text).unwrap_or_default();
        let mut words = tokens.iter().peekable();
        let base = words
            .next()
            .map_or(String::new(), |t| t.text.to_lowercase());
        let mut arguments = Vec::new();
        if words.next_if(|t| t.is_symbol("(")).is_some() {
            for token in words.by_ref() {
                match token.kind {
                    Kind::Symbol if token.is_symbol(")") => break,
                    Kind::Text | Kind::Number | Kind::Word => {
                        arguments.push(token.text.to_owned());
                    }
                    Kind::Space
                    | Kind::Comment
                    | Kind::QuotedName
                    | Kind::Parameter
                    | Kind::Symbol => {}
                }
            }
        }
        let value = |word: &[&str]| -> Option<String> {
            let at = tokens
                .windows(word.len())
                .position(|w| word.iter().zip(w).all(|(word, t)| t.is(word)))?;
            tokens
                .get(at + word.len())
                .and_then(|t: &Token<'_>| t.name(engine))
                .map(|n| n.to_lowercase())
        };
        let (base, arguments) = spelling(&base, arguments);
        Self {
            base,
            arguments,
            unsigned: tokens.iter().any(|t| t.is("unsigned")),
            charset: value(&["character", "set"]).or_else(|| value(&["charset"])),
            collation: value(&["collate"]),
        }
    }

    /// A text without a character set has its table's.
    fn fill(&mut self, charset: &str) {
        let texts = [
            "varchar",
            "char",
            "text",
            "tinytext",
            "mediumtext",
            "longtext",
        ];
        if self.charset.is_none() && texts.contains(&self.base.as_str()) {
            let collation = self.collation.as_deref();
            let own = collation.and_then(|c| c.split('_').next());
            self.charset = Some(own.unwrap_or(charset).to_owned());
        }
    }

    fn length(&self) -> Option<u64> {
        self.arguments.first()?.parse().ok()
    }
}

/// One spelling for types that have several; a display width stores nothing.
fn spelling(base: &str, arguments: Vec<String>) -> (String, Vec<String>) {
    let name = match base {
        "int" | "integer" | "int4" => "int",
        "bigint" | "int8" => "bigint",
        "smallint" | "int2" => "smallint",
        "mediumint" | "middleint" | "int3" => "mediumint",
        "tinyint" | "int1" | "bool" | "boolean" => "tinyint",
        "dec" | "numeric" | "fixed" | "decimal" => "decimal",
        "character" => "char",
        "json" => "longtext",
        other => other,
    };
    let whole = ["int", "bigint", "smallint", "mediumint", "tinyint"].contains(&name);
    let arguments = if whole { Vec::new() } else { arguments };
    (name.to_owned(), arguments)
}
