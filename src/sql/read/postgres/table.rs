//! CREATE TABLE and ALTER TABLE.

use squawk_syntax::SyntaxKind::{CONCURRENTLY_KW, FULL_KW, ONLY_KW, UNIQUE_KW};
use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::{column, expression, rows, tree};
use crate::schema::TableName;
use crate::sql::act::{Act, Change, NewIndex, NewTable, Online, Which};
use crate::sql::unknown::Unknown;

/// CREATE TABLE and CREATE FOREIGN TABLE.
pub(super) fn create(node: &SyntaxNode) -> Act {
    let Some(name) = tree::kid_name::<ast::TableName>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let mut new = NewTable::named(name);
    new.if_not_exists = tree::has::<ast::IfNotExists>(node);
    persistence(node, &mut new);
    if let Some(list) = tree::kid::<ast::TableArgList>(node) {
        for part in tree::kids::<ast::TableArg>(list.syntax()) {
            match part {
                ast::TableArg::Column(own) => new.columns.push(column::column(own.syntax())),
                ast::TableArg::LikeClause(like) => new
                    .like
                    .extend(tree::kid_name::<ast::RelationNameRef>(like.syntax())),
                ast::TableArg::TableConstraint(own) => {
                    let own = ast::Constraint::cast(own.syntax().clone());
                    new.constraints
                        .extend(own.and_then(|c| column::constraint(&c)));
                }
            }
        }
    }
    if let Some(inherits) = tree::kid::<ast::Inherits>(node) {
        let parents = tree::kids::<ast::TableNameRef>(inherits.syntax());
        new.inherits = parents.map(|p| tree::qualified(p.syntax())).collect();
    }
    new.partition_of = tree::kid::<ast::PartitionOf>(node)
        .and_then(|of| tree::kid_name::<ast::TableNameRef>(of.syntax()));
    new.default_partition = tree::has::<ast::PartitionDefault>(node);
    new.partitioned = tree::has::<ast::PartitionBy>(node);
    new.of_type = tree::kid::<ast::OfType>(node).map(|of| tree::qualified(of.syntax()));
    Act::CreateTable(new)
}

/// CREATE TABLE ... AS.
pub(super) fn create_as(node: &SyntaxNode) -> Act {
    let Some(name) = tree::kid_name::<ast::TableName>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    if tree::has::<ast::Execute>(node) {
        return Act::Unknown(Unknown::DynamicSql);
    }
    let mut new = NewTable::named(name);
    new.if_not_exists = tree::has::<ast::IfNotExists>(node);
    new.query = Some(rows::reads(node));
    new.no_data = tree::inside::<ast::WithNoData>(node).next().is_some();
    persistence(node, &mut new);
    unless_it_calls(node, Act::CreateTable(new))
}

/// SELECT INTO.
pub(super) fn select_into(node: &SyntaxNode) -> Act {
    let into = tree::inside::<ast::IntoClause>(node).next();
    let name = into
        .as_ref()
        .and_then(|into| tree::kid_name::<ast::TableName>(into.syntax()));
    let (Some(into), Some(name)) = (into, name) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let mut new = NewTable::named(name);
    new.query = Some(rows::reads(node));
    persistence(into.syntax(), &mut new);
    unless_it_calls(node, Act::CreateTable(new))
}

/// The act, unless its query calls what may do anything.
pub(super) fn unless_it_calls(node: &SyntaxNode, act: Act) -> Act {
    match expression::unknown_calls(node).into_iter().next() {
        Some(name) => Act::Unknown(Unknown::Function { name }),
        None => act,
    }
}

fn persistence(node: &SyntaxNode, new: &mut NewTable) {
    match tree::kid::<ast::Persistence>(node) {
        Some(ast::Persistence::Temp(_)) => new.temporary = true,
        Some(ast::Persistence::Unlogged(_)) => new.unlogged = true,
        None => {}
    }
}

