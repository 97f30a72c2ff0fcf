//! Whether the tables of a phase are still as the plan, and the phases before it, left them.

use bellows::schema::{Column, Index, Schema, Table, TableName};

use super::birth::{find, only};
use super::ledger;
use super::record::{ExecuteError, ExecutionRecord};
use crate::target::{Link, Target};

/// The difference, for people; `None` where there is none.
pub(super) async fn difference(
    target: &Target,
    link: &mut Link,
    record: &ExecutionRecord,
    phase: u32,
) -> Result<Option<String>, ExecuteError> {
    let tables = &find(&record.plan, phase)
        .ok_or(ExecuteError::NoPhase(phase))?
        .tables;
    let mut expected = ledger::before(link, &record.id).await?;
    // The latest phase before this one that is done knows best what stands.
    for earlier in record.phases.iter().rev().filter(|p| p.phase < phase) {
        if let Some(after) = ledger::after(link, &record.id, earlier.phase).await? {
            expected = after;
            break;
        }
    }
    let live = target.inspect().await?;
    if live.fingerprint(tables) == expected.fingerprint(tables) {
        return Ok(None);
    }
    let differences = differences(&only(&expected, tables), &only(&live, tables), tables);
    Ok(Some(if differences.is_empty() {
        "their definitions differ".to_owned()
    } else {
        differences.join("; ")
    }))
}

/// What is other in the second schema.
fn differences(expected: &Schema, live: &Schema, tables: &[TableName]) -> Vec<String> {
    let mut found = Vec::new();
    for name in tables {
        match (expected.table(name), live.table(name)) {
            (None, None) => {}
            (Some(_), None) => found.push(format!("table {name} is gone")),
            (None, Some(_)) => found.push(format!("table {name} is new")),
            (Some(was), Some(is)) => table(&mut found, name, was, is),
        }
    }
    found
}

fn table(found: &mut Vec<String>, name: &TableName, was: &Table, is: &Table) {
    let columns = |t: &Table| -> Vec<(String, Column)> {
        t.columns
            .iter()
            .map(|c| (c.name.clone(), c.clone()))
            .collect()
    };
    pairs(found, "column", name, &columns(was), &columns(is), column);
    let indexes = |t: &Table| -> Vec<(String, Index)> {
        t.indexes
            .iter()
            .map(|i| (i.name.clone(), i.clone()))
            .collect()
    };
    pairs(found, "index", name, &indexes(was), &indexes(is), |a, b| {
        if a.valid == b.valid {
            format!("was `{}` and is `{}`", a.definition, b.definition)
        } else {
            "is not valid as it was".to_owned()
        }
    });
    let constraints = |t: &Table| -> Vec<_> {
        t.constraints
            .iter()
            .map(|c| (c.name.clone(), c.clone()))
            .collect()
    };
    pairs(
        found,
        "constraint",
        name,
        &constraints(was),
        &constraints(is),
        |a, b| format!("was `{}` and is `{}`", a.definition, b.definition),
    );
    let names = |list: &[String]| -> Vec<_> { list.iter().map(|n| (n.clone(), ())).collect() };
    pairs(
        found,
        "trigger",
        name,
        &names(&was.triggers),
        &names(&is.triggers),
        |(), ()| String::new(),
    );
    let views = |t: &Table| -> Vec<_> {
        t.views
            .iter()
            .map(|v| (v.view.to_string(), v.definition.clone()))
            .collect()
    };
    pairs(found, "view", name, &views(was), &views(is), |_, _| {
        "reads otherwise".to_owned()
    });
    let dual_writes = |t: &Table| -> Vec<_> {
        t.dual_writes
            .iter()
            .map(|d| (d.trigger.clone(), d.clone()))
            .collect()
    };
    pairs(
        found,
        "dual write",
        name,
        &dual_writes(was),
        &dual_writes(is),
        |_, _| "is defined otherwise".to_owned(),
    );
    let shadows = |t: &Table| -> Vec<_> {
        t.shadows
            .iter()
            .map(|s| (s.target.to_string(), s.clone()))
            .collect()
    };
    pairs(found, "copy", name, &shadows(was), &shadows(is), |_, _| {
        "is kept in step otherwise".to_owned()
    });
    if was.attached != is.attached {
        found.push(format!(
            "what else hangs on {name} is not as it was: its owner, privileges, comment, triggers, \
             row security, sequences or what is bound to it"
        ));
    }
    if was.primary_key != is.primary_key {
        found.push(format!(
            "the primary key of {name} was ({}) and is ({})",
            was.primary_key.join(", "),
            is.primary_key.join(", ")
        ));
    }
}

/// What is gone, new or other among things with names.
fn pairs<T: PartialEq>(
    found: &mut Vec<String>,
    kind: &str,
    table: &TableName,
    was: &[(String, T)],
    is: &[(String, T)],
    change: impl Fn(&T, &T) -> String,
) {
    let get = |list: &'_ [(String, T)], name: &str| list.iter().position(|(n, _)| n == name);
    for (name, old) in was {
        match get(is, name) {
            None => found.push(format!("{kind} {table}.{name} is gone")),
            Some(at) if is[at].1 != *old => {
                found.push(format!("{kind} {table}.{name} {}", change(old, &is[at].1)));
            }
            Some(_) => {}
        }
    }
    for (name, _) in is {
        if get(was, name).is_none() {
            found.push(format!("{kind} {table}.{name} is new"));
        }
    }
}

fn column(was: &Column, is: &Column) -> String {
    if was.data_type != is.data_type {
        return format!("was {} and is {}", was.data_type, is.data_type);
    }
    if was.nullable != is.nullable {
        let word = |nullable| if nullable { "nullable" } else { "NOT NULL" };
        return format!("was {} and is {}", word(was.nullable), word(is.nullable));
    }
    if was.default != is.default {
        let word = |d: &Option<String>| d.clone().unwrap_or_else(|| "none".into());
        return format!(
            "had the default {} and has {}",
            word(&was.default),
            word(&is.default)
        );
    }
    "has another comment, grant, collation or statistics target".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows::document::Engine;

    #[test]
    fn the_difference_names_table_and_column() {
        let name = TableName::parse("users");
        let with = |data_type: &str| {
            let mut schema = Schema::empty(Engine::PostgreSql);
            let column = Column {
                name: "email".into(),
                data_type: data_type.into(),
                ..Column::default()
            };
            let table = Table {
                columns: vec![column],
                ..Table::default()
            };
            schema.tables.insert(name.clone(), table);
            schema
        };
        let tables = [name.clone()];
        assert_eq!(
            differences(&with("text"), &with("integer"), &tables),
            ["column users.email was text and is integer"]
        );
        let empty = Schema::empty(Engine::PostgreSql);
        assert_eq!(
            differences(&with("text"), &empty, &tables),
            ["table users is gone"]
        );
        assert!(differences(&with("text"), &with("text"), &tables).is_empty());
    }
}
