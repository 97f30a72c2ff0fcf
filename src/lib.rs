//! Bellows' core: the document, the planner and the linter, without I/O, clock or randomness.
//!
//! The modules stand in the order of the flow: a [`document`] changes a [`schema`] by
//! [`operation`]s, often written by a [`pattern`]; a [`dialect`] compiles them to a [`plan`],
//! which the [`lint`] judges; [`access`] says who may do what with it, and [`run`] is the state
//! machine of its execution. Code writes documents with the [`builder`]; what people write as SQL
//! is read by [`sql`]; [`estimate`] says how long a plan takes, and [`left`] what is left of those
//! that nobody went on with.

pub mod access;
pub mod builder;
pub mod dialect;
pub mod document;
pub mod estimate;
pub mod left;
pub mod lint;
pub mod operation;
pub mod pattern;
pub mod plan;
pub mod run;
pub mod schema;
pub mod sql;
