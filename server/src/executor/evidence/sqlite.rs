//! What stands on a column or a table of SQLite. Who uses it nobody can tell: the file has no server
//! that would see statements.

use bellows::document::Engine;
use bellows::run::{OldSide, Seen, Source, names};
use bellows::schema::{is_dual_write_trigger, is_shadow_trigger};

use super::{Dependent, Shown, told};
use crate::executor::record::ExecuteError;
use crate::target::Link;

/// Every source of an old side; what depends on it as the catalogue has it.
pub(super) async fn see(link: &mut Link, side: &OldSide) -> Result<Shown, ExecuteError> {
    let why = "SQLite has no server that would see who uses a file".to_owned();
    let dependents = dependents(link, side).await;
    Ok((
        vec![(Source::Statements, Seen::Hidden(why))],
        told(dependents)?,
    ))
}

async fn dependents(link: &mut Link, side: &OldSide) -> Result<Vec<Dependent>, sqlx::Error> {
    let mut out = Vec::new();
    let rows = link
        .fetch_all(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema
             WHERE type IN ('view', 'trigger') AND sql IS NOT NULL ORDER BY type, name",
            &[],
        )
        .await?;
    for row in rows {
        let name = row.text(1)?.unwrap_or_default();
        if is_dual_write_trigger(&name) || is_shadow_trigger(&name) {
            continue;
        }
        let kind = row.text(0)?.unwrap_or_default();
        let on = row.text(2)?.unwrap_or_default();
        let text = row.text(3)?.unwrap_or_default();
        // A trigger has the row of its table by itself, and its table goes with it.
        let own = kind == "trigger" && on.eq_ignore_ascii_case(&side.table.name);
        let found = match &side.column {
            Some(column) if own => names(Engine::Sqlite, &text, column),
            None if own => false,
            Some(_) | None => side.is_named_by(Engine::Sqlite, &text),
        };
        if found {
            out.push(Dependent {
                words: format!("{kind} {name}"),
                name,
            });
        }
    }
    let rows = link
        .fetch_all(
            "SELECT DISTINCT m.name FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
             WHERE m.type = 'table' AND f.\"table\" = $1 COLLATE NOCASE
               AND m.name <> $1 COLLATE NOCASE
               AND ($2 IS NULL OR f.\"to\" = $2 COLLATE NOCASE)
             ORDER BY 1",
            &[side.table.name.as_str().into(), side.column.clone().into()],
        )
        .await?;
    for row in rows {
        let name = row.text(0)?.unwrap_or_default();
        out.push(Dependent {
            words: format!("a foreign key of {name}"),
            name,
        });
    }
    Ok(out)
}
