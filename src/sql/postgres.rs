//! What PostgreSQL does: the locks of its statements, as they were seen on 15 and as the manual has
//! them for other versions.

use super::act::Act;
use super::effect::{Effect, TransactionRule};
use super::state::State;
use super::unknown::Unknown;

/// What a statement does in that world.
pub(super) fn effect(act: &Act, _state: &State<'_>) -> Effect {
    if let Act::Transaction(_) = act {
        return Effect {
            transaction: TransactionRule::Controls,
            ..Effect::default()
        };
    }
    if let Act::Unknown(why) = act {
        return Effect::unknown(why.clone());
    }
    Effect::unknown(Unknown::Statement {
        words: String::new(),
    })
}
