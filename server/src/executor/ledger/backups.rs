//! Backups in the records on the target: which there are, where executions stood when one was taken,
//! and what brings the records back there.

use std::collections::HashMap;

use bellows::dialect::quote;
use bellows::document::Engine;
use bellows::run::{ExecutionState, PhaseState};
use serde_json::Value;

use crate::backup::{LedgerTable, Manifest};
use crate::executor::backup::Snapshot;
use crate::executor::record::{ExecuteError, ExecutionRecord, is_over};
use crate::target::{Link, layout_has_snapshots, on_conflict, ours};

use super::word;

/// The columns that say where an execution stands, by table; `true` for numbers.
const STANDING: [(&str, &[(&str, bool)]); 4] = [
    (
        "execution",
        &[
            ("id", false),
            ("state", false),
            ("undo_to", true),
            ("ending", false),
            ("completed_at", true),
            ("error", false),
        ],
    ),
    (
        "phase",
        &[
            ("execution", false),
            ("phase", true),
            ("state", false),
            ("started_at", true),
            ("completed_at", true),
            ("fingerprint_after", false),
            ("tables_after", false),
        ],
    ),
    (
        "step",
        &[
            ("execution", false),
            ("id", false),
            ("phase", true),
            ("state", false),
            ("started_at", true),
            ("completed_at", true),
        ],
    ),
    (
        "checkpoint",
        &[
            ("execution", false),
            ("step", false),
            ("phase", true),
            ("position", false),
            ("upper", false),
            ("sweep", true),
            ("walked", true),
            ("changed", true),
            ("swept", true),
            ("total", true),
        ],
    ),
];

