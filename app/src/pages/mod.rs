//! One file a route: a page loads and hands down.

mod audit;
mod dashboard;
mod execution;
mod executions;
mod migration;
mod migration_edit;
mod migration_new;
mod migrations;
mod not_found;
mod people;
mod rules;
mod set_up;
mod sign_in;
mod targets;

pub use audit::AuditPage;
pub use dashboard::DashboardPage;
pub use execution::ExecutionPage;
pub use executions::ExecutionsPage;
pub use migration::MigrationPage;
pub use migration_edit::MigrationEditPage;
pub use migration_new::MigrationNewPage;
pub use migrations::MigrationsPage;
pub use not_found::NotFoundPage;
pub use people::PeoplePage;
pub use rules::{RulePage, RulesPage};
pub use set_up::SetUpPage;
pub use sign_in::SignInPage;
pub use targets::TargetsPage;
