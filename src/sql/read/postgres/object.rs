//! What is no table: indexes, views, triggers, sequences, types, functions, schemas and the rest.

use squawk_syntax::SyntaxKind::{CASCADE_KW, CONCURRENTLY_KW};
use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::{rows, statement, table, tree};
use crate::schema::TableName;
use crate::sql::act::{Act, Attachment, DomainChange, IndexChange, TypeChange, Verb, Volatility};
use crate::sql::unknown::Unknown;

fn unread(node: &SyntaxNode) -> Act {
    Act::Unknown(Unknown::Statement {
        words: tree::opening(node),
    })
}

/// ALTER INDEX.
pub(super) fn alter_index(node: &SyntaxNode) -> Act {
    use ast::AlterIndexAction as A;
    let index = tree::kid_name::<ast::IndexRef>(node);
    let (Some(index), Some(action)) = (index, tree::kid::<A>(node)) else {
        return unread(node);
    };
    let inner = action.syntax();
    let change = match action {
        A::IndexRenameTo(_) => IndexChange::Rename {
            to: tree::kid_name::<ast::Index>(inner)
                .map(|index| index.name)
                .unwrap_or_default(),
        },
        A::AttachIndexPartition(_) => match tree::kid_name::<ast::IndexRef>(inner) {
            Some(index) => IndexChange::AttachPartition { index },
            None => return unread(node),
        },
        A::SetTablespace(_) => IndexChange::Tablespace,
        A::SetOptions(_) | A::ResetOptions(_) | A::AlterSetStatistics(_) => IndexChange::Options,
        A::DependsOnExtension(_) | A::NoDependsOnExtension(_) => IndexChange::Depends,
    };
    Act::AlterIndex { index, change }
}

/// CREATE VIEW and CREATE MATERIALIZED VIEW.
pub(super) fn create_view(node: &SyntaxNode, materialized: bool) -> Act {
    let Some(view) = tree::kid_name::<ast::View>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let act = Act::CreateView {
        view,
        materialized,
        replace: tree::has::<ast::OrReplace>(node),
        if_not_exists: tree::has::<ast::IfNotExists>(node),
        with_data: tree::inside::<ast::WithNoData>(node).next().is_none(),
        reads: rows::reads(node),
    };
    // A materialized view runs its query.
    if materialized {
        table::unless_it_calls(node, act)
    } else {
        act
    }
}

/// ALTER VIEW and ALTER MATERIALIZED VIEW.
pub(super) fn alter_view(node: &SyntaxNode, materialized: bool) -> Act {
    let Some(view) = tree::kid_name::<ast::ViewRef>(node) else {
        return unread(node);
    };
    let renamed_to = tree::kid::<ast::ViewRenameTo>(node)
        .and_then(|to| tree::kid_name::<ast::View>(to.syntax()))
        .map(|to| table::renamed(&view, to))
        .or_else(|| tree::kid::<ast::SetSchema>(node).map(|schema| table::moved(&view, &schema)));
    let renamed_column = tree::kid::<ast::RenameColumn>(node).and_then(|rename| {
        Some((
            tree::kid_word::<ast::ColumnNameRef>(rename.syntax())?,
            tree::kid_word::<ast::ColumnName>(rename.syntax())?,
        ))
    });
    Act::AlterView {
        rewrites: tree::has::<ast::SetTablespace>(node) || tree::has::<ast::SetAccessMethod>(node),
        view,
        materialized,
        renamed_to,
        renamed_column,
    }
}

/// REFRESH MATERIALIZED VIEW.
pub(super) fn refresh(node: &SyntaxNode) -> Act {
    match tree::kid_name::<ast::ViewRef>(node) {
        Some(view) => Act::RefreshView {
            view,
            concurrently: tree::says(node, CONCURRENTLY_KW),
            with_data: tree::inside::<ast::WithNoData>(node).next().is_none(),
        },
        None => Act::Unknown(Unknown::Syntax),
    }
}

fn attach(
    what: Attachment,
    name: Option<String>,
    table: Option<TableName>,
    node: &SyntaxNode,
) -> Act {
    match table {
        Some(table) => Act::Attach {
            what,
            name: name.unwrap_or_default(),
            table,
            replace: tree::has::<ast::OrReplace>(node),
            from: None,
        },
        None => Act::Unknown(Unknown::Syntax),
    }
}

