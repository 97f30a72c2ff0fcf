//! Indexes and constraints out of MySQL's and MariaDB's catalogue.

use bellows::document::Engine;
use bellows::schema::{Constraint, ConstraintKind, Index, TableName};
use sqlx::MySqlConnection;

use super::inspect_mysql::{Printed, Tables, int, maybe, name, rows, text};
use super::mysql_text::{check, check_clause, key_expression, list, literal, names, quoted};
use super::{Fault, fault};

pub(super) async fn indexes(
    conn: &mut MySqlConnection,
    engine: Engine,
    printed: &Printed,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    let (expression, hidden) = match engine {
        Engine::MariaDb => ("NULL", "ignored = 'YES'"),
        Engine::MySql | Engine::PostgreSql | Engine::Sqlite => ("expression", "is_visible = 'NO'"),
    };
    let sql = format!(
        "SELECT table_name, index_name, non_unique, column_name, collation = 'D', sub_part,
                index_type, {hidden}, {expression}, index_comment
         FROM information_schema.statistics WHERE {{ours}}
         ORDER BY table_name, index_name, seq_in_index"
    );
    let mut keys: Vec<String> = Vec::new();
    for row in rows(conn, &sql).await? {
        let table_name = name(text(&row, 0)?);
        let Some(table) = tables.get_mut(&table_name) else {
            continue;
        };
        let (index_name, column) = (text(&row, 1)?, maybe(&row, 3)?);
        if index_name == "PRIMARY" {
            table.primary_key.extend(column);
            continue;
        }
        if table.indexes.last().map(|i| &i.name) != Some(&index_name) {
            keys.clear();
            let unique = int(&row, 2)? == 0;
            table.indexes.push(Index {
                name: index_name.clone(),
                unique,
                method: text(&row, 6)?.to_lowercase(),
                valid: true,
                ..Index::default()
            });
        }
        // MySQL garbles it there, names with letters of more than a byte above all.
        let expression = maybe(&row, 8)?.map(|garbled| {
            printed
                .get(&table_name)
                .and_then(|create| key_expression(create, &index_name, keys.len()))
                .unwrap_or(garbled)
        });
        let mut key = match (&column, &expression) {
            (Some(column), _) => quoted(column),
            (None, expression) => format!("({})", expression.clone().unwrap_or_default()),
        };
        let whole = int(&row, 5)? == 0;
        if !whole {
            key += &format!("({})", int(&row, 5)?);
        }
        let down = int(&row, 4)? != 0;
        if down {
            key += " DESC";
        }
        keys.push(key);
        let hidden = int(&row, 7)? != 0;
        if let Some(index) = table.indexes.last_mut() {
            index.expressions |= column.is_none() || !whole || down;
            index.columns.extend(column.or(expression));
            index.definition = definition(&table_name, index, &keys);
            let comment = text(&row, 9)?;
            if !comment.is_empty() {
                index.definition += &format!(" COMMENT {}", literal(&comment));
            }
            if hidden {
                index.definition += match engine {
                    Engine::MariaDb => " IGNORED",
                    Engine::MySql | Engine::PostgreSql | Engine::Sqlite => " INVISIBLE",
                };
            }
        }
    }
    for table in tables.values_mut() {
        for index in table.indexes.iter_mut().filter(|i| i.unique) {
            // A unique index is a constraint there, and the other way round.
            index.constraint = Some(index.name.clone());
            table.constraints.push(Constraint {
                name: index.name.clone(),
                kind: ConstraintKind::Unique,
                columns: index.columns.clone(),
                definition: format!("UNIQUE ({})", list(&index.columns)),
                validated: true,
                references: None,
            });
        }
    }
    Ok(())
}

fn definition(table: &TableName, index: &Index, keys: &[String]) -> String {
    let kind = match index.method.as_str() {
        "fulltext" => "FULLTEXT ",
        "spatial" | "rtree" => "SPATIAL ",
        _ if index.unique => "UNIQUE ",
        _ => "",
    };
    let using = if index.method == "hash" {
        " USING HASH"
    } else {
        ""
    };
    format!(
        "CREATE {kind}INDEX {} ON {} ({}){using}",
        quoted(&index.name),
        quoted(&table.name),
        keys.join(", ")
    )
}

