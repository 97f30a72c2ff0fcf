//! `bellows leftovers`: what runs left behind on a database, and the document that takes it away.

use bellows::builder::write_new;
use serde_json::json;

use super::args::{Format, Leftovers};
use super::copies;
use super::exit::{CliError, Exit};
use super::history::word;
use super::new_document::not_written;
use super::report::span;
use super::screen::Screen;
use crate::executor;

/// `bellows leftovers`.
pub async fn leftovers(arguments: Leftovers, screen: &mut Screen) -> Result<Exit, CliError> {
    let target = arguments.target.required().await?;
    let left = executor::left_behind(&target).await?;
    let saved = executor::saved_copies(&target).await?;
    match arguments.format.format {
        Format::Json => {
            let executions: Vec<_> = left
                .executions
                .iter()
                .map(|e| {
                    json!({
                        "executionId": e.id, "migration": e.migration, "status": e.state,
                        "nextPhase": e.next.map(|(phase, _)| phase), "by": e.by, "ageMs": e.age_ms,
                    })
                })
                .collect();
            let found: Vec<_> = left
                .found
                .iter()
                .map(|f| {
                    json!({
                        "kind": f.left.kind, "table": f.left.table, "name": f.left.name,
                        "what": f.left.what, "by": f.by, "ageMs": f.age_ms,
                        "executionId": f.of.as_ref().map(|(id, _)| id),
                        "unfinished": f.unfinished,
                    })
                })
                .collect();
            screen.print_json(&json!({
                "executions": executions, "found": found, "document": left.document,
                "savedCopies": saved.iter().map(copies::wire).collect::<Vec<_>>(),
            }))?;
        }
        Format::Text => {
            for e in &left.executions {
                let next = e.next.map_or(String::new(), |(phase, of)| {
                    format!(", phase {phase} of {of} comes next")
                });
                screen.print(&format!(
                    "unfinished: {} is {}{next}; by {}, {} ago; execution {}",
                    e.migration,
                    word(e.state),
                    e.by,
                    span(e.age_ms),
                    e.id
                ))?;
            }
            for f in &left.found {
                let of = match (&f.of, &f.by, f.age_ms) {
                    (Some((_, migration)), Some(by), Some(age)) => {
                        format!(" (of {migration}, by {by}, {} ago)", span(age))
                    }
                    (Some(_) | None, _, _) => String::new(),
                };
                let own = if f.unfinished {
                    "; its execution is not over, and takes it away"
                } else {
                    ""
                };
                screen.print(&format!(
                    "{}: {} on {}{of}: {}{own}",
                    f.left.kind.title(),
                    f.left.name,
                    f.left.table,
                    f.left.what
                ))?;
            }
            for kept in &saved {
                screen.print(&copies::line(kept))?;
            }
            if left.executions.is_empty() && left.found.is_empty() && saved.is_empty() {
                screen.print("Nothing is left behind.")?;
            }
        }
    }
    match (&arguments.output, &left.document) {
        (Some(path), Some(document)) => {
            write_new(path, document).map_err(not_written)?;
            if arguments.format.format == Format::Text {
                screen.print(&format!(
                    "{} takes away what no unfinished execution will: read it, and apply it.",
                    path.display()
                ))?;
            }
        }
        (Some(_), None) if arguments.format.format == Format::Text => {
            screen.print("There is nothing to take away, and no document was written.")?;
        }
        (Some(_) | None, _) => {}
    }
    Ok(Exit::Done)
}
