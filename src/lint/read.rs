//! A text of SQL, from its bytes to its findings.

use std::borrow::Cow;

use super::{Finding, Severity, Text, findings_of_text, squawk};
use crate::dialect::lexer;
use crate::document::Engine;
use crate::sql::{self, Context, Script};

/// A text, read and judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What it says and does.
    pub script: Script,
    /// What the rules say of it.
    pub findings: Vec<Finding>,
    /// No finding is an error.
    pub safe: bool,
}

/// The text with the lines that are psql's own (`\\set`, `\\connect`) blank, every byte where it was.
fn without_meta_commands(engine: Engine, text: &str) -> Cow<'_, str> {
    if engine != Engine::PostgreSql || !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let tokens = lexer::tokens(engine, text).unwrap_or_default();
    let mut out = text.to_owned();
    for token in tokens.iter().filter(|t| t.is_symbol("\\")) {
        let line = text[..token.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[token.start..]
            .find('\n')
            .map_or(text.len(), |at| token.start + at);
        if text[line..token.start].trim().is_empty() {
            out.replace_range(token.start..end, &" ".repeat(end - token.start));
        }
    }
    Cow::Owned(out)
}

/// Reads and judges a text.
pub fn judge(engine: Engine, text: &str, context: &Context<'_>) -> Judged {
    let text = &*without_meta_commands(engine, text);
    let script = sql::script(engine, text, context);
    let noted = match engine {
        Engine::PostgreSql => squawk::noted(text),
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => Vec::new(),
    };
    let findings = findings_of_text(&Text {
        script: &script,
        sql: text,
        schema: context.schema,
        noted: &noted,
        places: None,
    });
    let safe = findings.iter().all(|f| f.severity != Severity::Error);
    Judged {
        script,
        findings,
        safe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::RULES;
    use crate::plan::planned;

    fn finds(engine: Engine, id: &str, text: &str) -> bool {
        let judged = judge(engine, text, &Context::default());
        judged.findings.iter().any(|f| f.rule == id)
    }

    #[test]
    fn every_rule_finds_its_bad_sql_and_spares_its_good_one() {
        let mut wrong = Vec::new();
        for rule in RULES {
            let Some(half) = &rule.sql else { continue };
            if !finds(half.engine, rule.id, half.bad) {
                wrong.push(format!("{} spares its bad example", rule.id));
            }
            if finds(half.engine, rule.id, half.good) {
                wrong.push(format!("{} blames its good example", rule.id));
            }
            let good = judge(half.engine, half.good, &Context::default());
            if !good.safe {
                wrong.push(format!(
                    "{}'s good example is not safe: {:#?}",
                    rule.id, good.findings
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// The statements that people judged, and those whose locks were watched.
    fn statements() -> Vec<(Engine, String)> {
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
        let mut out = Vec::new();
        for folder in ["corpus", "locks"] {
            for entry in std::fs::read_dir(format!("{tests}/{folder}")).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|e| e != "yaml") {
                    continue;
                }
                let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
                let word = stem.split('-').next().unwrap();
                let own = Engine::ALL.into_iter().find(|e| e.word() == word);
                let text = std::fs::read_to_string(&path).unwrap();
                let list: serde_json::Value = serde_norway::from_str(&text).unwrap();
                for row in list.as_array().into_iter().flatten() {
                    let engine = row["engine"].as_str();
                    let engine = Engine::ALL.into_iter().find(|e| Some(e.word()) == engine);
                    let engine = engine.or(own).unwrap_or(Engine::PostgreSql);
                    out.extend(row["sql"].as_str().map(|sql| (engine, sql.to_owned())));
                }
            }
        }
        out
    }

    /// The page reads SQL by its first words until the server has parsed it: what it calls safe
    /// must be so.
    #[test]
    fn what_first_words_call_safe_the_parsers_do_too() {
        let mut wrong = Vec::new();
        let mut safe = 0;
        for (engine, sql) in statements() {
            let operation = serde_json::json!({ "type": "custom_sql", "sql": sql });
            let draft = serde_json::json!({
                "name": "a", "database": engine, "description": "A",
                "phases": [{ "phase": 1, "operations": [operation] }],
            });
            let Ok(migration) = crate::document::read_draft(&draft) else {
                continue;
            };
            let (Ok(words), Ok(parsed)) = (
                planned(&migration, None, None, true),
                planned(&migration, None, None, false),
            ) else {
                continue;
            };
            safe += usize::from(words.safe);
            if words.safe && !parsed.safe {
                wrong.push(format!("{sql}\n   {:?}", parsed.findings));
            }
        }
        assert!(safe >= 15, "{safe} are safe by their words");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
