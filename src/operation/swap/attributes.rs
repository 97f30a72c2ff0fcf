//! Owner, privileges, comments and row security, there and back.

use super::{Swap, alter, catalogue};
use crate::dialect::quote;
use crate::document::Engine;
use crate::operation::restore;
use crate::operation::shadow::{named, qualified};
use crate::plan::{Lock, Statement};

impl Swap<'_> {
    /// Owner, privileges, comments, row security and replica identity.
    pub(super) fn attributes(&self) -> Vec<Statement> {
        let Some(entry) = self.entry else {
            return Vec::new();
        };
        let attached = &entry.attached;
        let table = qualified(self.table);
        let mut out = Vec::new();
        if let Some(owner) = &attached.owner {
            out.push(alter(self.table, &format!("OWNER TO {owner}")));
        }
        let option = |grantable: bool| if grantable { " WITH GRANT OPTION" } else { "" };
        for (grantee, privilege, grantable) in &attached.grants {
            out.push(catalogue(format!(
                "GRANT {privilege} ON {table} TO {grantee}{}",
                option(*grantable)
            )));
        }
        if let Some(comment) = &attached.comment {
            out.push(catalogue(format!(
                "COMMENT ON TABLE {table} IS {}",
                quote::text(comment)
            )));
        }
        for column in &entry.columns {
            let Some(new) = self.link.takes(Engine::PostgreSql, &column.name) else {
                continue;
            };
            let new = named(new);
            if let Some(comment) = &column.comment {
                out.push(catalogue(format!(
                    "COMMENT ON COLUMN {table}.{new} IS {}",
                    quote::text(comment)
                )));
            }
            for (grantee, privilege, grantable) in &column.grants {
                out.push(catalogue(format!(
                    "GRANT {privilege} ({new}) ON {table} TO {grantee}{}",
                    option(*grantable)
                )));
            }
        }
        if attached.row_security {
            out.push(alter(self.table, "ENABLE ROW LEVEL SECURITY"));
        }
        if attached.force_row_security {
            out.push(alter(self.table, "FORCE ROW LEVEL SECURITY"));
        }
        out.extend(attached.policies.iter().map(|p| restore::policy(&table, p)));
        if let Some(identity) = &attached.replica_identity {
            out.push(alter(self.table, &format!("REPLICA IDENTITY {identity}")));
        }
        out
    }

    /// The copy is as it was before it took the table's place, so that it can take it again.
    pub(super) fn attributes_back(&self) -> Vec<Statement> {
        let Some(entry) = self.entry else {
            return Vec::new();
        };
        let attached = &entry.attached;
        let shadow = qualified(self.shadow);
        let mut out: Vec<Statement> = attached
            .policies
            .iter()
            .map(|policy| {
                Statement::brief(
                    format!("DROP POLICY IF EXISTS {} ON {shadow}", named(&policy.name)),
                    Lock::AccessExclusive,
                )
            })
            .collect();
        if attached.row_security {
            out.push(alter(self.shadow, "DISABLE ROW LEVEL SECURITY"));
        }
        if attached.force_row_security {
            out.push(alter(self.shadow, "NO FORCE ROW LEVEL SECURITY"));
        }
        if attached.replica_identity.is_some() {
            out.push(alter(self.shadow, "REPLICA IDENTITY DEFAULT"));
        }
        for (grantee, privilege, _) in &attached.grants {
            out.push(catalogue(format!(
                "REVOKE {privilege} ON {shadow} FROM {grantee}"
            )));
        }
        for column in &entry.columns {
            let Some(new) = self.link.takes(Engine::PostgreSql, &column.name).map(named) else {
                continue;
            };
            for (grantee, privilege, _) in &column.grants {
                out.push(catalogue(format!(
                    "REVOKE {privilege} ({new}) ON {shadow} FROM {grantee}"
                )));
            }
        }
        let known = self.world.table(self.shadow);
        let text = |comment: Option<&String>| match comment {
            Some(comment) => quote::text(comment),
            None => "NULL".to_owned(),
        };
        if attached.comment.is_some() {
            let was = known.and_then(|t| t.attached.comment.as_ref());
            out.push(catalogue(format!(
                "COMMENT ON TABLE {shadow} IS {}",
                text(was)
            )));
        }
        for column in entry.columns.iter().filter(|c| c.comment.is_some()) {
            let Some(new) = self.link.takes(self.world.engine, &column.name) else {
                continue;
            };
            // LIKE takes over the comments of columns, not the table's: what SQL of its own made
            // has them already, and they stay.
            let Some(known) = known.filter(|_| self.world.is_whole(self.shadow)) else {
                continue;
            };
            let was = known.column(new).and_then(|c| c.comment.as_ref());
            out.push(catalogue(format!(
                "COMMENT ON COLUMN {shadow}.{} IS {}",
                named(new),
                text(was)
            )));
        }
        if attached.owner.is_some() {
            out.push(alter(self.shadow, "OWNER TO CURRENT_USER"));
        }
        out
    }
}
