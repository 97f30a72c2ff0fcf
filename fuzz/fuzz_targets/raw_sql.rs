//! Any text, read as the SQL of every engine: an answer, and never "safe" for what was not read.
//! `scripts/fuzz 600`, or `cargo fuzz run -s none raw_sql` where cargo-fuzz is at hand.

#![no_main]

use bellows::document::Engine;
use bellows::sql::{Context, script};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for engine in Engine::ALL {
        let read = script(engine, text, &Context::default());
        for statement in &read.statements {
            assert!(text.get(statement.span.start..statement.span.end).is_some());
            if statement.effect.unknown.is_some() {
                assert!(statement.effect.blocks.lastingly());
            }
        }
    }
});
