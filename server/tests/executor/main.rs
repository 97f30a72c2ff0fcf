//! The executor against real databases.

#[path = "../support/mod.rs"]
mod support;

mod any_names;
mod backfill;
mod changes;
mod dual_write;
mod estimates;
mod examples;
mod failures;
mod faults;
mod forecast;
mod indexes;
mod inspect;
mod lifecycle;
mod locks;
mod mariadb_attached;
mod mariadb_inspect;
mod mariadb_lifecycle;
mod mariadb_locks;
mod mariadb_patterns;
mod mariadb_runs;
mod mariadb_shadow;
mod mariadb_shadow_changes;
mod mariadb_shadow_faults;
mod mariadb_shadow_patterns;
mod names;
mod operations;
mod pattern_rows;
mod patterns;
mod records;
mod shadow;
mod shadow_patterns;
mod sqlite_locks;
mod sqlite_rebuild;
mod sqlite_shadow;
mod throttle;
mod traps;
mod ways_back;
mod workers;
