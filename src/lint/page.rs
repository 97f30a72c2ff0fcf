//! The page of all rules, from the rules themselves.

use super::{RULES, Rule, Severity};

impl Rule {
    /// The id as words: `Set not null scans`.
    pub fn title(&self) -> String {
        let words = self.id.replace('-', " ");
        let mut letters = words.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }

    /// The rule's part of the page.
    fn markdown(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        let judges = match (&self.documents, &self.sql) {
            (Some(_), Some(_)) => "documents and SQL",
            (Some(_), None) => "documents",
            (None, Some(_) | None) => "SQL",
        };
        let mut out = format!(
            "## {}\n\n{severity}, in {judges}\n\n{}\n",
            self.id, self.help
        );
        let sql = self.sql.as_ref();
        let sql = sql.map(|half| ("sql", half.engine, half.bad, half.good));
        let documents = self.documents.as_ref();
        let documents = documents.map(|half| ("yaml", half.engine, half.bad, half.good));
        for (language, engine, bad, good) in [sql, documents].into_iter().flatten() {
            for (heading, example) in [("Found in", bad), ("Not in", good)] {
                if !example.is_empty() {
                    out.push_str(&format!(
                        "\n{heading} ({}):\n\n```{language}\n{}\n```\n",
                        engine.title(),
                        example.trim()
                    ));
                }
            }
        }
        out
    }
}

/// Every rule, as Markdown.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Rules\n\n\
        What `bellows migrate verify` and the page look for, in documents and in SQL. An error makes \
        a file unsafe (exit status 1); a warning or an info does not. This page is written from the \
        rules, whose tests are the examples shown.\n\n\
        | rule | severity | judges |\n|---|---|---|\n",
    );
    for rule in RULES {
        let judges = match (&rule.documents, &rule.sql) {
            (Some(_), Some(_)) => "documents, SQL",
            (Some(_), None) => "documents",
            (None, Some(_) | None) => "SQL",
        };
        let severity = format!("{:?}", rule.severity).to_lowercase();
        out.push_str(&format!(
            "| [{0}](#{0}) | {severity} | {judges} |\n",
            rule.id
        ));
    }
    for rule in RULES {
        out.push('\n');
        out.push_str(&rule.markdown());
    }
    out
}
