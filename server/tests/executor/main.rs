//! The executor against real databases.

#[path = "../support/mod.rs"]
mod support;

mod backfill;
mod changes;
mod dual_write;
mod examples;
mod failures;
mod faults;
mod indexes;
mod inspect;
mod lifecycle;
mod locks;
mod mariadb_inspect;
mod mariadb_lifecycle;
mod mariadb_locks;
mod mariadb_runs;
mod names;
mod operations;
mod pattern_rows;
mod patterns;
mod shadow;
mod shadow_patterns;
mod sqlite_locks;
mod sqlite_rebuild;
mod sqlite_shadow;
mod traps;
