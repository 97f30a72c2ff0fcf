//! The checks of a phase: asked on the target after its operations, changing nothing.

use bellows::document::{Check, Engine, Expect};
use bellows::plan::PlannedCheck;
use bellows::run::EventKind;

use super::control::Wish;
use super::halt::{Halt, of_plan};
use super::run::Run;
use crate::target::{Fault, Found, Link, Row, Target, fault};

use super::record::ExecuteError;

/// What a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The check's word.
    pub check: &'static str,
    /// Whether it holds.
    pub passed: bool,
    /// The value, or what was wrong with the answer.
    pub found: String,
    /// The document's message, or ours.
    pub message: String,
    /// The query that was asked.
    pub sql: String,
}

/// Asks the checks of a phase once more, outside any run.
///
/// # Errors
/// Where the target cannot be asked. A query that is wrong is a verdict.
pub async fn verify(
    target: &Target,
    checks: &[PlannedCheck],
) -> Result<Vec<Verdict>, ExecuteError> {
    let mut link = target.open().await?;
    let mut verdicts = Vec::new();
    for planned in checks {
        let judged = match judged(&mut link, planned).await {
            Ok(judged) => judged,
            Err(error) if fault(&error) == Fault::Lost => return Err(error.into()),
            Err(error) => Err(error.to_string()),
        };
        verdicts.push(verdict(planned, judged));
    }
    Ok(verdicts)
}

/// Asks one check in a run; fails the phase where it does not hold.
pub(super) async fn ask(run: &mut Run<'_>, phase: u32, planned: &PlannedCheck) -> Result<(), Halt> {
    let answer = cancellable(run, planned).await;
    let judged = match answer {
        Ok(judged) => judged,
        Err(error) => match fault(&error) {
            Fault::Lost | Fault::Disk | Fault::Lock => return Err(of_plan(&error, &planned.sql)),
            Fault::Cancelled if run.wish() == Wish::Cancel => return Err(Halt::Cancel),
            Fault::Cancelled | Fault::Statement => Err(error.to_string()),
        },
    };
    let verdict = verdict(planned, judged);
    if verdict.passed {
        return run
            .emit(EventKind::CheckPassed {
                phase,
                check: verdict.check.to_owned(),
            })
            .await;
    }
    run.emit(EventKind::CheckFailed {
        phase,
        check: verdict.check.to_owned(),
        message: verdict.message.clone(),
        found: verdict.found.clone(),
        sql: verdict.sql.clone(),
    })
    .await?;
    Err(Halt::Fail(format!(
        "the check {} failed: {} (found: {})",
        verdict.check, verdict.message, verdict.found
    )))
}

async fn cancellable(run: &mut Run<'_>, planned: &PlannedCheck) -> Result<Judged, sqlx::Error> {
    let mut control = run.control.clone();
    let (monitor, pid) = (run.session.monitor.clone(), run.session.pid);
    let work = judged(&mut run.session.link, planned);
    tokio::pin!(work);
    tokio::select! {
        result = &mut work => return result,
        () = control.cancelled() => {}
    }
    if let Some(pid) = pid
        && let Err(error) = monitor.cancel(pid).await
    {
        tracing::warn!(%error, "the check could not be cancelled and runs to its end");
    }
    work.await
}

/// The answer to a check: its value, or what was wrong with its form.
type Answer = Result<Found, String>;

/// Whether a check holds and the value found, or what was wrong with the answer.
type Judged = Result<(bool, String), String>;

/// Asks, and where the check does not hold, for the first rows that are wrong.
async fn judged(link: &mut Link, planned: &PlannedCheck) -> Result<Judged, sqlx::Error> {
    let judged = judge(planned, value(link, &planned.sql).await?);
    let (Ok((false, found)), Some(sql)) = (&judged, &planned.list) else {
        return Ok(judged);
    };
    let listed = match reading(link, sql).await {
        Ok(rows) => list(&rows)?,
        Err(error) if fault(&error) == Fault::Statement => format!("the list failed: {error}"),
        Err(error) => return Err(error),
    };
    Ok(Ok((false, format!("{found}: {listed}"))))
}

/// Rows that are listed at most, whatever the query gives.
const LISTED: usize = 5;

/// The first rows, as people read them: `17, 18` or `(1, a), (2, b)`.
fn list(rows: &[Row]) -> Result<String, sqlx::Error> {
    let mut items = Vec::new();
    for row in rows.iter().take(LISTED) {
        let mut values = Vec::new();
        for index in 0..row.width() {
            values.push(match row.found(index)? {
                Found::Null => "NULL".to_owned(),
                Found::Bool(value) => value.to_string(),
                Found::Number(value) | Found::Other(value) => value,
            });
        }
        items.push(match values.as_slice() {
            [value] => value.clone(),
            several => format!("({})", several.join(", ")),
        });
    }
    Ok(items.join(", "))
}

