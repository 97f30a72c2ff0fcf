//! SQL that people wrote: what each statement of a text does, to which tables, and what all of them
//! do together.
//!
//! What is found out is plain data, and so are the rules by which locks follow from what a statement
//! says: an operation's own statements are judged by the same ones as a file's. The parsers of what
//! people write are behind the feature `sql`: the page leaves them off and asks the server. What
//! operations send has so few forms that it is read without them.

pub mod act;
pub mod breakage;
mod build;
pub mod effect;
mod hazard;
mod mysql;
pub mod object;
mod postgres;
pub mod script;
pub mod simulate;
mod sqlite;
pub mod state;
pub mod unknown;

pub use act::Act;
pub use breakage::Breakage;
pub use effect::{Algorithm, Blocks, Effect, Lasts, TransactionRule, Work, WorkKind};
pub use object::{Object, ObjectLock, Role};
pub use script::{Context, Reading, Script, Span, SyntaxError};
pub use unknown::{Assumption, Failure, Unknown};

mod read;
#[cfg(feature = "sql")]
pub use read::script;
pub(crate) use read::{new_labels, own, raw};

use crate::document::Engine;

/// What a statement does in that world.
pub fn effect_of(act: &Act, state: &state::State<'_>) -> Effect {
    let mut effect = match state.engine {
        Engine::PostgreSql => postgres::effect(act, state),
        Engine::MySql | Engine::MariaDb => mysql::effect(act, state),
        Engine::Sqlite => sqlite::effect(act, state),
    };
    // Nobody relies yet on a column that the text has just added.
    effect.breaks.retain(|breakage| {
        if let Breakage::DefaultChanged { table, column }
        | Breakage::TypeChanged { table, column }
        | Breakage::GenerationChanged { table, column } = breakage
        {
            !state.added_here(table, column)
        } else {
            true
        }
    });
    match effect.unknown.clone() {
        // Whatever else is known of it: nobody knows who waits for it, and how long.
        Some(why) => Effect {
            table: effect.table,
            locks: effect.locks,
            work: effect.work,
            transaction: effect.transaction,
            rows: effect.rows,
            creates: effect.creates,
            breaks: effect.breaks,
            assumed: effect.assumed,
            fails: effect.fails,
            ..Effect::unknown(why)
        },
        None => effect,
    }
}
