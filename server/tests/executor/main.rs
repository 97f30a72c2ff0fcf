//! The executor against real databases.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod acceptance;
mod any_names;
mod backfill;
mod changes;
mod dual_write;
mod estimates;
mod evidence;
mod examples;
mod failures;
mod faults;
mod forecast;
mod hold;
mod indexes;
mod inspect;
mod lifecycle;
mod locks;
mod mysql_attached;
mod mysql_inspect;
mod mysql_lifecycle;
mod mysql_locks;
mod mysql_patterns;
mod mysql_runs;
mod mysql_shadow;
mod mysql_shadow_changes;
mod mysql_shadow_faults;
mod mysql_shadow_patterns;
mod names;
mod operations;
mod pattern_rows;
mod patterns;
mod records;
mod saved;
mod shadow;
mod shadow_patterns;
mod sqlite_locks;
mod sqlite_rebuild;
mod sqlite_shadow;
mod throttle;
mod traps;
mod versions;
mod ways_back;
mod workers;
