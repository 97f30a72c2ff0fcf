//! A batch of a copy, or of a comparison, as SQLite's SQL.

use bellows::plan::TableCopy;
use bellows::schema::sqlite_shadow_triggers;

use super::halt::Halt;
use super::run::Run;

/// FROM over some of the table's rows, and the condition that they are copied at all.
fn rows(copy: &TableCopy, origin: &str) -> String {
    let each = match &copy.each {
        Some(each) => format!(", {}", each.trim()),
        None => String::new(),
    };
    let filter = match &copy.filter {
        Some(sql) => format!(" AND ({})", sql.trim()),
        None => String::new(),
    };
    format!("{origin} AS {}{each} WHERE true{filter}", copy.alias)
}

fn within(copy: &TableCopy, range: &str) -> String {
    format!("(SELECT * FROM {} WHERE {range})", copy.table_sql)
}

/// Copies the rows of a range. What is there already is newer, or the same from an earlier try.
pub(super) fn copy_sql(copy: &TableCopy, range: &str) -> String {
    let (columns, values): (Vec<&str>, Vec<&str>) = copy
        .columns
        .iter()
        .map(|(column, sql)| (column.as_str(), sql.as_str()))
        .unzip();
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT ({}) DO NOTHING",
        copy.shadow_sql,
        columns.join(", "),
        values.join(", "),
        rows(copy, &within(copy, range)),
        copy.conflict.join(", ")
    )
}

/// The first difference of a range: what it is, and the key or the numbers. `there` is the range in
/// the copy, where the copy is in the same order.
pub(super) fn compare_sql(
    copy: &TableCopy,
    range: &str,
    there: Option<&str>,
    last: bool,
) -> String {
    let said: Vec<String> = copy
        .columns
        .iter()
        .map(|(column, sql)| format!("{sql} AS {column}"))
        .collect();
    let same: Vec<String> = copy
        .columns
        .iter()
        .map(|(column, _)| {
            if copy.conflict.contains(column) {
                format!("kept.{column} = said.{column}")
            } else {
                format!("kept.{column} COLLATE BINARY IS said.{column}")
            }
        })
        .collect();
    let key_of = |row: &str| {
        let texts: Vec<String> = copy
            .conflict
            .iter()
            .map(|c| format!("coalesce(CAST({row}.{c} AS text), 'NULL')"))
            .collect();
        texts.join(" || ', ' || ")
    };
    let other = format!(
        "SELECT * FROM (SELECT 'other', {} FROM (SELECT {} FROM {}) AS said
          WHERE NOT EXISTS (SELECT 1 FROM {} AS kept WHERE {}) LIMIT 1)",
        key_of("said"),
        said.join(", "),
        rows(copy, &within(copy, range)),
        copy.shadow_sql,
        same.join(" AND ")
    );
    let further = match there {
        Some(there) => {
            let places: Vec<String> = copy
                .columns
                .iter()
                .filter(|(column, _)| copy.conflict.contains(column))
                .map(|(column, sql)| format!("({sql}) = kept.{column}"))
                .collect();
            format!(
                "SELECT * FROM (SELECT 'more', {} FROM {} AS kept WHERE {there}
                  AND NOT EXISTS (SELECT 1 FROM {} AND {}) LIMIT 1)",
                key_of("kept"),
                copy.shadow_sql,
                rows(copy, &copy.table_sql),
                places.join(" AND ")
            )
        }
        None if last => format!(
            "SELECT 'count', a.n || ' and ' || b.n
              FROM (SELECT count(*) AS n FROM {}) AS a, (SELECT count(*) AS n FROM {}) AS b
              WHERE a.n <> b.n",
            copy.shadow_sql,
            rows(copy, &copy.table_sql)
        ),
        None => return other,
    };
    format!("{other} UNION ALL {further}")
}

impl Run<'_> {
    /// Without the triggers, writes since the copy began would be missing in it.
    pub(super) async fn in_step_on_sqlite(&mut self, copy: &TableCopy) -> Result<(), Halt> {
        let [insert, update, delete] = sqlite_shadow_triggers(&copy.trigger);
        let row = self
            .session
            .link
            .fetch_one(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'
                   AND tbl_name = $1 COLLATE NOCASE AND name IN ($2, $3, $4)",
                &[
                    copy.table.name.as_str().into(),
                    insert.into(),
                    update.into(),
                    delete.into(),
                ],
            )
            .await?;
        if row.int(0)? == Some(3) {
            return Ok(());
        }
        Err(Halt::Fail(format!(
            "the triggers that keep {} in step with {} are not there: writes have been missed, and \
             the copy must begin anew",
            copy.shadow, copy.table
        )))
    }
}