/// CREATE TRIGGER.
pub(super) fn create_trigger(node: &SyntaxNode, constraint: bool) -> Act {
    let mut made = attach(
        Attachment::Trigger,
        tree::kid_word::<ast::Trigger>(node),
        statement::on(node),
        node,
    );
    if let Act::Attach { from, .. } = &mut made
        && constraint
    {
        *from = tree::kid_name::<ast::FromTable>(node);
    }
    made
}

/// CREATE RULE.
pub(super) fn create_rule(node: &SyntaxNode) -> Act {
    let table = tree::kid::<ast::RuleOn>(node)
        .and_then(|on| tree::kid_name::<ast::RelationNameRef>(on.syntax()));
    attach(
        Attachment::Rule,
        tree::kid_word::<ast::Rule>(node),
        table,
        node,
    )
}

/// CREATE POLICY.
pub(super) fn create_policy(node: &SyntaxNode) -> Act {
    attach(
        Attachment::Policy,
        tree::kid_word::<ast::Policy>(node),
        statement::on(node),
        node,
    )
}

/// The table of OWNED BY.
fn owner(node: &SyntaxNode) -> Option<TableName> {
    let column = tree::inside::<ast::OwnedByTarget>(node)
        .find(|target| !ast::OwnedByNone::can_cast(target.syntax().kind()))?;
    let mut parts = tree::parts(column.syntax());
    parts.pop()?;
    let name = parts.pop()?;
    Some(TableName {
        schema: parts.pop().filter(|schema| schema != "public"),
        name,
    })
}

/// CREATE SEQUENCE.
pub(super) fn create_sequence(node: &SyntaxNode) -> Act {
    match tree::kid_name::<ast::Sequence>(node) {
        Some(sequence) => Act::CreateSequence {
            sequence,
            owner: owner(node),
        },
        None => Act::Unknown(Unknown::Syntax),
    }
}

/// ALTER SEQUENCE.
pub(super) fn alter_sequence(node: &SyntaxNode) -> Act {
    let Some(sequence) = tree::kid_name::<ast::SequenceRef>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let renamed_to = tree::kid::<ast::SequenceRenameTo>(node)
        .and_then(|to| tree::kid_name::<ast::Sequence>(to.syntax()))
        .map(|to| table::renamed(&sequence, to))
        .or_else(|| {
            tree::kid::<ast::SetSchema>(node).map(|schema| table::moved(&sequence, &schema))
        });
    Act::AlterSequence {
        owner: owner(node),
        sequence,
        renamed_to,
    }
}

/// ALTER TYPE.
pub(super) fn alter_type(node: &SyntaxNode) -> Act {
    use ast::AlterTypeAction as A;
    let name = tree::kid_name::<ast::TypeNameRef>(node);
    let (Some(name), Some(action)) = (name, tree::kid::<A>(node)) else {
        return unread(node);
    };
    let inner = action.syntax();
    let label = |at: usize| {
        tree::kids::<ast::Literal>(inner)
            .nth(at)
            .map(|l| tree::value(l.syntax()))
            .unwrap_or_default()
    };
    let change = match action {
        A::AddValue(_) => TypeChange::AddValue {
            value: label(0),
            if_not_exists: tree::has::<ast::IfNotExists>(inner),
        },
        A::RenameValue(_) => TypeChange::RenameValue {
            from: label(0),
            to: label(1),
        },
        A::TypeRenameTo(_) => TypeChange::Rename {
            to: tree::kid_name::<ast::TypeName>(inner)
                .map_or_else(|| name.clone(), |to| table::renamed(&name, to)),
        },
        A::SetSchema(ref schema) => TypeChange::Rename {
            to: table::moved(&name, schema),
        },
        A::AlterTypeAttributeActionList(_) | A::RenameAttribute(_) => TypeChange::Attribute {
            cascade: tree::inside::<ast::Cascade>(inner).next().is_some(),
        },
        A::OwnerTo(_) | A::SetOptions(_) => TypeChange::Other,
    };
    Act::AlterType { name, change }
}