/// The table that ALTER TABLE, TRUNCATE and others name, and whether they say ONLY.
pub(super) fn target(node: &SyntaxNode) -> Option<(TableName, bool)> {
    let relation = tree::kid::<ast::TableRelationName>(node)?;
    let only = tree::says(relation.syntax(), ONLY_KW);
    Some((tree::qualified(relation.syntax()), only))
}

/// ALTER TABLE and ALTER FOREIGN TABLE.
pub(super) fn alter(node: &SyntaxNode) -> Act {
    let Some((table, only)) = target(node) else {
        return Act::Unknown(Unknown::Statement {
            words: tree::opening(node),
        });
    };
    let changes: Vec<Change> = tree::kids::<ast::AlterTableAction>(node)
        .map(|action| change(&action, &table))
        .collect();
    if changes.is_empty() {
        return Act::Unknown(Unknown::Syntax);
    }
    Act::AlterTable {
        table,
        only,
        if_exists: tree::has::<ast::IfExists>(node),
        changes,
        online: Online::default(),
    }
}

/// CREATE INDEX.
pub(super) fn create_index(node: &SyntaxNode) -> Act {
    let Some((table, only)) = target(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let columns = tree::kid::<ast::PartitionItemList>(node)
        .into_iter()
        .flat_map(|list| tree::kids::<ast::PartitionItem>(list.syntax()).collect::<Vec<_>>())
        .filter_map(|item| {
            let expression = tree::kid::<ast::Expr>(item.syntax())?;
            Some(match ast::NameRef::cast(expression.syntax().clone()) {
                Some(column) => tree::name(column.syntax()),
                None => tree::text(expression.syntax()),
            })
        })
        .collect();
    Act::CreateIndex {
        table,
        only,
        index: NewIndex {
            name: tree::kid_name::<ast::Index>(node).map(|index| index.name),
            unique: tree::says(node, UNIQUE_KW),
            concurrently: tree::says(node, CONCURRENTLY_KW),
            if_not_exists: tree::has::<ast::IfNotExists>(node),
            method: tree::kid::<ast::UsingMethod>(node)
                .and_then(|using| tree::kid_word::<ast::AccessMethodRef>(using.syntax())),
            columns,
            predicate: tree::kid::<ast::WhereClause>(node)
                .and_then(|clause| tree::kid::<ast::Expr>(clause.syntax()))
                .map(|condition| tree::text(condition.syntax())),
        },
        online: Online::default(),
    }
}

/// The table that a name becomes when it is renamed: it stays in its schema.
pub(super) fn renamed(from: &TableName, to: TableName) -> TableName {
    TableName {
        schema: from.schema.clone(),
        name: to.name,
    }
}

/// The name in another schema.
pub(super) fn moved(from: &TableName, schema: &ast::SetSchema) -> TableName {
    let schema = tree::kid_word::<ast::SchemaRef>(schema.syntax());
    TableName {
        schema: schema.filter(|s| s != "public"),
        name: from.name.clone(),
    }
}

fn change(action: &ast::AlterTableAction, table: &TableName) -> Change {
    use ast::AlterTableAction as A;
    let node = action.syntax();
    let unknown = || Change::Unknown {
        words: tree::opening(node),
    };
    match action {
        A::AddColumn(_) => Change::AddColumn {
            column: column::column(node),
            if_not_exists: tree::has::<ast::IfNotExists>(node),
        },
        A::DropColumn(_) => Change::DropColumn {
            column: tree::kid_word::<ast::ColumnNameRef>(node).unwrap_or_default(),
            if_exists: tree::has::<ast::IfExists>(node),
            cascade: tree::cascades(node),
        },
        A::RenameColumn(_) => Change::RenameColumn {
            from: tree::kid_word::<ast::ColumnNameRef>(node).unwrap_or_default(),
            to: tree::kid_word::<ast::ColumnName>(node).unwrap_or_default(),
        },
        A::AlterColumn(_) => alter_column(node).unwrap_or_else(unknown),
        A::AddConstraint(_) => tree::kid::<ast::Constraint>(node)
            .and_then(|c| column::constraint(&c))
            .map_or_else(unknown, Change::AddConstraint),
        A::DropConstraint(_) => Change::DropConstraint {
            name: constraint_name(node),
            if_exists: tree::has::<ast::IfExists>(node),
            cascade: tree::cascades(node),
        },
        A::ValidateConstraint(_) => Change::ValidateConstraint {
            name: constraint_name(node),
        },
        A::AlterConstraint(_) => Change::AlterConstraint {
            name: constraint_name(node),
            enforces: tree::has::<ast::Enforced>(node),
        },
        A::RenameConstraint(_) => Change::RenameConstraint {
            from: constraint_name(node),
            to: tree::kid_word::<ast::ConstraintName>(node).unwrap_or_default(),
        },
        A::TableRenameTo(_) => {
            tree::kid_name::<ast::TableName>(node).map_or_else(unknown, |to| Change::Rename {
                to: renamed(table, to),
            })
        }
        A::SetSchema(schema) => Change::Rename {
            to: moved(table, schema),
        },
        A::OwnerTo(_) => Change::Owner,
        A::SetOptions(_) | A::ResetOptions(_) => Change::Options {
            names: tree::inside::<ast::AttributeName>(node)
                .map(|n| tree::text(n.syntax()).to_lowercase())
                .collect(),
        },
        // OPTIONS of a foreign table: nothing of this server's.
        A::AlterOptionList(_) => Change::Options { names: Vec::new() },
        A::OptionItemList(_) => unknown(),
        A::SetLogged(_) => Change::SetLogged,
        A::SetUnlogged(_) => Change::SetUnlogged,
        A::SetTablespace(_) => Change::SetTablespace,
        A::SetAccessMethod(_) => Change::SetAccessMethod {
            method: tree::kid_word::<ast::AccessMethodRef>(node),
        },
        A::ClusterOn(_) => Change::ClusterOn {
            index: tree::kid_name::<ast::IndexRef>(node)
                .map(|index| index.name)
                .unwrap_or_default(),
        },
        A::SetWithoutCluster(_) => Change::WithoutCluster,
        A::SetWithoutOids(_) => Change::WithoutOids,
        A::EnableTrigger(_) => Change::Triggers {
            which: which(node),
            enable: true,
        },
        A::EnableReplicaTrigger(_) | A::EnableAlwaysTrigger(_) => Change::Triggers {
            which: Which::Named(tree::kid_word::<ast::TriggerRef>(node).unwrap_or_default()),
            enable: true,
        },
        A::DisableTrigger(_) => Change::Triggers {
            which: which(node),
            enable: false,
        },
        A::EnableRule(_) | A::EnableReplicaRule(_) | A::EnableAlwaysRule(_) => Change::Rules {
            which: Which::Named(tree::kid_word::<ast::RuleRef>(node).unwrap_or_default()),
            enable: true,
        },
        A::DisableRule(_) => Change::Rules {
            which: Which::Named(tree::kid_word::<ast::RuleRef>(node).unwrap_or_default()),
            enable: false,
        },
        A::EnableRls(_) => Change::RowSecurity { enable: true },
        A::DisableRls(_) => Change::RowSecurity { enable: false },
        A::ForceRls(_) => Change::ForceRowSecurity { force: true },
        A::NoForceRls(_) => Change::ForceRowSecurity { force: false },
        A::ReplicaIdentity(_) => Change::ReplicaIdentity {
            index: tree::inside::<ast::IndexRef>(node)
                .next()
                .map(|index| tree::qualified(index.syntax()).name),
        },
        A::InheritTable(_) => tree::kid_name::<ast::TableNameRef>(node)
            .map_or_else(unknown, |parent| Change::Inherit { parent }),
        A::NoInheritTable(_) => tree::kid_name::<ast::TableNameRef>(node)
            .map_or_else(unknown, |parent| Change::NoInherit { parent }),
        A::OfType(_) => Change::OfType {
            name: tree::qualified(node),
        },
        A::NotOf(_) => Change::NotOfType,
        A::AttachPartition(_) => {
            tree::kid_name::<ast::TableNameRef>(node).map_or_else(unknown, |partition| {
                Change::AttachPartition {
                    partition,
                    default: tree::has::<ast::PartitionDefault>(node),
                    bounds: tree::kid::<ast::PartitionType>(node)
                        .map(|bounds| tree::text(bounds.syntax()))
                        .unwrap_or_default(),
                }
            })
        }
        A::DetachPartition(_) => {
            tree::kid_name::<ast::TableNameRef>(node).map_or_else(unknown, |partition| {
                Change::DetachPartition {
                    partition,
                    concurrently: tree::has::<ast::DetachConcurrently>(node),
                    finalize: tree::has::<ast::DetachFinalize>(node),
                }
            })
        }
        A::SplitPartition(_) => repartition(node, "SPLIT"),
        A::MergePartitions(_) => repartition(node, "MERGE"),
    }
}

fn repartition(node: &SyntaxNode, how: &str) -> Change {
    Change::Repartition {
        // Those that are taken; those that are made are named otherwise, or further within.
        partitions: tree::kids::<ast::TableNameRef>(node)
            .chain(
                tree::kids::<ast::TableNameRefList>(node)
                    .flat_map(|list| tree::kids(list.syntax()).collect::<Vec<_>>()),
            )
            .map(|table| tree::qualified(table.syntax()))
            .collect(),
        how: how.to_owned(),
    }
}

fn constraint_name(node: &SyntaxNode) -> String {
    tree::kid_name::<ast::ConstraintNameRef>(node)
        .map(|name| name.name)
        .unwrap_or_default()
}

fn which(node: &SyntaxNode) -> Which {
    match tree::kid::<ast::TriggerTarget>(node) {
        Some(ast::TriggerTarget::TriggerRef(name)) => Which::Named(tree::name(name.syntax())),
        Some(ast::TriggerTarget::User(_)) => Which::User,
        Some(ast::TriggerTarget::All(_)) | None => Which::All,
    }
}

fn alter_column(node: &SyntaxNode) -> Option<Change> {
    use ast::AlterColumnOption as O;
    let column = tree::kid_word::<ast::ColumnNameRef>(node)?;
    let option = tree::kid::<ast::AlterColumnOption>(node)?;
    let inner = option.syntax();
    Some(match option {
        O::DropDefault(_) => Change::DropDefault { column },
        O::SetDefault(_) => Change::SetDefault {
            column,
            default: expression::default(tree::kid::<ast::Expr>(inner)?.syntax()),
        },
        O::SetNotNull(_) => Change::SetNotNull { column },
        O::DropNotNull(_) => Change::DropNotNull { column },
        O::SetType(_) => Change::SetType {
            column,
            to: tree::text(tree::kid::<ast::Type>(inner)?.syntax()),
            collation: tree::kid::<ast::Collate>(inner).map(|c| column::collation(c.syntax())),
            using: tree::kid::<ast::UsingExpr>(inner)
                .and_then(|using| tree::kid::<ast::Expr>(using.syntax()))
                .map(|expression| tree::text(expression.syntax())),
        },
        O::AddGenerated(_) => Change::AddIdentity { column },
        O::SetGenerated(_)
        | O::SetGeneratedOptions(_)
        | O::SetSequenceOption(_)
        | O::Restart(_) => Change::SetIdentity { column },
        O::DropIdentity(_) => Change::DropIdentity { column },
        O::SetExpression(_) => Change::SetExpression { column },
        O::DropExpression(_) => Change::DropExpression { column },
        O::SetStatistics(_) | O::SetOptions(_) | O::ResetOptions(_) | O::SetOptionsList(_) => {
            Change::ColumnOptions { column }
        }
        O::SetStorage(_) | O::SetCompression(_) => Change::SetStorage { column },
        O::Inherit(_) | O::NoInherit(_) => return None,
    })
}

/// Whether an option in parentheses or a word is switched on: `FULL`, `(FULL)`, `(FULL true)`.
pub(super) fn full(node: &SyntaxNode) -> bool {
    if tree::says(node, FULL_KW) {
        return true;
    }
    tree::kid::<ast::VacuumOptionList>(node)
        .is_some_and(|list| tree::switched_on(list.syntax(), "FULL"))
}