/// The one value of a query.
async fn value(link: &mut Link, sql: &str) -> Result<Answer, sqlx::Error> {
    let rows = reading(link, sql).await?;
    let [row] = rows.as_slice() else {
        return Ok(Err(match rows.len() {
            0 => "no row".into(),
            many => format!("{many} rows where one is wanted"),
        }));
    };
    match row.width() {
        1 => Ok(Ok(row.found(0)?)),
        many => Ok(Err(format!("{many} columns where one is wanted"))),
    }
}

/// Asks in a transaction that may write nothing.
async fn reading(link: &mut Link, sql: &str) -> Result<Vec<Row>, sqlx::Error> {
    let engine = link.engine();
    match engine {
        Engine::PostgreSql => link.raw("BEGIN READ ONLY").await?,
        Engine::MySql | Engine::MariaDb => link.raw("START TRANSACTION READ ONLY").await?,
        Engine::Sqlite => link.raw("PRAGMA query_only = ON").await?,
    };
    let rows = link.raw_rows(sql).await;
    let lost = matches!(&rows, Err(error) if fault(error) == Fault::Lost);
    if !lost {
        match engine {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => link.raw("ROLLBACK").await?,
            Engine::Sqlite => link.raw("PRAGMA query_only = OFF").await?,
        };
    }
    rows
}

/// Whether the value is what the check wants. The error says what is wrong with the answer.
fn judge(planned: &PlannedCheck, answer: Answer) -> Judged {
    match (answer?, planned.expect) {
        (Found::Null, _) => Err("NULL".into()),
        (Found::Bool(value), None | Some(Expect::True)) => Ok((value, value.to_string())),
        (Found::Bool(value), Some(Expect::Zero)) => {
            Err(format!("{value}, a truth where a number is wanted"))
        }
        (Found::Number(value), None | Some(Expect::Zero)) => Ok((is_zero(&value), value)),
        (Found::Number(value), Some(Expect::True)) => Ok((!is_zero(&value), value)),
        (Found::Other(value), _) => Err(format!("{value}, neither a truth nor a number")),
    }
}

fn is_zero(number: &str) -> bool {
    number.parse::<f64>() == Ok(0.0)
}

fn verdict(planned: &PlannedCheck, judged: Judged) -> Verdict {
    let (passed, found) = match judged {
        Ok(judged) => judged,
        Err(found) => (false, found),
    };
    Verdict {
        check: word(planned.check),
        passed,
        found,
        message: planned.error_message.clone(),
        sql: planned.sql.clone(),
    }
}

fn word(check: Check) -> &'static str {
    match check {
        Check::ColumnExists => "column_exists",
        Check::ColumnNotExists => "column_not_exists",
        Check::IndexExists => "index_exists",
        Check::BackfillComplete => "backfill_complete",
        Check::ColumnsMatch => "columns_match",
        Check::ConstraintValid => "constraint_valid",
        Check::RowCountMatch => "row_count_match",
        Check::Custom => "custom",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(expect: Option<Expect>) -> PlannedCheck {
        PlannedCheck {
            check: Check::Custom,
            sql: String::new(),
            expect,
            error_message: String::new(),
            list: None,
        }
    }

    #[test]
    fn the_type_of_the_value_decides_unless_the_document_does() {
        let number = |n: &str| Ok(Found::Number(n.into()));
        assert_eq!(judge(&planned(None), number("0")), Ok((true, "0".into())));
        assert_eq!(
            judge(&planned(None), number("0.00")),
            Ok((true, "0.00".into()))
        );
        assert_eq!(judge(&planned(None), number("3")), Ok((false, "3".into())));
        assert_eq!(
            judge(&planned(Some(Expect::True)), number("1")),
            Ok((true, "1".into()))
        );
        assert_eq!(
            judge(&planned(None), Ok(Found::Bool(false))),
            Ok((false, "false".into()))
        );
        assert!(judge(&planned(None), Ok(Found::Null)).is_err());
        assert!(judge(&planned(None), Ok(Found::Other("yes".into()))).is_err());
        assert!(judge(&planned(Some(Expect::Zero)), Ok(Found::Bool(true))).is_err());
        assert!(judge(&planned(None), Err("no row".into())).is_err());
    }
}