/// CREATE DOMAIN.
pub(super) fn create_domain(node: &SyntaxNode) -> Act {
    let (Some(name), Some(base)) = (
        tree::kid_name::<ast::Domain>(node),
        tree::kid::<ast::Type>(node),
    ) else {
        return Act::Unknown(Unknown::Syntax);
    };
    Act::CreateDomain {
        name,
        base: tree::text(base.syntax()),
        constrained: tree::inside::<ast::CheckConstraint>(node).next().is_some()
            || tree::inside::<ast::NotNullConstraint>(node)
                .next()
                .is_some(),
    }
}

/// ALTER DOMAIN.
pub(super) fn alter_domain(node: &SyntaxNode) -> Act {
    use ast::AlterDomainAction as A;
    let name = tree::kid_name::<ast::DomainRef>(node);
    let (Some(name), Some(action)) = (name, tree::kid::<A>(node)) else {
        return unread(node);
    };
    let inner = action.syntax();
    let change = match action {
        A::AddConstraint(_) => DomainChange::AddConstraint {
            not_valid: tree::inside::<ast::NotValid>(inner).next().is_some(),
        },
        A::ValidateConstraint(_) => DomainChange::Validate,
        A::SetNotNull(_) => DomainChange::SetNotNull,
        A::DropConstraint(_) => DomainChange::DropConstraint,
        A::DomainRenameTo(_) => DomainChange::Rename {
            to: tree::kid_name::<ast::Domain>(inner)
                .map_or_else(|| name.clone(), |to| table::renamed(&name, to)),
        },
        A::SetSchema(ref schema) => DomainChange::Rename {
            to: table::moved(&name, schema),
        },
        A::SetDefault(_)
        | A::DropDefault(_)
        | A::DropNotNull(_)
        | A::RenameConstraint(_)
        | A::OwnerTo(_) => DomainChange::Other,
    };
    Act::AlterDomain { name, change }
}

/// CREATE FUNCTION and CREATE PROCEDURE.
pub(super) fn create_function(node: &SyntaxNode) -> Act {
    let name = tree::kid_name::<ast::FunctionName>(node)
        .or_else(|| tree::kid_name::<ast::ProcedureName>(node));
    let Some(name) = name else {
        return Act::Unknown(Unknown::Syntax);
    };
    let said = tree::kid::<ast::FuncOptionList>(node)
        .and_then(|list| tree::kid::<ast::VolatilityFuncOption>(list.syntax()));
    Act::CreateFunction {
        name,
        replace: tree::has::<ast::OrReplace>(node),
        volatility: match said {
            Some(ast::VolatilityFuncOption::Immutable(_)) => Volatility::Immutable,
            Some(ast::VolatilityFuncOption::Stable(_)) => Volatility::Stable,
            Some(ast::VolatilityFuncOption::Volatile(_)) | None => Volatility::Volatile,
        },
    }
}

/// DROP FUNCTION and its like.
pub(super) fn drop_functions(node: &SyntaxNode) -> Act {
    let functions = tree::inside::<ast::FunctionNameRef>(node).map(|n| tree::qualified(n.syntax()));
    let procedures =
        tree::inside::<ast::ProcedureNameRef>(node).map(|n| tree::qualified(n.syntax()));
    let routines = tree::inside::<ast::RoutineNameRef>(node).map(|n| tree::qualified(n.syntax()));
    let aggregates = tree::kids::<ast::Aggregate>(node).map(|n| tree::qualified(n.syntax()));
    Act::DropFunctions {
        names: functions
            .chain(procedures)
            .chain(routines)
            .chain(aggregates)
            .collect(),
        cascade: tree::cascades(node),
    }
}

/// CREATE SCHEMA; what is made within it at once is not told apart.
pub(super) fn create_schema(node: &SyntaxNode) -> Act {
    if tree::has::<ast::SchemaElement>(node) {
        return unread(node);
    }
    Act::CreateSchema {
        name: tree::inside::<ast::Schema>(node)
            .next()
            .map(|s| tree::name(s.syntax())),
    }
}

/// ALTER SCHEMA.
pub(super) fn alter_schema(node: &SyntaxNode) -> Act {
    let from = tree::kid_word::<ast::SchemaRef>(node);
    let to = tree::kid::<ast::SchemaRenameTo>(node)
        .and_then(|to| tree::kid_word::<ast::Schema>(to.syntax()));
    match (from, to) {
        (Some(from), Some(to)) => Act::RenameSchema { from, to },
        (Some(_) | None, _) => other(Verb::Alter, "schema", node),
    }
}

