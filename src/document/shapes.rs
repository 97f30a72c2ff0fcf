//! The shapes of what is not an operation: the migration, its phases, gates and checks.

use super::{Field, FieldKind, Part, Shape};

/// What stands under `migration:`.
pub const MIGRATION: Shape = Shape {
    word: "migration",
    title: "Migration",
    help: "A name, an engine, and phases that are approved and run one after the other.",
    fields: &[
        Field::required(
            "name",
            "Name",
            FieldKind::Text,
            "a-z, 0-9 and hyphens; unique in a workspace.",
        ),
        Field::required(
            "database",
            "Engine",
            FieldKind::Choice(&["postgresql", "mysql", "mariadb", "sqlite"]),
            "The engine that the document is written for.",
        ),
        Field::optional(
            "description",
            "Description",
            FieldKind::Text,
            "What the migration is for.",
        )
        .or("\"\""),
        Field::optional("author", "Author", FieldKind::Text, "Who wrote it."),
        Field::optional("tags", "Tags", FieldKind::Words, "Free labels.").or("[]"),
        Field::optional(
            "waivers",
            "Waivers",
            FieldKind::Part(Part::Waivers),
            "Findings about the document as a whole that are accepted, each with a reason.",
        ),
        Field::required(
            "phases",
            "Phases",
            FieldKind::Part(Part::Phases),
            "What is done, in order.",
        ),
    ],
};

/// One phase.
pub const PHASE: Shape = Shape {
    word: "phase",
    title: "Phase",
    help: "Started, approved and rolled back as a whole.",
    fields: &[
        Field::required(
            "phase",
            "Number",
            FieldKind::Number,
            "1, 2, 3, ... in order.",
        ),
        Field::optional(
            "kind",
            "Kind",
            FieldKind::Choice(&["expand", "migrate", "contract"]),
            "What it does to the schema as applications see it; inferred where absent.",
        ),
        Field::optional(
            "description",
            "Description",
            FieldKind::Text,
            "What the phase does.",
        )
        .or("\"\""),
        Field::optional(
            "timeout",
            "Timeout",
            FieldKind::Number,
            "Milliseconds that a statement which blocks others may take, from its first try for \
             the lock to its end.",
        ),
        Field::optional(
            "gate",
            "Gate",
            FieldKind::Part(Part::Gate),
            "What must be true before the phase starts.",
        ),
        Field::optional(
            "operations",
            "Operations",
            FieldKind::Part(Part::Operations),
            "What it does, in order; without any, the phase is a gate or only checks.",
        )
        .or("[]"),
        Field::optional(
            "validation",
            "Validation",
            FieldKind::Part(Part::Checks),
            "What must hold once the operations are done.",
        )
        .or("[]"),
        Field::optional(
            "rollbackOperations",
            "Rollback",
            FieldKind::Part(Part::Operations),
            "What takes the phase back; derived from its operations where absent.",
        ),
        Field::optional(
            "waivers",
            "Waivers",
            FieldKind::Part(Part::Waivers),
            "Findings about the phase that are accepted, each with a reason.",
        ),
    ],
};

/// One finding that is accepted.
pub const WAIVER: Shape = Shape {
    word: "waiver",
    title: "Waiver",
    help: "A finding that is accepted as it is. It is approved together with the phase.",
    fields: &[
        Field::required(
            "rule",
            "Rule",
            FieldKind::Choice(crate::lint::RULE_IDS),
            "The rule's id, as the finding names it.",
        ),
        Field::optional(
            "operation",
            "Operation",
            FieldKind::Number,
            "Index of the operation in its phase, from 0; absent: every finding of the rule there.",
        ),
        Field::required(
            "reason",
            "Reason",
            FieldKind::Text,
            "Why it is safe here: approvers and auditors read it.",
        ),
    ],
};

/// The gate of a phase.
pub const GATE: Shape = Shape {
    word: "gate",
    title: "Gate",
    help: "What must be true before the phase starts.",
    fields: &[
        Field::optional(
            "deploy",
            "Deploy",
            FieldKind::Text,
            "What must be deployed; a person confirms it, with a version.",
        ),
        Field::optional(
            "soak",
            "Soak",
            FieldKind::Duration,
            "Time since the previous phase completed: 30s, 15m, 12h, 7d.",
        ),
    ],
};

