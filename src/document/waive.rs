//! Writing a waiver into a text that a person wrote, with everything else left as it is.

use super::{Migration, Waiver, emit_draft, locate, parse};
use crate::document::Problem;

impl Migration {
    /// The same document with one more waiver: of that phase, or of the document as a whole. A phase
    /// that is not there changes nothing.
    pub fn waiving(mut self, phase: Option<u32>, waiver: Waiver) -> Self {
        let list = match phase {
            None => Some(&mut self.waivers),
            Some(number) => self
                .phases
                .iter_mut()
                .find(|phase| phase.phase == number)
                .map(|phase| &mut phase.waivers),
        };
        if let Some(list) = list {
            list.push(waiver);
        }
        self
    }
}

/// The text with the waiver in it, comments and layout kept; `None` where the text cannot be read,
/// or is laid out such that the waiver has to be written by hand.
pub fn waive_in_text(text: &str, phase: Option<u32>, waiver: &Waiver) -> Option<String> {
    let wanted = parse(text).ok()?.waiving(phase, waiver.clone());
    let home = match phase {
        None => String::new(),
        Some(number) => {
            let index = wanted.phases.iter().position(|p| p.phase == number)?;
            format!("phases[{index}].")
        }
    };
    let lines: Vec<&str> = text.lines().collect();
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let key_line = |key: &str| {
        let at = locate(text, vec![Problem::at(None, format!("{home}{key}"), "")]);
        // A value stands behind its key, or in the lines below it.
        let (line, _) = at.first().and_then(|p| Some((p.line?, p.column?)))?;
        (0..line)
            .rev()
            .find(|i| key_column(lines.get(*i), key).is_some())
    };
    let item = |indent: usize| {
        let map = serde_json::to_value(waiver).ok()?;
        let text = emit_draft(&serde_json::json!({ "waivers": [map] }));
        let items: Vec<String> = text
            .lines()
            .skip_while(|line| !line.trim_start().starts_with("- "))
            .map(|line| {
                let line = line.get(4..).unwrap_or_default();
                format!("{}{line}", " ".repeat(indent))
            })
            .collect();
        Some(items)
    };
    let has_waivers = match phase {
        None => wanted.waivers.len() > 1,
        Some(number) => wanted
            .phases
            .iter()
            .any(|p| p.phase == number && p.waivers.len() > 1),
    };
    let (after, added) = if has_waivers {
        let line = key_line("waivers[0]").or_else(|| key_line("waivers"))?;
        let first = lines
            .iter()
            .enumerate()
            .skip(line + 1)
            .find(|(_, l)| l.trim_start().starts_with("- "))?;
        // New ones go before the first, which shows how far they are indented; the order means
        // nothing.
        (first.0, item(first.1.len() - first.1.trim_start().len())?)
    } else {
        let key = if phase.is_some() { "phase" } else { "name" };
        let line = key_line(key)?;
        let column = key_column(lines.get(line), key)?;
        let mut added = vec![format!("{}waivers:", " ".repeat(column))];
        added.extend(item(column + 2)?);
        (line + 1, added)
    };
    let mut out: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    out.splice(after..after, added);
    let mut out = out.join(newline);
    if text.ends_with('\n') {
        out.push_str(newline);
    }
    let said = parse(&out).ok()?;
    (sorted(said) == sorted(wanted)).then_some(out)
}

/// The column at which a line has the key, perhaps behind the dash of a list.
fn key_column(line: Option<&&str>, key: &str) -> Option<usize> {
    let line = line?;
    let bare = line.trim_start();
    let bare = bare.strip_prefix("- ").map_or(bare, str::trim_start);
    let key = key.split('[').next().unwrap_or(key);
    bare.strip_prefix(key)?
        .starts_with(':')
        .then(|| line.len() - bare.len())
}

fn sorted(mut migration: Migration) -> Migration {
    let by = |a: &Waiver, b: &Waiver| {
        (&a.rule, a.operation, &a.reason).cmp(&(&b.rule, b.operation, &b.reason))
    };
    migration.waivers.sort_by(by);
    for phase in &mut migration.phases {
        phase.waivers.sort_by(by);
    }
    migration
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# why this is done
migration:
  name: a          # short
  database: postgresql
  phases:
  - phase: 1
    operations: # two of them
      - {type: drop_column, table: users, column: nick}
  - description: Second
    phase: 2
    operations:
      - {type: custom_sql, sql: \"VACUUM\", rollbackSql: \"SELECT 1\"}
";

    fn waiver(rule: &str, reason: &str) -> Waiver {
        Waiver {
            rule: rule.to_owned(),
            operation: Some(0),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn a_waiver_goes_into_the_text_and_all_else_stays() {
        let once = waive_in_text(TEXT, Some(2), &waiver("unknown-sql", "it was: tried")).unwrap();
        let twice = waive_in_text(&once, Some(2), &waiver("blocking-sql", "at night")).unwrap();
        let third = waive_in_text(&twice, None, &waiver("no-target", "\"quoted\" # no")).unwrap();
        let last = waive_in_text(&third, Some(1), &waiver("drop-without-gate", "small")).unwrap();
        insta::assert_snapshot!(last);
    }

    #[test]
    fn a_text_on_one_line_is_left_to_a_person() {
        let text = "migration: {name: a, database: sqlite, phases: [{phase: 1}]}\n";
        assert_eq!(
            waive_in_text(text, Some(1), &waiver("no-target", "x")),
            None
        );
        assert_eq!(
            waive_in_text("nonsense", None, &waiver("no-target", "x")),
            None
        );
    }
}
