//! Every kind of statement that squawk's grammar knows.

use squawk_syntax::SyntaxKind::{CONCURRENTLY_KW, CONSTRAINT_KW};
use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode, Stmt};

use super::{object, rights, rows, session, table, tree};
use crate::schema::TableName;
use crate::sql::act::{Act, Attachment, Scope, Verb};
use crate::sql::unknown::Unknown;

/// What a statement says.
pub(super) fn act(statement: &Stmt) -> Act {
    let node = statement.syntax();
    match statement {
        Stmt::CreateTable(_) | Stmt::CreateForeignTable(_) => table::create(node),
        Stmt::CreateTableAs(_) => table::create_as(node),
        Stmt::SelectInto(_) => table::select_into(node),
        Stmt::AlterTable(_) | Stmt::AlterForeignTable(_) => table::alter(node),
        Stmt::DropTable(_) | Stmt::DropForeignTable(_) => Act::DropTables {
            tables: names::<ast::TableNameRef>(node),
            if_exists: tree::has::<ast::IfExists>(node),
            cascade: tree::cascades(node),
        },
        Stmt::Truncate(_) => Act::Truncate {
            tables: tree::inside::<ast::TableNameRef>(node)
                .map(|t| tree::qualified(t.syntax()))
                .collect(),
            cascade: tree::cascades(node),
            restart_identity: tree::has::<ast::RestartIdentity>(node),
        },
        Stmt::CreateIndex(_) => table::create_index(node),
        Stmt::DropIndex(_) => Act::DropIndexes {
            indexes: names::<ast::IndexRef>(node),
            table: None,
            concurrently: tree::says(node, CONCURRENTLY_KW),
            if_exists: tree::has::<ast::IfExists>(node),
            cascade: tree::cascades(node),
            online: crate::sql::act::Online::default(),
        },
        Stmt::AlterIndex(_) => object::alter_index(node),
        Stmt::Reindex(_) => reindex(node),
        Stmt::CreateView(_) => object::create_view(node, false),
        Stmt::CreateMaterializedView(_) => object::create_view(node, true),
        Stmt::DropView(_) => drop_views(node, false),
        Stmt::DropMaterializedView(_) => drop_views(node, true),
        Stmt::AlterView(_) => object::alter_view(node, false),
        Stmt::AlterMaterializedView(_) => object::alter_view(node, true),
        Stmt::Refresh(_) => object::refresh(node),
        Stmt::CreateTrigger(_) => object::create_trigger(node, tree::says(node, CONSTRAINT_KW)),
        Stmt::CreateRule(_) => object::create_rule(node),
        Stmt::CreatePolicy(_) => object::create_policy(node),
        Stmt::DropTrigger(_) => detach(
            Attachment::Trigger,
            tree::kid_word::<ast::TriggerRef>(node),
            node,
        ),
        Stmt::DropRule(_) => detach(Attachment::Rule, tree::kid_word::<ast::RuleRef>(node), node),
        Stmt::DropPolicy(_) => detach(
            Attachment::Policy,
            tree::kid_word::<ast::PolicyRef>(node),
            node,
        ),
        Stmt::AlterTrigger(_) => altered(
            Attachment::Trigger,
            tree::kid_word::<ast::TriggerRef>(node),
            node,
            true,
        ),
        Stmt::AlterRule(_) => altered(
            Attachment::Rule,
            tree::kid_word::<ast::RuleRef>(node),
            node,
            true,
        ),
        Stmt::AlterPolicy(_) => altered(
            Attachment::Policy,
            tree::kid_word::<ast::PolicyRef>(node),
            node,
            tree::has::<ast::PolicyRenameTo>(node),
        ),
        Stmt::CreateSequence(_) => object::create_sequence(node),
        Stmt::AlterSequence(_) => object::alter_sequence(node),
        Stmt::DropSequence(_) => Act::DropSequences {
            sequences: names::<ast::SequenceRef>(node),
            cascade: tree::cascades(node),
        },
        Stmt::CreateType(_) => Act::CreateType {
            name: tree::kid_name::<ast::TypeName>(node).unwrap_or_else(|| tree::qualified(node)),
        },
        Stmt::AlterType(_) => object::alter_type(node),
        Stmt::DropType(_) => drop_types(names::<ast::TypeNameRef>(node), false, node),
        Stmt::CreateDomain(_) => object::create_domain(node),
        Stmt::AlterDomain(_) => object::alter_domain(node),
        Stmt::DropDomain(_) => drop_types(names::<ast::DomainRef>(node), true, node),
        Stmt::CreateFunction(_) | Stmt::CreateProcedure(_) => object::create_function(node),
        Stmt::DropFunction(_)
        | Stmt::DropProcedure(_)
        | Stmt::DropRoutine(_)
        | Stmt::DropAggregate(_) => object::drop_functions(node),
        Stmt::CreateSchema(_) => object::create_schema(node),
        Stmt::DropSchema(_) => Act::DropSchemas {
            names: tree::kids::<ast::SchemaRef>(node)
                .map(|s| tree::name(s.syntax()))
                .collect(),
            cascade: tree::cascades(node),
        },
        Stmt::AlterSchema(_) => object::alter_schema(node),
        Stmt::CreateExtension(_) => object::extension(Verb::Create, node),
        Stmt::AlterExtension(_) => object::extension(Verb::Alter, node),
        Stmt::DropExtension(_) => object::extension(Verb::Drop, node),
        Stmt::CreateDatabase(_) => object::cluster(Verb::Create, "database", node),
        Stmt::AlterDatabase(_) => object::cluster(Verb::Alter, "database", node),
        Stmt::DropDatabase(_) => object::cluster(Verb::Drop, "database", node),
        Stmt::CreateTablespace(_) => object::cluster(Verb::Create, "tablespace", node),
        Stmt::AlterTablespace(_) => object::cluster(Verb::Alter, "tablespace", node),
        Stmt::DropTablespace(_) => object::cluster(Verb::Drop, "tablespace", node),
        Stmt::CreateSubscription(_) => object::cluster(Verb::Create, "subscription", node),
        Stmt::AlterSubscription(_) => object::cluster(Verb::Alter, "subscription", node),
        Stmt::DropSubscription(_) => object::cluster(Verb::Drop, "subscription", node),
        Stmt::AlterSystem(_) => object::cluster(Verb::Alter, "system", node),
        Stmt::Grant(_) => Act::Grant {
            on: rights::objects(node),
            tables: rights::tables(node),
        },
        Stmt::Revoke(_) => Act::Revoke {
            on: rights::objects(node),
            tables: rights::tables(node),
        },
        Stmt::CommentOn(_) | Stmt::SecurityLabel(_) => object::comment(node),
        Stmt::CreateStatistics(_) => object::statistics(Verb::Create, node),
        Stmt::AlterStatistics(_) => object::statistics(Verb::Alter, node),
        Stmt::DropStatistics(_) => object::statistics(Verb::Drop, node),
        Stmt::CreatePublication(_) => object::publication(Verb::Create, node),
        Stmt::AlterPublication(_) => object::publication(Verb::Alter, node),
        Stmt::DropPublication(_) => object::publication(Verb::Drop, node),
        Stmt::Lock(_) => session::lock(node),
        Stmt::Vacuum(_) => Act::Vacuum {
            tables: maintained(node),
            full: table::full(node),
        },
        Stmt::Analyze(_) => Act::Analyze {
            tables: maintained(node),
        },
        Stmt::Cluster(_) => Act::ClusterTable {
            table: tree::inside::<ast::TableNameRef>(node)
                .next()
                .map(|t| tree::qualified(t.syntax())),
        },
        Stmt::Repack(_) => Act::Repack {
            table: tree::inside::<ast::TableNameRef>(node)
                .next()
                .map(|t| tree::qualified(t.syntax())),
            concurrently: tree::kid::<ast::OptionItemList>(node)
                .is_some_and(|list| tree::switched_on(list.syntax(), "CONCURRENTLY")),
        },
        Stmt::Insert(_) => rows::insert(node),
        Stmt::Update(_) => rows::update(node),
        Stmt::Delete(_) => rows::delete(node),
        Stmt::Merge(_) => rows::merge(node),
        Stmt::Copy(_) => rows::copy(node),
        Stmt::Select(_)
        | Stmt::CompoundSelect(_)
        | Stmt::ParenSelect(_)
        | Stmt::Table(_)
        | Stmt::Values(_) => rows::select(node),
        Stmt::Declare(_) => rows::select(node),
        Stmt::Explain(_) => session::explain(node),
        Stmt::Begin(_)
        | Stmt::Commit(_)
        | Stmt::Rollback(_)
        | Stmt::SavepointCreate(_)
        | Stmt::ReleaseSavepoint(_)
        | Stmt::PrepareTransaction(_)
        | Stmt::SetTransaction(_)
        | Stmt::SetConstraints(_) => session::control(statement),
        Stmt::Set(_) => session::set(node),
        Stmt::Reset(_) => session::reset(node),
        Stmt::Show(_) => Act::Session { word: "show" },
        Stmt::Listen(_) => Act::Session { word: "listen" },
        Stmt::Unlisten(_) => Act::Session { word: "unlisten" },
        Stmt::Notify(_) => Act::Session { word: "notify" },
        Stmt::Discard(_) => Act::Session { word: "discard" },
        Stmt::Deallocate(_) => Act::Session { word: "deallocate" },
        Stmt::Close(_) => Act::Session { word: "close" },
        Stmt::Fetch(_) => Act::Session { word: "fetch" },
        Stmt::Move(_) => Act::Session { word: "move" },
        Stmt::Checkpoint(_) => Act::Session { word: "checkpoint" },
        Stmt::SetRole(_) | Stmt::ResetRole(_) => Act::Session { word: "role" },
        Stmt::SetSessionAuth(_) | Stmt::ResetSessionAuth(_) => Act::Session {
            word: "authorization",
        },
        Stmt::Prepare(_) => Act::Session { word: "prepare" },
        Stmt::EmptyStmt(_) => Act::Session { word: "" },
        Stmt::Do(_) => Act::Unknown(Unknown::Block),
        Stmt::Execute(_) => Act::Unknown(Unknown::DynamicSql),
        Stmt::Call(_) => Act::Unknown(Unknown::Procedure {
            name: tree::kid::<ast::ProcedureNameRef>(node)
                .map(|name| tree::text(name.syntax()))
                .unwrap_or_default(),
        }),
        // A library's code, or the tables of another server, as it has them at that moment.
        Stmt::Load(_) | Stmt::ImportForeignSchema(_) => Act::Unknown(Unknown::Statement {
            words: tree::opening(node),
        }),
        // Everything that somebody owns, whatever it is.
        Stmt::DropOwned(_) => Act::Unknown(Unknown::Statement {
            words: tree::opening(node),
        }),
        Stmt::Reassign(_) => object::other(Verb::Alter, "owner", node),
        Stmt::AlterAggregate(_) => object::other(Verb::Alter, "aggregate", node),
        Stmt::AlterCollation(_) => object::other(Verb::Alter, "collation", node),
        Stmt::AlterConversion(_) => object::other(Verb::Alter, "conversion", node),
        Stmt::AlterDefaultPrivileges(_) => object::other(Verb::Alter, "default privileges", node),
        Stmt::AlterEventTrigger(_) => object::other(Verb::Alter, "event trigger", node),
        Stmt::AlterForeignDataWrapper(_) => {
            object::other(Verb::Alter, "foreign data wrapper", node)
        }
        Stmt::AlterFunction(_) => object::other(Verb::Alter, "function", node),
        Stmt::AlterProcedure(_) => object::other(Verb::Alter, "procedure", node),
        Stmt::AlterRoutine(_) => object::other(Verb::Alter, "routine", node),
        Stmt::AlterGroup(_) => object::other(Verb::Alter, "group", node),
        Stmt::AlterLanguage(_) => object::other(Verb::Alter, "language", node),
        Stmt::AlterLargeObject(_) => object::other(Verb::Alter, "large object", node),
        Stmt::AlterOperator(_) => object::other(Verb::Alter, "operator", node),
        Stmt::AlterOperatorClass(_) => object::other(Verb::Alter, "operator class", node),
        Stmt::AlterOperatorFamily(_) => object::other(Verb::Alter, "operator family", node),
        Stmt::AlterPropertyGraph(_) => object::other(Verb::Alter, "property graph", node),
        Stmt::AlterRole(_) => object::other(Verb::Alter, "role", node),
        Stmt::AlterUser(_) => object::other(Verb::Alter, "user", node),
        Stmt::AlterServer(_) => object::other(Verb::Alter, "server", node),
        Stmt::AlterUserMapping(_) => object::other(Verb::Alter, "user mapping", node),
        Stmt::AlterTextSearchConfiguration(_)
        | Stmt::AlterTextSearchDictionary(_)
        | Stmt::AlterTextSearchParser(_)
        | Stmt::AlterTextSearchTemplate(_) => object::other(Verb::Alter, "text search", node),
        Stmt::CreateAccessMethod(_) => object::other(Verb::Create, "access method", node),
        Stmt::CreateAggregate(_) => object::other(Verb::Create, "aggregate", node),
        Stmt::CreateCast(_) => object::other(Verb::Create, "cast", node),
        Stmt::CreateCollation(_) => object::other(Verb::Create, "collation", node),
        Stmt::CreateConversion(_) => object::other(Verb::Create, "conversion", node),
        Stmt::CreateEventTrigger(_) => object::other(Verb::Create, "event trigger", node),
        Stmt::CreateForeignDataWrapper(_) => {
            object::other(Verb::Create, "foreign data wrapper", node)
        }
        Stmt::CreateGroup(_) => object::other(Verb::Create, "group", node),
        Stmt::CreateLanguage(_) => object::other(Verb::Create, "language", node),
        Stmt::CreateOperator(_) => object::other(Verb::Create, "operator", node),
        Stmt::CreateOperatorClass(_) => object::other(Verb::Create, "operator class", node),
        Stmt::CreateOperatorFamily(_) => object::other(Verb::Create, "operator family", node),
        Stmt::CreatePropertyGraph(_) => object::other(Verb::Create, "property graph", node),
        Stmt::CreateRole(_) => object::other(Verb::Create, "role", node),
        Stmt::CreateUser(_) => object::other(Verb::Create, "user", node),
        Stmt::CreateServer(_) => object::other(Verb::Create, "server", node),
        Stmt::CreateUserMapping(_) => object::other(Verb::Create, "user mapping", node),
        Stmt::CreateTextSearchConfiguration(_)
        | Stmt::CreateTextSearchDictionary(_)
        | Stmt::CreateTextSearchParser(_)
        | Stmt::CreateTextSearchTemplate(_) => object::other(Verb::Create, "text search", node),
        Stmt::CreateTransform(_) => object::other(Verb::Create, "transform", node),
        Stmt::DropAccessMethod(_) => object::other(Verb::Drop, "access method", node),
        Stmt::DropCast(_) => object::other(Verb::Drop, "cast", node),
        Stmt::DropCollation(_) => object::other(Verb::Drop, "collation", node),
        Stmt::DropConversion(_) => object::other(Verb::Drop, "conversion", node),
        Stmt::DropEventTrigger(_) => object::other(Verb::Drop, "event trigger", node),
        Stmt::DropForeignDataWrapper(_) => object::other(Verb::Drop, "foreign data wrapper", node),
        Stmt::DropGroup(_) => object::other(Verb::Drop, "group", node),
        Stmt::DropLanguage(_) => object::other(Verb::Drop, "language", node),
        Stmt::DropOperator(_) => object::other(Verb::Drop, "operator", node),
        Stmt::DropOperatorClass(_) => object::other(Verb::Drop, "operator class", node),
        Stmt::DropOperatorFamily(_) => object::other(Verb::Drop, "operator family", node),
        Stmt::DropPropertyGraph(_) => object::other(Verb::Drop, "property graph", node),
        Stmt::DropRole(_) => object::other(Verb::Drop, "role", node),
        Stmt::DropUser(_) => object::other(Verb::Drop, "user", node),
        Stmt::DropServer(_) => object::other(Verb::Drop, "server", node),
        Stmt::DropUserMapping(_) => object::other(Verb::Drop, "user mapping", node),
        Stmt::DropTextSearchConfig(_)
        | Stmt::DropTextSearchDict(_)
        | Stmt::DropTextSearchParser(_)
        | Stmt::DropTextSearchTemplate(_) => object::other(Verb::Drop, "text search", node),
        Stmt::DropTransform(_) => object::other(Verb::Drop, "transform", node),
    }
}