const TABLE: Field = Field::required("table", "Table", FieldKind::Table, "The table.");
const COLUMN: Field = Field::required("column", "Column", FieldKind::Column, "The column.");
const ERROR_MESSAGE: Field = Field::optional(
    "errorMessage",
    "Message",
    FieldKind::Text,
    "What a person reads when it fails, beside the value found.",
);

const COLUMN_EXISTS: Shape = Shape {
    word: "column_exists",
    title: "The column is there",
    help: "Passes when the catalogue has the column.",
    fields: &[TABLE, COLUMN, ERROR_MESSAGE],
};

const COLUMN_NOT_EXISTS: Shape = Shape {
    word: "column_not_exists",
    title: "The column is gone",
    help: "Passes when the catalogue does not have the column.",
    fields: &[TABLE, COLUMN, ERROR_MESSAGE],
};

const INDEX_EXISTS: Shape = Shape {
    word: "index_exists",
    title: "The index is there",
    help: "Passes when the index is there and valid, under its own name or its constraint's.",
    fields: &[
        TABLE,
        Field::optional(
            "indexName",
            "Index",
            FieldKind::Index,
            "The index; without it and columns, every index that the phase makes.",
        ),
        Field::optional(
            "columns",
            "Columns",
            FieldKind::Columns,
            "The index's columns, in place of its name.",
        ),
        ERROR_MESSAGE,
    ],
};

const BACKFILL_COMPLETE: Shape = Shape {
    word: "backfill_complete",
    title: "The column is filled",
    help: "Passes when no row has NULL in the column.",
    fields: &[TABLE, COLUMN, ERROR_MESSAGE],
};

const COLUMNS_MATCH: Shape = Shape {
    word: "columns_match",
    title: "Two columns agree",
    help: "Passes when old and new agree on every row under the conversion; NULL equals NULL.",
    fields: &[
        TABLE,
        Field::optional(
            "oldColumn",
            "Old column",
            FieldKind::Column,
            "The old column; absent where forward is a map.",
        ),
        Field::optional(
            "newColumn",
            "New column",
            FieldKind::Column,
            "The new column; absent where forward is a map.",
        ),
        Field::optional(
            "forward",
            "Conversion",
            FieldKind::Conversion,
            "The new value as an expression over the old column, the same value where absent; or a map of new column to expression.",
        ),
        ERROR_MESSAGE,
    ],
};

const CONSTRAINT_VALID: Shape = Shape {
    word: "constraint_valid",
    title: "The constraint is valid",
    help: "Passes when the constraint is there and every row was checked against it.",
    fields: &[
        TABLE,
        Field::required(
            "constraintName",
            "Constraint",
            FieldKind::Text,
            "The constraint's name.",
        ),
        ERROR_MESSAGE,
    ],
};

const ROW_COUNT_MATCH: Shape = Shape {
    word: "row_count_match",
    title: "Two tables have as many rows",
    help: "Passes when both tables have the same number of rows, seen in one snapshot.",
    fields: &[
        TABLE,
        Field::required(
            "otherTable",
            "Other table",
            FieldKind::Table,
            "The table to compare with.",
        ),
        ERROR_MESSAGE,
    ],
};

const CUSTOM: Shape = Shape {
    word: "custom",
    title: "A query of your own",
    help: "Passes when the one value that the query returns is true, or the number 0.",
    fields: &[
        Field::required(
            "sql",
            "SQL",
            FieldKind::Sql,
            "A query of one value: a boolean must be true, a number must be 0.",
        ),
        Field::optional(
            "expect",
            "Expect",
            FieldKind::Choice(&["true", "zero"]),
            "How the value is judged, where its type leaves it open.",
        ),
        Field::optional(
            "list",
            "List",
            FieldKind::Sql,
            "A query for what is wrong; its first rows are shown beside the value when the check fails.",
        ),
        ERROR_MESSAGE,
    ],
};

/// The shapes of all checks, in the order that menus show them.
pub fn checks() -> &'static [&'static Shape] {
    &[
        &COLUMN_EXISTS,
        &COLUMN_NOT_EXISTS,
        &INDEX_EXISTS,
        &BACKFILL_COMPLETE,
        &COLUMNS_MATCH,
        &CONSTRAINT_VALID,
        &ROW_COUNT_MATCH,
        &CUSTOM,
    ]
}
