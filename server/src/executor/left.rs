//! What runs left behind on a target: executions that nobody goes on with, and what they made.

use bellows::left::Left;
use bellows::run::ExecutionState;

use super::birth;
use super::ledger;
use super::record::{ExecuteError, is_over};
use crate::target::{Target, layout_present};

/// An execution that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Its id.
    pub id: String,
    /// The document's name.
    pub migration: String,
    /// Where it stands.
    pub state: ExecutionState,
    /// The phase that comes next, of how many.
    pub next: Option<(u32, usize)>,
    /// Who started it.
    pub by: String,
    /// Milliseconds since it was started.
    pub age_ms: u64,
}

/// Something that was left, and the execution that last had to do with its table.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What.
    pub left: Left,
    /// The execution's id and its document's name, where one is known.
    pub of: Option<(String, String)>,
    /// Who started that one.
    pub by: Option<String>,
    /// Milliseconds since that one was started.
    pub age_ms: Option<u64>,
    /// Whether that one is not over: what it made is its own to take away.
    pub unfinished: bool,
}

/// Everything that is left on a target.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftBehind {
    /// Executions that are not over, newest first.
    pub executions: Vec<Unfinished>,
    /// What is in the schema.
    pub found: Vec<Found>,
    /// The document that takes away what no unfinished execution will, as YAML.
    pub document: Option<String>,
}

/// Looks for what was left; nothing is changed.
pub async fn left_behind(target: &Target) -> Result<LeftBehind, ExecuteError> {
    let schema = target.inspect().await?;
    let mut link = target.look().await?;
    let mut building = Vec::new();
    if let Target::Postgres(_) = target {
        let sql = "SELECT c.relname::text FROM pg_stat_progress_create_index p
                   JOIN pg_class c ON c.oid = p.index_relid";
        for row in link.fetch_all(sql, &[]).await? {
            building.extend(row.text(0)?);
        }
    }
    let left = schema.left_behind(&building);
    let (known, now) = if layout_present(&mut link).await? {
        (ledger::all(&mut link).await?, ledger::now(&mut link).await?)
    } else {
        (Vec::new(), 0)
    };
    let age = |since: i64| u64::try_from((now - since) / 1_000).unwrap_or(0);
    let executions = known
        .iter()
        .filter(|execution| !is_over(execution.state))
        .map(|execution| Unfinished {
            id: execution.id.clone(),
            migration: execution.migration.clone(),
            state: execution.state,
            next: execution
                .next_phase()
                .map(|phase| (phase, execution.phases.len())),
            by: execution.by.clone(),
            age_ms: age(execution.started_at),
        })
        .collect();
    let found: Vec<Found> = left
        .into_iter()
        .map(|left| {
            let touches =
                |e: &&super::ExecutionRecord| birth::tables(&e.plan).contains(&left.table);
            let mut own = known.iter().filter(touches);
            let unfinished = own.clone().find(|execution| !is_over(execution.state));
            let last = unfinished.or_else(|| own.next());
            Found {
                of: last.map(|e| (e.id.clone(), e.migration.clone())),
                by: last.map(|e| e.by.clone()),
                age_ms: last.map(|e| age(e.started_at)),
                unfinished: unfinished.is_some(),
                left,
            }
        })
        .collect();
    let free: Vec<Left> = found
        .iter()
        .filter(|found| !found.unfinished)
        .map(|found| found.left.clone())
        .collect();
    let document = schema
        .clean_up("clean-up-left-behind", &free)
        .map_err(|error| ExecuteError::Records(error.to_string()))?
        .map(|document| bellows::document::emit(&document));
    Ok(LeftBehind {
        executions,
        found,
        document,
    })
}
