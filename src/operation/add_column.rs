//! add_column: a new column, nullable unless said otherwise.

use serde::{Deserialize, Serialize};

use super::anew::Anew;
use super::behave::{Behave, Draft, Subject, Undo};
use super::{DefaultValue, default, mysql, postgres, sqlite};
use crate::dialect::expression::{self, Volatility};
use crate::dialect::statement::Work;
use crate::dialect::{catalogue, column_definition, create_table, lexer, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Column, Refusal, TableName, World};

/// Adds a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddColumn {
    /// The table that gets it.
    pub table: String,
    /// Its name.
    pub column: String,
    /// Its type, as the engine spells it.
    pub data_type: String,
    /// Whether NULL is allowed.
    #[serde(default = "default::yes", skip_serializing_if = "default::is_yes")]
    pub nullable: bool,
    /// Its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<DefaultValue>,
}

impl AddColumn {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "add_column",
        title: "Add a column",
        help: "Adds a column to a table.",
        fields: &[
            Field::required(
                "table",
                "Table",
                FieldKind::Table,
                "The table that gets the column.",
            ),
            Field::required(
                "column",
                "Column",
                FieldKind::NewName,
                "The new column's name.",
            ),
            Field::required(
                "dataType",
                "Data type",
                FieldKind::DataType,
                "The type, as the engine spells it.",
            ),
            Field::optional(
                "nullable",
                "Nullable",
                FieldKind::Bool,
                "Whether NULL is allowed.",
            )
            .or("true"),
            Field::optional(
                "defaultValue",
                "Default",
                FieldKind::Default,
                "A literal, or an SQL expression.",
            ),
        ],
    };
}

/// Type words that make every row anew, since each row gets a value of its own.
const COUNTING: &[&str] = &[
    "serial",
    "bigserial",
    "smallserial",
    "serial2",
    "serial4",
    "serial8",
    "identity",
    "stored",
];

impl AddColumn {
    /// The default as SQL.
    pub fn default_sql(&self, engine: Engine) -> Option<String> {
        self.default_value
            .as_ref()
            .map(|value| quote::default_value(engine, value))
    }

    /// Whether adding it writes the whole table anew (PostgreSQL): each row gets its own value.
    pub fn rewrites(&self) -> bool {
        let engine = Engine::PostgreSql;
        let volatile = self
            .default_sql(engine)
            .is_some_and(|sql| expression::volatility(engine, &sql) == Volatility::Volatile);
        let counts = lexer::significant(engine, &self.data_type)
            .is_ok_and(|tokens| tokens.iter().any(|t| COUNTING.iter().any(|w| t.is(w))));
        volatile || counts
    }

    /// `name type NOT NULL DEFAULT 1`.
    fn definition(&self, engine: Engine) -> String {
        let name = quote::name(engine, &self.column);
        let mut out = format!("{name} {}", self.data_type.trim());
        if !self.nullable {
            out.push_str(" NOT NULL");
        } else if engine.is_mysql_family()
            && column_definition::type_word(&self.data_type) == "timestamp"
        {
            // Older settings would make it NOT NULL by themselves.
            out.push_str(" NULL");
        }
        if let Some(default) = self.default_sql(engine) {
            match engine {
                Engine::PostgreSql => out.push_str(&format!(" DEFAULT {default}")),
                Engine::MySql | Engine::MariaDb => {
                    let value = column_definition::default_value(engine, &self.data_type, &default);
                    out.push_str(&format!(" DEFAULT {value}"));
                }
                Engine::Sqlite => {
                    out.push(' ');
                    out.push_str(&create_table::default_clause(&default));
                }
            }
        }
        out
    }

