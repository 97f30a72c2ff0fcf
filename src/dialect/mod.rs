//! What the engines differ in: quoting, reading SQL, types, locks, and how a catalogue is asked.

pub mod catalogue;
pub mod classify;
pub mod column_definition;
pub mod constraint;
pub mod create_table;
pub mod expression;
pub mod lexer;
pub mod quote;
pub mod reads;
pub mod renamed;
pub mod reword;
pub mod split;
pub mod statement;
pub mod trigger;
pub mod types;
