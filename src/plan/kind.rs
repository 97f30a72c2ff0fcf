//! What a phase does, where its author did not say.

use crate::document::{Phase, PhaseKind};

impl Phase {
    /// As written; else contract where an operation takes away or tightens, migrate where one
    /// moves data, expand otherwise.
    pub fn effective_kind(&self) -> PhaseKind {
        self.kind.unwrap_or_else(|| {
            let kinds: Vec<PhaseKind> = self.operations.iter().map(|o| o.phase_kind()).collect();
            if kinds.contains(&PhaseKind::Contract) {
                PhaseKind::Contract
            } else if kinds.contains(&PhaseKind::Migrate) {
                PhaseKind::Migrate
            } else {
                PhaseKind::Expand
            }
        })
    }
}

impl PhaseKind {
    /// The word of the document.
    pub fn word(self) -> &'static str {
        match self {
            PhaseKind::Expand => "expand",
            PhaseKind::Migrate => "migrate",
            PhaseKind::Contract => "contract",
        }
    }
}