fn names<N: AstNode>(node: &SyntaxNode) -> Vec<TableName> {
    tree::kids::<N>(node)
        .map(|n| tree::qualified(n.syntax()))
        .collect()
}

fn maintained(node: &SyntaxNode) -> Vec<TableName> {
    tree::inside::<ast::TableRelationName>(node)
        .map(|t| tree::qualified(t.syntax()))
        .collect()
}

fn drop_views(node: &SyntaxNode, materialized: bool) -> Act {
    Act::DropViews {
        views: names::<ast::ViewRef>(node),
        materialized,
        if_exists: tree::has::<ast::IfExists>(node),
        cascade: tree::cascades(node),
    }
}

fn drop_types(types: Vec<TableName>, domain: bool, node: &SyntaxNode) -> Act {
    Act::DropTypes {
        types,
        domain,
        cascade: tree::cascades(node),
    }
}

/// The table behind ON.
pub(super) fn on(node: &SyntaxNode) -> Option<TableName> {
    tree::kid_name::<ast::OnRelation>(node).or_else(|| tree::kid_name::<ast::OnTable>(node))
}

fn detach(what: Attachment, name: Option<String>, node: &SyntaxNode) -> Act {
    Act::Detach {
        what,
        name: name.unwrap_or_default(),
        table: on(node),
        if_exists: tree::has::<ast::IfExists>(node),
    }
}

