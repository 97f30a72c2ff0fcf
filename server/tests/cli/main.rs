//! The binary `bellows` at the command line, as people and CI call it.

mod apply;
mod backup;
mod documents;
mod history;
mod interrupt;
mod left;
mod new_document;
mod serve;
mod support;
mod verify;
