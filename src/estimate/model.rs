//! The first guess: milliseconds of a kind of work on a table, before anything was measured.
//!
//! The numbers are from PostgreSQL 15, MariaDB 10.11 and SQLite 3.4x on two cores and a slow disk,
//! with tables of 1,000 to 2,000,000 rows. A target's own speed takes their place as soon as it has
//! been measured; that they hold the right mixture of rows, bytes and indexes matters longer.

use super::{Kind, Shape};
use crate::document::Engine;

/// What a kind of work costs.
struct Cost {
    /// Milliseconds, however small the table.
    start: f64,
    /// Nanoseconds a row.
    row: f64,
    /// Milliseconds a megabyte.
    megabyte: f64,
    /// Nanoseconds a row and index.
    index: f64,
}

const fn cost(start: f64, row: f64, megabyte: f64, index: f64) -> Cost {
    Cost {
        start,
        row,
        megabyte,
        index,
    }
}

fn of(engine: Engine, kind: Kind) -> Cost {
    match engine {
        Engine::PostgreSql => match kind {
            Kind::Brief => cost(2.0, 0.0, 0.0, 0.0),
            Kind::Scan => cost(3.0, 100.0, 0.5, 0.0),
            Kind::LookUp => cost(6.0, 400.0, 0.5, 0.0),
            Kind::Index => cost(15.0, 600.0, 1.0, 0.0),
            Kind::Rewrite => cost(15.0, 800.0, 6.0, 500.0),
            Kind::Fill => cost(30.0, 8_000.0, 10.0, 2_000.0),
            Kind::Copy => cost(30.0, 8_000.0, 10.0, 2_000.0),
            Kind::Compare => cost(30.0, 3_000.0, 2.0, 0.0),
        },
        Engine::MySql | Engine::MariaDb => match kind {
            Kind::Brief => cost(15.0, 0.0, 0.0, 0.0),
            Kind::Scan => cost(10.0, 200.0, 1.0, 0.0),
            Kind::LookUp => cost(15.0, 800.0, 1.0, 0.0),
            Kind::Index => cost(30.0, 800.0, 1.0, 0.0),
            Kind::Rewrite => cost(40.0, 1_500.0, 10.0, 800.0),
            Kind::Fill => cost(50.0, 10_000.0, 10.0, 2_000.0),
            Kind::Copy => cost(50.0, 10_000.0, 10.0, 2_000.0),
            Kind::Compare => cost(50.0, 4_000.0, 2.0, 0.0),
        },
        Engine::Sqlite => match kind {
            Kind::Brief => cost(1.0, 0.0, 0.0, 0.0),
            Kind::Scan => cost(2.0, 100.0, 0.5, 0.0),
            Kind::LookUp => cost(2.0, 400.0, 0.5, 0.0),
            Kind::Index => cost(4.0, 800.0, 1.0, 0.0),
            Kind::Rewrite => cost(5.0, 600.0, 3.0, 0.0),
            Kind::Fill => cost(20.0, 3_000.0, 5.0, 1_000.0),
            Kind::Copy => cost(20.0, 3_000.0, 5.0, 1_000.0),
            Kind::Compare => cost(20.0, 2_000.0, 2.0, 0.0),
        },
    }
}

/// Milliseconds; never 0.
pub(super) fn guess(engine: Engine, kind: Kind, shape: Shape) -> f64 {
    let cost = of(engine, kind);
    let rows = shape.rows as f64;
    cost.start
        + rows * cost.row / 1e6
        + shape.bytes as f64 / 1e6 * cost.megabyte
        + rows * f64::from(shape.indexes) * cost.index / 1e6
}