/// CREATE, ALTER and DROP EXTENSION.
pub(super) fn extension(verb: Verb, node: &SyntaxNode) -> Act {
    let name = tree::kid_word::<ast::Extension>(node)
        .or_else(|| tree::kid_word::<ast::ExtensionRef>(node));
    Act::Extension {
        verb,
        name: name.unwrap_or_default(),
        if_not_exists: tree::has::<ast::IfNotExists>(node),
        cascade: tree::cascades(node) || tree::says(node, CASCADE_KW),
    }
}

/// Databases, tablespaces, subscriptions.
pub(super) fn cluster(verb: Verb, kind: &'static str, node: &SyntaxNode) -> Act {
    let name = tree::kid_word::<ast::Database>(node)
        .or_else(|| tree::kid_word::<ast::DatabaseRef>(node))
        .or_else(|| tree::kid_word::<ast::Tablespace>(node))
        .or_else(|| tree::kid_word::<ast::TablespaceRef>(node))
        .or_else(|| tree::kid_word::<ast::Subscription>(node))
        .or_else(|| tree::kid_word::<ast::SubscriptionRef>(node));
    Act::Cluster {
        verb,
        kind,
        name: name.unwrap_or_default(),
    }
}

/// What takes no table's lock, by the words behind the first ones.
pub(super) fn other(verb: Verb, kind: &'static str, node: &SyntaxNode) -> Act {
    let words = tree::text(node);
    let name = words
        .split_whitespace()
        .skip(1 + kind.split(' ').count())
        .find(|word| {
            !["if", "exists", "not", "or", "replace"].contains(&word.to_lowercase().as_str())
        })
        .unwrap_or_default()
        .trim_end_matches(';')
        .to_owned();
    Act::Object {
        verb,
        kind,
        name,
        cascade: tree::cascades(node),
    }
}

/// COMMENT and SECURITY LABEL.
pub(super) fn comment(node: &SyntaxNode) -> Act {
    let column = tree::kid::<ast::ObjectColumn>(node).and_then(|column| {
        let mut parts = tree::parts(column.syntax());
        parts.pop()?;
        let name = parts.pop()?;
        Some(TableName {
            schema: parts.pop().filter(|schema| schema != "public"),
            name,
        })
    });
    let table = tree::kid_name::<ast::ObjectTable>(node)
        .or_else(|| tree::kid_name::<ast::ObjectView>(node))
        .or_else(|| tree::kid_name::<ast::ObjectMaterializedView>(node))
        .or_else(|| tree::kid_name::<ast::ObjectForeignTable>(node));
    let within = || {
        let attached = tree::kid::<ast::ObjectConstraint>(node)
            .map(|n| n.syntax().clone())
            .or_else(|| tree::kid::<ast::ObjectPolicy>(node).map(|n| n.syntax().clone()))
            .or_else(|| tree::kid::<ast::ObjectRule>(node).map(|n| n.syntax().clone()))
            .or_else(|| tree::kid::<ast::ObjectTrigger>(node).map(|n| n.syntax().clone()))?;
        tree::kid_name::<ast::TableNameRef>(&attached)
            .or_else(|| tree::kid_name::<ast::RelationNameRef>(&attached))
    };
    Act::Comment {
        table: column.or(table).or_else(within),
        index: tree::kid_name::<ast::ObjectIndex>(node),
    }
}

/// CREATE, ALTER and DROP STATISTICS.
pub(super) fn statistics(verb: Verb, node: &SyntaxNode) -> Act {
    Act::Statistics {
        verb,
        name: tree::kid_name::<ast::Statistics>(node)
            .or_else(|| tree::kid_name::<ast::StatisticsRef>(node)),
        table: tree::kid_name::<ast::FromTable>(node),
    }
}

/// CREATE, ALTER and DROP PUBLICATION.
pub(super) fn publication(verb: Verb, node: &SyntaxNode) -> Act {
    Act::Publication {
        verb,
        name: tree::kid_word::<ast::Publication>(node)
            .or_else(|| tree::kid_word::<ast::PublicationRef>(node))
            .unwrap_or_default(),
        tables: tree::inside::<ast::TableNameRef>(node)
            .map(|t| tree::qualified(t.syntax()))
            .collect(),
        all: tree::inside::<ast::ForAllPublicationObjects>(node)
            .next()
            .is_some(),
    }
}