    /// What SQLite's ADD COLUMN cannot do.
    fn sqlite_refuses(&self) -> Result<(), Refusal> {
        let default = self.default_sql(Engine::Sqlite);
        let is_null = default
            .as_deref()
            .is_none_or(|d| d.eq_ignore_ascii_case("null"));
        if !self.nullable && is_null {
            return Err(Refusal::new(
                "nullable",
                "SQLite adds a NOT NULL column only with a default; add it nullable, backfill it and then use set_not_null (the pattern add-required-column)",
            ));
        }
        if let Some(default) = default
            && (!expression::is_plain_literal(Engine::Sqlite, &default)
                || default.to_lowercase().starts_with("current_"))
        {
            return Err(Refusal::new(
                "defaultValue",
                "SQLite adds a column only with a constant default; add it without one, use set_default for new rows and backfill the others",
            ));
        }
        let words = lexer::significant(Engine::Sqlite, &self.data_type).unwrap_or_default();
        for (word, remedy) in [
            ("unique", "add a unique index afterwards"),
            ("primary", "a key needs a new table"),
            (
                "stored",
                "use a VIRTUAL one, or a plain column and a backfill",
            ),
        ] {
            if words.iter().any(|t| t.is(word)) {
                return Err(Refusal::new(
                    "dataType",
                    format!(
                        "SQLite cannot add a column that is {}; {remedy}",
                        word.to_uppercase()
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl AddColumn {
    /// Whether MySQL and MariaDB work its values out for every row there is, by a copy of the table.
    fn is_stored(&self, engine: Engine) -> bool {
        engine.is_mysql_family()
            && lexer::significant(engine, &self.data_type)
                .is_ok_and(|words| words.iter().any(|t| t.is("stored") || t.is("persistent")))
    }

    /// What is done with its way by a copy of the table.
    fn by_copy<T>(
        &self,
        engine: Engine,
        table: &TableName,
        then: impl FnOnce(&Anew<'_>) -> T,
    ) -> T {
        then(&Anew {
            table,
            action: format!("ADD COLUMN {}", self.definition(engine)),
            title: format!("Add column {} to the copy of {table}", self.column),
            done: &|copy| catalogue::column(engine, copy, &self.column),
            change: &|world, copy| self.note(world, copy),
            field: "dataType",
        })
    }

    /// Puts it to a table of the world.
    fn note(&self, world: &mut World, table: &TableName) -> Result<(), Refusal> {
        let engine = world.engine;
        let definition = self.definition(engine);
        let name = quote::name(engine, &self.column);
        let behind = definition[name.len()..].trim().to_owned();
        let column = Column {
            definition: engine.is_mysql_family().then_some(behind),
            name: self.column.clone(),
            data_type: self.data_type.trim().to_owned(),
            nullable: self.nullable,
            default: self.default_sql(engine),
            generated: self.is_stored(engine),
            ..Column::default()
        };
        world.add_column(table, column)
    }

    /// What MySQL and MariaDB add only by a copy of the table, or fill with what nobody meant.
    fn mysql_refuses(&self, world: &World, table: &TableName) -> Result<(), Refusal> {
        let engine = world.engine;
        let title = engine.title();
        let words = lexer::significant(engine, &self.data_type).unwrap_or_default();
        for (word, remedy) in [
            ("auto_increment", mysql::BY_COPY),
            ("unique", "add a unique index afterwards (add_unique)"),
            ("primary", mysql::BY_COPY),
        ] {
            if words.iter().any(|t| t.is(word)) {
                return Err(Refusal::new(
                    "dataType",
                    format!(
                        "{title} adds no column that is {} without making the table anew; {remedy}",
                        word.to_uppercase()
                    ),
                ));
            }
        }
        let default = self.default_sql(engine);
        let is_null = default
            .as_deref()
            .is_none_or(|d| d.eq_ignore_ascii_case("null"));
        let generated = words.iter().any(|t| t.is("as"));
        if generated
            && !self.is_stored(engine)
            && let Some(index) = mysql::index_by_expression(world, table)
        {
            return Err(Refusal::new(
                "dataType",
                format!(
                    "the key of {index} is an expression, which is a hidden column of {table}, and beside one MySQL adds a virtual column only by a copy of the table while writers wait; drop {index} before, add the expression as a VIRTUAL column, too, and index that"
                ),
            ));
        }
        if !self.nullable && is_null && !generated {
            return Err(Refusal::new(
                "nullable",
                format!(
                    "{title} would fill the rows that are there with an empty text or 0; add it nullable, backfill it and then use set_not_null (the pattern add-required-column)"
                ),
            ));
        }
        let Some(default) = default.filter(|_| !is_null) else {
            return Ok(());
        };
        let value = column_definition::default_value(engine, &self.data_type, &default);
        let literal = expression::is_plain_literal(engine, &default);
        let evaluated = value.starts_with('(') && !(literal && engine == Engine::MariaDb);
        if evaluated {
            return Err(Refusal::new(
                "defaultValue",
                format!(
                    "{title} would copy the whole table to work out {value} for each row; add the column without a default, use set_default for new rows and backfill the others"
                ),
            ));
        }
        Ok(())
    }
}

impl Behave for AddColumn {
    fn data_types(&self) -> Vec<&str> {
        vec![&self.data_type]
    }

    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Expand
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.column.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        if let Some(problem) = expression::expression_problem(world.engine, &self.data_type) {
            return Err(Refusal::new("dataType", problem));
        }
        world.check_type("dataType", &self.data_type)?;
        let default = self.default_sql(world.engine);
        if let Some(problem) = default
            .as_deref()
            .and_then(|sql| expression::expression_problem(world.engine, sql))
        {
            return Err(Refusal::new("defaultValue", problem));
        }
        match world.engine {
            Engine::PostgreSql => {}
            Engine::MySql | Engine::MariaDb => self.mysql_refuses(world, &table)?,
            Engine::Sqlite => self.sqlite_refuses()?,
        }
        if self.is_stored(world.engine) && !world.is_made(&table) {
            let engine = world.engine;
            return self.by_copy(engine, &table, |anew| anew.apply(world));
        }
        let definition = self.definition(world.engine);
        self.note(world, &table)?;
        world.edit_text(&table, "column", |text| {
            text.add_column(&definition);
            Ok(())
        })
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let sql = format!(
            "ALTER TABLE {} ADD COLUMN {}",
            quote::table(before.engine, &table),
            self.definition(before.engine)
        );
        let statement = match before.engine {
            Engine::PostgreSql => {
                let work = if self.rewrites() {
                    Work::Rewrite
                } else {
                    Work::Brief
                };
                Statement::new(sql, Lock::AccessExclusive, work, before.rows(&table))
            }
            Engine::MySql | Engine::MariaDb if self.is_stored(before.engine) => {
                if !before.is_made(&table) {
                    return self.by_copy(before.engine, &table, |anew| anew.compile(before));
                }
                let action = format!("ADD COLUMN {}", self.definition(before.engine));
                return Ok(vec![mysql::ddl(
                    format!("Add column {table}.{}", self.column),
                    &table,
                    mysql::How::Copy.unused(before.engine, &table, &action),
                    &catalogue::column(before.engine, &table, &self.column),
                )]);
            }
            Engine::MySql | Engine::MariaDb => {
                let action = format!("ADD COLUMN {}", self.definition(before.engine));
                return Ok(vec![mysql::ddl(
                    format!("Add column {table}.{}", self.column),
                    &table,
                    mysql::alter(before, &table, &action, mysql::How::Instant),
                    &catalogue::column(before.engine, &table, &self.column),
                )]);
            }
            Engine::Sqlite => sqlite::write(sql),
        };
        Ok(vec![Draft::transaction(
            format!("Add column {table}.{}", self.column),
            &table,
            vec![statement],
        )])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let column = quote::name(before.engine, &self.column);
        let statement = match before.engine {
            Engine::PostgreSql => {
                postgres::alter(&table, &format!("DROP COLUMN IF EXISTS {column}"))
            }
            Engine::MySql | Engine::MariaDb
                if self.is_stored(before.engine) && !before.is_made(&table) =>
            {
                return self.by_copy(before.engine, &table, |anew| anew.undo(before));
            }
            Engine::MySql | Engine::MariaDb => {
                return Ok(Undo::whole(vec![mysql::drop_column(
                    before,
                    &table,
                    &self.column,
                )]));
            }
            Engine::Sqlite => sqlite::write(format!(
                "ALTER TABLE {} DROP COLUMN {column}",
                quote::table(before.engine, &table)
            )),
        };
        Ok(Undo::whole(vec![Draft::transaction(
            format!("Drop column {table}.{}", self.column),
            &table,
            vec![statement],
        )]))
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            column: "status".into(),
            data_type: "varchar(20)".into(),
            nullable: true,
            default_value: Some(DefaultValue::Literal("active".into())),
        }
    }
}
