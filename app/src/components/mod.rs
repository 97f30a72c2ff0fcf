//! What pages are made of: components show what they are handed.

mod backups;
pub mod builder;
mod dialog;
mod evidence;
pub mod execution;
mod failure;
mod field;
mod grants_input;
mod layout;
mod left;
mod lists;
mod live_schema;
mod loaded;
pub mod migration;
mod pattern_form;
pub mod plan;
mod policy_form;
mod saved;
mod schema_view;
mod small;
mod sql;
mod states;

pub use backups::Backups;
pub use evidence::{EvidencePanel, Found, evidence};
pub use failure::{ActionFailure, Failure};
pub use grants_input::GrantsInput;
pub use layout::{Layout, leave};
pub use left::LeftBehind;
pub use lists::{ExecutionTable, MigrationTable};
pub use live_schema::{LiveSchema, LiveSchemaNote, live_schema};
pub use loaded::Loaded;
pub use pattern_form::PatternForm;
pub use policy_form::PolicyForm;
pub use saved::SavedCopies;
pub use schema_view::SchemaView;
pub use small::{Empty, Hash, PageHead, Time, every};
pub use sql::Sql;
pub use states::{
    DecisionBadge, EngineBadge, ExecutionBadge, PhaseBadge, ReviewBadge, SeverityBadge,
};