pub(super) async fn foreign_keys(
    conn: &mut MySqlConnection,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    /// A foreign key whose columns are still being read.
    struct Key {
        table: TableName,
        constraint: Constraint,
        theirs: Vec<String>,
        rules: String,
    }
    let mut keys: Vec<Key> = Vec::new();
    for row in rows(
        conn,
        "SELECT r.table_name, r.constraint_name, k.column_name,
                nullif(k.referenced_table_schema, database()), k.referenced_table_name,
                k.referenced_column_name, r.update_rule, r.delete_rule
         FROM information_schema.referential_constraints r
         JOIN information_schema.key_column_usage k
           ON k.constraint_schema = r.constraint_schema AND k.table_name = r.table_name
          AND k.constraint_name = r.constraint_name AND k.table_schema = r.constraint_schema
         WHERE r.constraint_schema = database() AND left(r.table_name, 9) <> '_bellows_'
         ORDER BY r.table_name, r.constraint_name, k.ordinal_position",
    )
    .await?
    {
        let (table, constraint) = (name(text(&row, 0)?), text(&row, 1)?);
        let same = keys
            .last()
            .is_some_and(|k| k.table == table && k.constraint.name == constraint);
        if !same {
            let mut rules = String::new();
            for (when, what) in [("DELETE", text(&row, 7)?), ("UPDATE", text(&row, 6)?)] {
                // The two words for the same refusal, which is what there is without either.
                if what != "NO ACTION" && what != "RESTRICT" {
                    rules += &format!(" ON {when} {what}");
                }
            }
            keys.push(Key {
                table,
                constraint: Constraint {
                    name: constraint,
                    kind: ConstraintKind::ForeignKey,
                    columns: Vec::new(),
                    definition: String::new(),
                    validated: true,
                    references: Some(TableName {
                        schema: maybe(&row, 3)?,
                        name: text(&row, 4)?,
                    }),
                },
                theirs: Vec::new(),
                rules,
            });
        }
        if let Some(key) = keys.last_mut() {
            key.constraint.columns.push(text(&row, 2)?);
            key.theirs.push(text(&row, 5)?);
        }
    }
    for mut key in keys {
        let Some(to) = key.constraint.references.clone() else {
            continue;
        };
        let there = match &to.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&to.name)),
            None => quoted(&to.name),
        };
        key.constraint.definition = format!(
            "FOREIGN KEY ({}) REFERENCES {there} ({}){}",
            list(&key.constraint.columns),
            list(&key.theirs),
            key.rules
        );
        let pointer = (key.table.clone(), key.constraint.name.clone());
        if let Some(table) = tables.get_mut(&key.table) {
            table.constraints.push(key.constraint);
        }
        if let Some(other) = tables.get_mut(&to) {
            other.referenced_by.push(pointer);
        }
    }
    Ok(())
}

/// Foreign keys of other databases on the server that point into this one, as far as the
/// connection may see them.
pub(super) async fn pointers(
    conn: &mut MySqlConnection,
    engine: Engine,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    let catalogue = match engine {
        Engine::MariaDb => "innodb_sys_foreign",
        Engine::MySql | Engine::PostgreSql | Engine::Sqlite => "innodb_foreign",
    };
    let found = rows(
        conn,
        &format!(
            "SELECT for_name, ref_name, id FROM information_schema.{catalogue}
             WHERE ref_name LIKE concat(database(), '/%')
               AND for_name NOT LIKE concat(database(), '/%')"
        ),
    )
    .await;
    let found = match found {
        Ok(found) => found,
        Err(error) if fault(&error) == Fault::Statement => {
            tracing::debug!(%error, "foreign keys of other databases cannot be seen");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for row in found {
        let (from, to, id) = (text(&row, 0)?, text(&row, 1)?, text(&row, 2)?);
        let (Some((schema, table)), Some((_, to)), Some((_, constraint))) =
            (from.split_once('/'), to.split_once('/'), id.split_once('/'))
        else {
            continue;
        };
        if let Some(other) = tables.get_mut(&name(to.to_owned())) {
            let from = TableName {
                schema: Some(schema.to_owned()),
                name: table.to_owned(),
            };
            other.referenced_by.push((from, constraint.to_owned()));
        }
    }
    Ok(())
}

pub(super) async fn checks(
    conn: &mut MySqlConnection,
    engine: Engine,
    printed: &Printed,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    let sql = match engine {
        // One that stands at a column belongs to the column's definition.
        Engine::MariaDb => {
            "SELECT table_name, constraint_name, check_clause, 1
             FROM information_schema.check_constraints
             WHERE constraint_schema = database() AND left(table_name, 9) <> '_bellows_'
               AND level = 'Table' ORDER BY table_name, constraint_name"
        }
        Engine::MySql | Engine::PostgreSql | Engine::Sqlite => {
            "SELECT t.table_name, c.constraint_name, c.check_clause, t.enforced = 'YES'
             FROM information_schema.check_constraints c
             JOIN information_schema.table_constraints t
               ON t.constraint_schema = c.constraint_schema
              AND t.constraint_name = c.constraint_name AND t.constraint_type = 'CHECK'
             WHERE t.table_schema = database() AND left(t.table_name, 9) <> '_bellows_'
             ORDER BY t.table_name, c.constraint_name"
        }
    };
    for row in rows(conn, sql).await? {
        let own = name(text(&row, 0)?);
        let Some(table) = tables.get_mut(&own) else {
            continue;
        };
        let mut clause = text(&row, 2)?;
        // MySQL garbles it there, too.
        if engine == Engine::MySql
            && let Some(create) = printed.get(&own)
            && let Some(plain) = check_clause(create, &text(&row, 1)?)
        {
            clause = plain;
        }
        let named = names(&clause);
        table.constraints.push(Constraint {
            name: text(&row, 1)?,
            kind: ConstraintKind::Check,
            columns: table
                .columns
                .iter()
                .map(|c| c.name.clone())
                .filter(|c| named.contains(c))
                .collect(),
            definition: check(&clause),
            validated: int(&row, 3)? != 0,
            references: None,
        });
    }
    Ok(())
}
