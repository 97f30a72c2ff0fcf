//! drop_view: a view goes.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Loss, Subject, Undo};
use super::{create_view, mysql, restore, sqlite};
use crate::dialect::quote;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Refusal, TableName, View, World};

/// Drops a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropView {
    /// The view's name.
    pub name: String,
}

impl DropView {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "drop_view",
        title: "Drop a view",
        help: "Applications that read it fail from then on.",
        fields: &[Field::required(
            "name",
            "Name",
            FieldKind::Table,
            "The view.",
        )],
    };
}

/// What makes the view again, with all that hung on it.
fn again(engine: Engine, name: &TableName, view: &View) -> Vec<Statement> {
    let sql_name = quote::table(engine, name);
    let query = view.definition.trim().trim_end_matches(';');
    let sql = create_view::again(engine, name, Some(view), query, false);
    match engine {
        Engine::Sqlite => vec![sqlite::write(sql)],
        Engine::MySql | Engine::MariaDb => vec![Statement::brief(sql, Lock::MetadataExclusive)],
        Engine::PostgreSql => {
            let mut out = vec![Statement::brief(sql, Lock::AccessShare)];
            out.extend(postgres_attached(&sql_name, view));
            out
        }
    }
}

/// What hung on the view (PostgreSQL).
fn postgres_attached(sql_name: &str, view: &View) -> Vec<Statement> {
    let quiet = |sql: String| Statement::brief(sql, Lock::None);
    let comment = |sql: String| Statement::brief(sql, Lock::ShareUpdateExclusive);
    let own = |name: &String| quote::name(Engine::PostgreSql, name);
    let mut out = Vec::new();
    for (column, default) in &view.column_defaults {
        out.push(quiet(format!(
            "ALTER VIEW {sql_name} ALTER COLUMN {} SET DEFAULT {default}",
            own(column)
        )));
    }
    for trigger in &view.triggers {
        out.push(quiet(trigger.definition.clone()));
    }
    if let Some(owner) = &view.owner {
        out.push(quiet(format!("ALTER VIEW {sql_name} OWNER TO {owner}")));
    }
    for (grantee, privilege, grantable) in &view.grants {
        let option = restore::option(*grantable);
        out.push(quiet(format!(
            "GRANT {privilege} ON {sql_name} TO {grantee}{option}"
        )));
    }
    for (column, grantee, privilege, grantable) in &view.column_grants {
        let (column, option) = (own(column), restore::option(*grantable));
        out.push(quiet(format!(
            "GRANT {privilege} ({column}) ON {sql_name} TO {grantee}{option}"
        )));
    }
    if let Some(text) = &view.comment {
        out.push(comment(format!(
            "COMMENT ON VIEW {sql_name} IS {}",
            quote::text(text)
        )));
    }
    for (column, text) in &view.column_comments {
        out.push(comment(format!(
            "COMMENT ON COLUMN {sql_name}.{} IS {}",
            own(column),
            quote::text(text)
        )));
    }
    out
}

impl Behave for DropView {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.name)]
    }

    fn subject(&self) -> Subject {
        (Some(TableName::parse(&self.name)), None)
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let name = TableName::parse(&self.name);
        if world.view(&name).is_some_and(|v| v.materialized) {
            return Err(Refusal::new(
                "name",
                format!(
                    "{name} is a materialized view; its rows and indexes go with it: use custom_sql, with rollbackSql that makes all of it again"
                ),
            ));
        }
        world.drop_view(&name).map(|_| ())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let name = TableName::parse(&self.name);
        let draft = create_view::drop(before, &name, false)?;
        let read = before.view(&name).map(|v| v.reads.clone());
        Ok(vec![
            read.unwrap_or_default().iter().fold(draft, Draft::touching),
        ])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let name = TableName::parse(&self.name);
        let Some(view) = before.view(&name) else {
            return Ok(Undo::nothing());
        };
        if view.definition.is_empty() {
            return Ok(Undo {
                drafts: Vec::new(),
                loss: Loss::NotSaid,
                saved: Vec::new(),
            });
        }
        let title = format!("Create view {name} again");
        let statements = again(before.engine, &name, view);
        let draft = match statements.as_slice() {
            [one] if before.engine.is_mysql_family() => {
                mysql::make(before, title, &name, one.sql.clone())
            }
            _ => Draft::transaction(title, &name, statements),
        };
        Ok(Undo::whole(vec![
            view.reads.iter().fold(draft, Draft::touching),
        ]))
    }

    fn sample() -> Self {
        Self {
            name: "mailing".into(),
        }
    }
}