/// Records that a backup was taken, where it is and what it holds.
pub(in crate::executor) async fn keep_snapshot(
    link: &mut Link,
    manifest: &Manifest,
    host: &str,
) -> Result<(), ExecuteError> {
    let engine = link.engine();
    let occasion = manifest.occasion.as_ref();
    let sql = format!(
        "INSERT INTO {{b}}snapshot (id, execution, before_phase, taken_at, taken_by, host, bytes,
                                    sha256, holds)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) {}",
        on_conflict(engine, "id", &[])
    );
    link.execute(
        &ours(engine, &sql),
        &[
            manifest.id.as_str().into(),
            occasion.map(|o| o.execution.clone()).into(),
            crate::target::Arg::Int(occasion.map(|o| i64::from(o.phase))),
            manifest.taken_at.into(),
            manifest.by.as_str().into(),
            host.into(),
            manifest.bytes.into(),
            manifest.sha256.as_str().into(),
            manifest.holds().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Records that a backup was restored.
pub(in crate::executor) async fn restored(link: &mut Link, id: &str) -> Result<(), ExecuteError> {
    let sql = ours(
        link.engine(),
        "UPDATE {b}snapshot SET restored_at = {now} WHERE id = $1",
    );
    link.execute(&sql, &[id.into()]).await?;
    Ok(())
}

/// The backups that were taken of the target, newest first.
pub(in crate::executor) async fn snapshots(link: &mut Link) -> Result<Vec<Snapshot>, ExecuteError> {
    if !layout_has_snapshots(link).await? {
        return Ok(Vec::new());
    }
    let sql = ours(
        link.engine(),
        "SELECT id, execution, before_phase, taken_at, taken_by, host, bytes, sha256, holds,
                restored_at
         FROM {b}snapshot ORDER BY taken_at DESC, id DESC",
    );
    link.fetch_all(&sql, &[])
        .await?
        .iter()
        .map(|row| {
            let text = |index| -> Result<String, ExecuteError> {
                Ok(row.text(index)?.unwrap_or_default())
            };
            Ok(Snapshot {
                id: text(0)?,
                execution: row.text(1)?,
                phase: row.int(2)?.and_then(|phase| u32::try_from(phase).ok()),
                taken_at: row.int(3)?.unwrap_or_default(),
                by: text(4)?,
                host: text(5)?,
                bytes: row.int(6)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
                sha256: text(7)?,
                holds: text(8)?,
                restored_at: row.int(9)?,
            })
        })
        .collect()
}

/// The newest backup of each execution, or of one.
pub(super) async fn newest(
    link: &mut Link,
    only: Option<&str>,
) -> Result<HashMap<String, String>, ExecuteError> {
    if !layout_has_snapshots(link).await? {
        return Ok(HashMap::new());
    }
    let sql = ours(
        link.engine(),
        "SELECT execution, id FROM {b}snapshot
         WHERE execution = $1 OR execution IS NOT NULL AND CAST($1 AS {text}) IS NULL
         ORDER BY taken_at, id",
    );
    let filter = crate::target::Arg::Text(only.map(str::to_owned));
    let mut newest = HashMap::new();
    for row in link.fetch_all(&sql, &[filter]).await? {
        if let (Some(execution), Some(id)) = (row.text(0)?, row.text(1)?) {
            newest.insert(execution, id);
        }
    }
    Ok(newest)
}

/// Where every execution stands.
pub(in crate::executor) async fn standing(
    link: &mut Link,
) -> Result<Vec<LedgerTable>, ExecuteError> {
    let engine = link.engine();
    let mut all = Vec::new();
    for (table, columns) in STANDING {
        let names: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let sql = format!("SELECT {} FROM {{b}}{table}", names.join(", "));
        let mut rows = Vec::new();
        for row in link.fetch_all(&ours(engine, &sql), &[]).await? {
            let mut values = Vec::new();
            for (index, (_, number)) in columns.iter().enumerate() {
                values.push(match number {
                    true => row.int(index)?.map_or(Value::Null, Value::from),
                    false => row.text(index)?.map_or(Value::Null, Value::from),
                });
            }
            rows.push(values);
        }
        all.push(LedgerTable {
            table: table.to_owned(),
            columns: names,
            rows,
        });
    }
    Ok(all)
}

/// What an execution's records said.
struct Then<'a> {
    state: ExecutionState,
    begun: bool,
    tables: Vec<(&'a LedgerTable, Vec<&'a Vec<Value>>)>,
}

impl<'a> Then<'a> {
    /// Of that execution; nothing where the backup does not know it.
    fn of(ledger: &'a [LedgerTable], id: &str) -> Result<Option<Self>, ExecuteError> {
        let mut state = None;
        let mut begun = false;
        let mut tables = Vec::new();
        for table in ledger {
            let rows: Vec<&Vec<Value>> = table
                .rows
                .iter()
                .filter(|row| row.first().and_then(Value::as_str) == Some(id))
                .collect();
            let at = |name: &str| table.columns.iter().position(|column| column == name);
            if let (Some(at), "execution") = (at("state"), table.table.as_str()) {
                state = rows.first().and_then(|row| row.get(at)).cloned();
            }
            if let (Some(at), "phase") = (at("state"), table.table.as_str()) {
                let pending = Value::from(word(&PhaseState::Pending)?);
                begun = rows.iter().any(|row| row.get(at) != Some(&pending));
            }
            tables.push((table, rows));
        }
        let Some(state) = state else {
            return Ok(None);
        };
        let state = serde_json::from_value(state)
            .map_err(|error| ExecuteError::Records(error.to_string()))?;
        Ok(Some(Self {
            state,
            begun,
            tables,
        }))
    }

    /// Whether the execution has moved on since.
    fn changed(&self, now: &ExecutionRecord) -> Result<bool, ExecuteError> {
        let mut then = Vec::new();
        for (table, rows) in &self.tables {
            if table.table != "phase" {
                continue;
            }
            let at = |name: &str| table.columns.iter().position(|column| column == name);
            let (Some(phase), Some(state), Some(started)) =
                (at("phase"), at("state"), at("started_at"))
            else {
                return Err(ExecuteError::Records(
                    "a backup's records are cut off".into(),
                ));
            };
            then.extend(
                rows.iter()
                    .map(|row| (row[phase].clone(), row[state].clone(), row[started].clone())),
            );
        }
        let mut now_has = Vec::new();
        for phase in &now.phases {
            now_has.push((
                Value::from(phase.phase),
                Value::from(word(&phase.state)?),
                phase.started_at.map_or(Value::Null, Value::from),
            ));
        }
        let key = |entry: &(Value, Value, Value)| entry.0.as_u64();
        then.sort_by_key(key);
        now_has.sort_by_key(key);
        Ok(then != now_has)
    }
}

/// An execution that goes back with a backup.
pub(in crate::executor) struct Back {
    /// Whether anything of it changes.
    pub(in crate::executor) changed: bool,
    /// Whether it was there when the backup was taken.
    pub(in crate::executor) known: bool,
    /// What puts its records back.
    pub(in crate::executor) statements: Vec<String>,
}

/// What puts the records of an execution back to where they were when the backup was taken.
pub(in crate::executor) fn back_to(
    engine: Engine,
    manifest: &Manifest,
    now: &ExecutionRecord,
) -> Result<Back, ExecuteError> {
    let begun = now.phases.iter().any(|p| p.state != PhaseState::Pending);
    let id = quote::literal(engine, &now.id);
    let mut statements = Vec::new();
    let mut say = |sql: String| statements.push(ours(engine, &sql));
    let message = quote::literal(engine, &format!("backup {} was restored", manifest.id));
    let then = Then::of(&manifest.ledger, &now.id)?;
    let rolled_back = word(&ExecutionState::RolledBack)?;
    let Some(then) = then else {
        let alive = !is_over(now.state) || now.state == ExecutionState::Completed;
        if alive {
            say(format!(
                "UPDATE {{b}}execution SET state = '{rolled_back}', undo_to = NULL, ending = NULL,
                        completed_at = {{now}}, error = {message} WHERE id = {id}"
            ));
        }
        say(format!(
            "UPDATE {{b}}phase SET state = '{}' WHERE execution = {id} AND state <> '{}'",
            word(&PhaseState::RolledBack)?,
            word(&PhaseState::Pending)?
        ));
        for table in ["step", "checkpoint"] {
            say(format!("DELETE FROM {{b}}{table} WHERE execution = {id}"));
        }
        return Ok(Back {
            changed: begun || alive,
            known: false,
            statements,
        });
    };
    let changed = then.changed(now)?;
    if changed {
        for (table, rows) in &then.tables {
            if table.table == "execution" {
                continue;
            }
            say(format!(
                "DELETE FROM {{b}}{} WHERE execution = {id}",
                table.table
            ));
            for row in rows {
                let values: Vec<String> = row.iter().map(|v| literal(engine, v)).collect();
                say(format!(
                    "INSERT INTO {{b}}{} ({}) VALUES ({})",
                    table.table,
                    table.columns.join(", "),
                    values.join(", ")
                ));
            }
        }
        // What had not begun then has come and gone; what ran then runs no more.
        let state = match then.state {
            ExecutionState::Running => ExecutionState::Paused,
            state @ (ExecutionState::Waiting
            | ExecutionState::Paused
            | ExecutionState::RollingBack
            | ExecutionState::Completed
            | ExecutionState::Failed
            | ExecutionState::RolledBack
            | ExecutionState::Cancelled) => state,
        };
        let state = if then.begun {
            state
        } else {
            ExecutionState::RolledBack
        };
        let completed = if is_over(state) { "{now}" } else { "NULL" };
        let (undo_to, ending) = match state {
            ExecutionState::RollingBack => ("undo_to", "ending"),
            ExecutionState::Running
            | ExecutionState::Waiting
            | ExecutionState::Paused
            | ExecutionState::Completed
            | ExecutionState::Failed
            | ExecutionState::RolledBack
            | ExecutionState::Cancelled => ("NULL", "NULL"),
        };
        say(format!(
            "UPDATE {{b}}execution SET state = '{}', undo_to = {undo_to}, ending = {ending},
                    completed_at = {completed}, error = {message} WHERE id = {id}",
            word(&state)?
        ));
    }
    Ok(Back {
        changed,
        known: true,
        statements,
    })
}

fn literal(engine: Engine, value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => quote::literal(engine, text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
