//! Names, literals and defaults as SQL. Nothing of a document reaches SQL but through here, or as
//! SQL that its author wrote.

use super::lexer::{self, Kind};
use crate::document::Engine;
use crate::operation::DefaultValue;
use crate::schema::TableName;

/// PostgreSQL cuts longer names off, silently. In bytes.
pub const NAME_LIMIT: usize = 63;

/// MySQL and MariaDB refuse longer names. In characters.
pub const CHARACTER_LIMIT: usize = 64;

/// Words that one of the engines won't take bare as a column's or a table's name. More than are
/// reserved on either: quoting one too many does no harm.
const RESERVED: &str = " abort action add after all alter always analyse analyze and any array as asc \
asymmetric attach authorization autoincrement before begin between binary both by cascade case cast \
check collate collation column commit concurrently conflict constraint create cross current \
current_catalog current_date current_role current_schema current_time current_timestamp current_user \
database default deferrable deferred delete desc detach distinct do drop each else end escape except \
exclude exclusive exists explain fail false fetch filter following for foreign freeze from full \
generated glob grant group groups having if ignore ilike immediate in index indexed initially inner \
insert instead intersect into is isnull join key last lateral leading left like limit localtime \
localtimestamp match materialized natural no not nothing notnull null nulls of offset on only or \
order others outer over overlaps partition placing plan pragma preceding primary query raise range \
recursive references regexp reindex release rename replace restrict returning right rollback row \
rows savepoint select session_user set similar some symmetric system_user table tablesample temp \
temporary then ties to trailing transaction trigger true unbounded union unique update user using \
vacuum values variadic verbose view virtual when where window with without ";

/// Words that only MySQL or MariaDB reserve.
const RESERVED_BY_MYSQL: &str = " accessible asensitive bigint blob call change char character \
condition continue convert cube cume_dist cursor databases day_hour day_microsecond day_minute \
day_second dec decimal declare delayed delete_domain_id dense_rank describe deterministic \
distinctrow div do_domain_ids double dual elseif empty enclosed escaped exit first_value float \
float4 float8 force fulltext function get grouping high_priority hour_microsecond hour_minute \
hour_second ignore_domain_ids infile inout insensitive int int1 int2 int3 int4 int8 integer \
interval io_after_gtids io_before_gtids iterate json_table keys kill lag last_value lead leave \
linear lines load lock long longblob longtext loop low_priority manual master_bind \
master_heartbeat_period master_ssl_verify_server_cert maxvalue mediumblob mediumint mediumtext \
middleint minute_microsecond minute_second mod modifies no_write_to_binlog nth_value ntile numeric \
optimize optimizer_costs option optionally out outfile page_checksum parallel parse_vcol_expr \
percent_rank portion precision procedure purge qualify rank read read_write reads real \
ref_system_id repeat require resignal return revoke rlike row_number schema schemas \
second_microsecond sensitive separator show signal slow smallint spatial specific sql \
sql_big_result sql_calc_found_rows sql_small_result sqlexception sqlstate sqlwarning ssl starting \
stats_auto_recalc stats_persistent stats_sample_pages stored straight_join system terminated \
tinyblob tinyint tinytext undo unlock unsigned usage use utc_date utc_time utc_timestamp varbinary \
varchar varcharacter varying while write xor year_month zerofill ";

/// A name as SQL: bare where the engine reads it back as the same name, else in quotes.
pub fn name(engine: Engine, name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars
        .next()
        .is_some_and(|c| c == '_' || c.is_ascii_lowercase())
        && chars.all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
        && !is_reserved(name)
        && !(engine.is_mysql_family() && RESERVED_BY_MYSQL.contains(&format!(" {name} ")));
    if plain {
        return name.to_owned();
    }
    let mark = match engine {
        Engine::PostgreSql | Engine::Sqlite => "\"",
        // Double quotes make a string there, unless sql_mode says otherwise.
        Engine::MySql | Engine::MariaDb => "`",
    };
    format!("{mark}{}{mark}", name.replace(mark, &mark.repeat(2)))
}

/// Whether one of the engines won't take the word bare as a name.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&format!(" {} ", word.to_lowercase()))
}

/// A table's name as SQL.
pub fn table(engine: Engine, table: &TableName) -> String {
    within(engine, table, &table.name)
}

/// A bare name in the schema of a table, as SQL: its index, say.
pub fn within(engine: Engine, table: &TableName, bare: &str) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", name(engine, schema), name(engine, bare)),
        None => name(engine, bare),
    }
}