fn altered(what: Attachment, name: Option<String>, node: &SyntaxNode, renames: bool) -> Act {
    match on(node) {
        Some(table) => Act::AlterAttachment {
            what,
            name: name.unwrap_or_default(),
            table,
            renames,
        },
        None => Act::Unknown(Unknown::Syntax),
    }
}

fn reindex(node: &SyntaxNode) -> Act {
    let Some(target) = tree::kid::<ast::ReindexTarget>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let inner = target.syntax();
    let scope = match target {
        ast::ReindexTarget::ReindexTargetIndex(_) => {
            tree::kid_name::<ast::IndexRef>(inner).map(Scope::Index)
        }
        ast::ReindexTarget::ReindexTargetTable(_) => {
            tree::kid_name::<ast::TableNameRef>(inner).map(Scope::Table)
        }
        ast::ReindexTarget::ReindexTargetSchema(_) => {
            tree::kid_word::<ast::SchemaRef>(inner).map(Scope::Schema)
        }
        ast::ReindexTarget::ReindexTargetDatabase(_)
        | ast::ReindexTarget::ReindexTargetSystem(_) => Some(Scope::Database),
    };
    let Some(scope) = scope else {
        return Act::Unknown(Unknown::Syntax);
    };
    let option = tree::kid::<ast::ReindexOptionList>(node)
        .is_some_and(|list| tree::switched_on(list.syntax(), "CONCURRENTLY"));
    Act::Reindex {
        scope,
        concurrently: option || tree::says(inner, CONCURRENTLY_KW),
    }
}
