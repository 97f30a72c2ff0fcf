//! MySQL's and MariaDB's statements that several operations share.

use crate::schema::{Refusal, World};

/// The stopgap of an operation that has no form for these engines yet.
pub(super) fn not_yet<T>(world: &World) -> Result<T, Refusal> {
    Err(Refusal::new(
        "type",
        format!(
            "this operation has no form for {} yet; use custom_sql",
            world.engine.title()
        ),
    ))
}