/// Names with commas between them.
pub fn names<'a>(engine: Engine, list: impl IntoIterator<Item = &'a String>) -> String {
    list.into_iter()
        .map(|n| name(engine, n))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A string as a literal.
pub fn literal(engine: Engine, text: &str) -> String {
    let doubled = text.replace('\'', "''");
    let doubled = match engine {
        Engine::PostgreSql | Engine::Sqlite => doubled,
        // A backslash escapes what comes after it.
        Engine::MySql | Engine::MariaDb => doubled.replace('\\', "\\\\"),
    };
    format!("'{doubled}'")
}

/// A text as a literal of PostgreSQL that means the same whatever `standard_conforming_strings`
/// says.
pub fn text(text: &str) -> String {
    if text.contains('\\') {
        format!(
            "E{}",
            literal(Engine::PostgreSql, &text.replace('\\', "\\\\"))
        )
    } else {
        literal(Engine::PostgreSql, text)
    }
}

/// A dollar quote that the text does not hold, to stand around it.
pub fn fence(body: &str) -> String {
    (0..)
        .map(|n| match n {
            0 => "$bellows$".to_owned(),
            n => format!("$bellows{n}$"),
        })
        .find(|fence| !body.contains(fence.as_str()))
        .unwrap_or_default()
}

/// A default as SQL: an expression as it is, numbers and truths typed, a string quoted unless it
/// wholly is a quoted literal already.
pub fn default_value(engine: Engine, value: &DefaultValue) -> String {
    match value {
        DefaultValue::Expression { sql } => sql.trim().to_owned(),
        DefaultValue::Literal(serde_json::Value::String(text)) => {
            if is_quoted_literal(engine, text) {
                text.trim().to_owned()
            } else {
                literal(engine, text)
            }
        }
        DefaultValue::Literal(serde_json::Value::Bool(truth)) => match (engine, truth) {
            (Engine::PostgreSql | Engine::MySql | Engine::MariaDb, true) => "true".to_owned(),
            (Engine::PostgreSql | Engine::MySql | Engine::MariaDb, false) => "false".to_owned(),
            (Engine::Sqlite, true) => "1".to_owned(),
            (Engine::Sqlite, false) => "0".to_owned(),
        },
        DefaultValue::Literal(serde_json::Value::Null) => "NULL".to_owned(),
        DefaultValue::Literal(serde_json::Value::Number(number)) => number.to_string(),
        DefaultValue::Literal(
            json @ (serde_json::Value::Array(_) | serde_json::Value::Object(_)),
        ) => literal(engine, &json.to_string()),
    }
}

/// `'...'`, `E'...'` or `'...'::type(1)[]`: nothing but one literal, perhaps with casts.
fn is_quoted_literal(engine: Engine, text: &str) -> bool {
    let Ok(tokens) = lexer::significant(engine, text) else {
        return false;
    };
    let Some((first, rest)) = tokens.split_first() else {
        return false;
    };
    let cast_only = rest.is_empty()
        || (rest.len() > 2
            && rest[0].is_symbol(":")
            && rest[1].is_symbol(":")
            && rest[2..].iter().all(|t| match t.kind {
                Kind::Word | Kind::QuotedName | Kind::Number => true,
                Kind::Symbol => matches!(t.text, ":" | "(" | ")" | "[" | "]" | "." | ","),
                Kind::Space | Kind::Comment | Kind::Text | Kind::Parameter => false,
            }));
    first.kind == Kind::Text && cast_only
}

/// A name that Bellows makes up, within the limit and still its own: what is too long is cut, and
/// a hash of the whole is put behind it.
pub fn made_up(whole: &str) -> String {
    if whole.len() <= NAME_LIMIT {
        return whole.to_owned();
    }
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(whole.as_bytes());
    let hash: String = digest.iter().take(4).map(|b| format!("{b:02x}")).collect();
    let mut end = NAME_LIMIT - hash.len() - 1;
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{hash}", &whole[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_quoted_where_they_need_it() {
        let quoted: Vec<String> = [
            "users", "order", "User", "a b", "1st", "say\"so", "", "é", "_x1",
        ]
        .iter()
        .map(|n| name(Engine::PostgreSql, n))
        .collect();
        assert_eq!(
            quoted,
            [
                "users",
                "\"order\"",
                "\"User\"",
                "\"a b\"",
                "\"1st\"",
                "\"say\"\"so\"",
                "\"\"",
                "\"é\"",
                "_x1"
            ]
        );
        assert_eq!(
            table(Engine::PostgreSql, &TableName::parse("billing.Orders")),
            "billing.\"Orders\""
        );
    }

    #[test]
    fn defaults_are_what_their_author_meant() {
        let sql = |value: serde_json::Value| {
            let value: DefaultValue = serde_json::from_value(value).unwrap();
            default_value(Engine::PostgreSql, &value)
        };
        assert_eq!(sql(json!("active")), "'active'");
        assert_eq!(sql(json!("'active'")), "'active'");
        assert_eq!(sql(json!("'{}'::jsonb")), "'{}'::jsonb");
        assert_eq!(sql(json!("'x'::varchar(10)")), "'x'::varchar(10)");
        assert_eq!(sql(json!("it's")), "'it''s'");
        assert_eq!(sql(json!("'a' || 'b'")), "'''a'' || ''b'''");
        assert_eq!(sql(json!("'a'; DROP TABLE t")), "'''a''; DROP TABLE t'");
        assert_eq!(
            sql(json!("'x'::text; DROP TABLE t")),
            "'''x''::text; DROP TABLE t'"
        );
        assert_eq!(sql(json!(false)), "false");
        assert_eq!(sql(json!(0)), "0");
        assert_eq!(sql(json!(-1.5)), "-1.5");
        assert_eq!(sql(json!({"sql": "now()"})), "now()");
        let no: DefaultValue = serde_json::from_value(json!(false)).unwrap();
        assert_eq!(default_value(Engine::Sqlite, &no), "0");
    }

    #[test]
    fn made_up_names_fit_and_stay_apart() {
        let long = "é".repeat(40);
        let (a, b) = (made_up(&format!("{long}a")), made_up(&format!("{long}b")));
        assert!(a.len() <= NAME_LIMIT && b.len() <= NAME_LIMIT);
        assert_ne!(a, b);
        assert_eq!(made_up("idx_users_email"), "idx_users_email");
    }
}
