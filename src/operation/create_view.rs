//! create_view: a query under a name.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{mysql, sqlite};
use crate::dialect::{expression, lexer, quote, reads};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Refusal, TableName, View, World};

/// Creates a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateView {
    /// The view's name.
    pub name: String,
    /// Its SELECT.
    pub sql: String,
}

impl CreateView {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "create_view",
        title: "Create a view",
        help: "A query under a name of its own.",
        fields: &[
            Field::required("name", "Name", FieldKind::NewName, "The view's name."),
            Field::required("sql", "Query", FieldKind::Sql, "Its SELECT, alone."),
        ],
    };

    /// The query without a semicolon at its end.
    fn query(&self) -> &str {
        self.sql.trim().trim_end_matches(';').trim_end()
    }
}

/// What drops a view where it is there.
pub(super) fn drop(world: &World, view: &TableName, where_there: bool) -> Result<Draft, Refusal> {
    let condition = if where_there { "IF EXISTS " } else { "" };
    let sql = format!("DROP VIEW {condition}{}", quote::table(world.engine, view));
    let statement = match world.engine {
        Engine::PostgreSql => Statement::brief(sql, Lock::AccessExclusive),
        Engine::MySql | Engine::MariaDb => return Ok(mysql::drop_whole(world, "view", view)),
        Engine::Sqlite => sqlite::write(sql),
    };
    let title = format!("Drop view {view}");
    Ok(Draft::transaction(title, view, vec![statement]))
}

/// `CREATE VIEW` with all that is known of one that was there: `select` in the place of its query.
/// `replace` where it is there still.
pub(crate) fn again(
    engine: Engine,
    name: &TableName,
    known: Option<&View>,
    select: &str,
    replace: bool,
) -> String {
    let columns = match known.map(|v| v.columns.as_slice()) {
        Some([]) | None => String::new(),
        Some(columns) => format!(" ({})", quote::names(engine, columns)),
    };
    let options = known.map(|v| v.options.as_slice()).unwrap_or_default();
    let (before, behind, after) = match engine {
        Engine::PostgreSql if options.is_empty() => (String::new(), String::new(), String::new()),
        Engine::PostgreSql => (
            String::new(),
            format!(" WITH ({})", options.join(", ")),
            String::new(),
        ),
        Engine::MySql | Engine::MariaDb => {
            let part = |last: bool| -> String {
                let some = options.iter().filter(|o| o.starts_with("WITH ") == last);
                some.map(|o| format!("{o} ")).collect()
            };
            let check = part(true);
            let after = if check.is_empty() {
                String::new()
            } else {
                format!("\n{}", check.trim_end())
            };
            (part(false), String::new(), after)
        }
        Engine::Sqlite => (String::new(), String::new(), String::new()),
    };
    let replace = if replace { "OR REPLACE " } else { "" };
    format!(
        "CREATE {replace}{before}VIEW {}{columns}{behind} AS\n{select}{after}",
        quote::table(engine, name)
    )
}

impl Behave for CreateView {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Expand
    }

    fn tables(&self) -> Vec<TableName> {
        let mut tables = vec![TableName::parse(&self.name)];
        // Which engine it is for is not known here: one name too many does no harm.
        let read = Engine::ALL.into_iter();
        tables.extend(read.flat_map(|engine| reads::tables(engine, self.query())));
        tables
    }

    fn subject(&self) -> Subject {
        (Some(TableName::parse(&self.name)), None)
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let engine = world.engine;
        let query = self.query();
        if let Some(problem) = expression::expression_problem(engine, query) {
            return Err(Refusal::new("sql", problem));
        }
        let selects = lexer::significant(engine, query).is_ok_and(|tokens| {
            tokens.first().is_some_and(|t| {
                t.is("select") || t.is("with") || t.is("values") || t.is_symbol("(")
            })
        });
        if !selects {
            return Err(Refusal::new(
                "sql",
                "the query alone is wanted, and it begins with SELECT, WITH or VALUES",
            ));
        }
        world.create_view(&TableName::parse(&self.name), query)
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let view = TableName::parse(&self.name);
        let sql = format!(
            "CREATE VIEW {} AS\n{}",
            quote::table(before.engine, &view),
            self.query()
        );
        let statement = match before.engine {
            Engine::PostgreSql => Statement::brief(sql, Lock::AccessShare),
            Engine::MySql | Engine::MariaDb => {
                let draft = mysql::make(before, format!("Create view {view}"), &view, sql);
                return Ok(vec![
                    reads::tables(before.engine, self.query())
                        .iter()
                        .fold(draft, Draft::touching),
                ]);
            }
            Engine::Sqlite => sqlite::write(sql),
        };
        let draft = Draft::transaction(format!("Create view {view}"), &view, vec![statement]);
        Ok(vec![
            reads::tables(before.engine, self.query())
                .iter()
                .fold(draft, Draft::touching),
        ])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        Ok(Undo::whole(vec![drop(
            before,
            &TableName::parse(&self.name),
            true,
        )?]))
    }

    fn sample() -> Self {
        Self {
            name: "members".into(),
            sql: "SELECT u.id, u.name, t.title FROM users u JOIN teams t ON t.id = u.team_id"
                .into(),
        }
    }
}
