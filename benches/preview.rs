//! How long the preview of a ten-phase document takes: reading it and planning it, as the page does
//! at every keystroke. `cargo bench --bench preview` prints the times; nothing is asserted.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bellows::document::{Engine, parse};
use bellows::plan::{plan, plan_with};
use bellows::schema::{Column, Schema, Table, TableName};

const DOCUMENT: &str = include_str!("ten_phases.yaml");

/// How often each is done.
const TIMES: usize = 200;

fn median(what: &str, work: impl Fn()) {
    let mut times: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "{what}: median {:.2} ms, worst of {TIMES} {:.2} ms",
        times[TIMES / 2].as_secs_f64() * 1e3,
        times[TIMES - 1].as_secs_f64() * 1e3
    );
}

/// A live schema with the table that the document is about, among a hundred others.
fn schema() -> Schema {
    let column = |name: &str, data_type: &str| Column {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nullable: true,
        ..Column::default()
    };
    let customers = Table {
        columns: vec![
            column("id", "bigint"),
            column("first_name", "character varying(255)"),
            column("country", "text"),
            column("orders_count", "integer"),
        ],
        primary_key: vec!["id".to_owned()],
        rows: 200_000,
        bytes: 30_000_000,
        ..Table::default()
    };
    let mut schema = Schema::empty(Engine::PostgreSql);
    for number in 0..100 {
        let name = TableName::parse(&format!("other_{number}"));
        schema.tables.insert(name, customers.clone());
    }
    schema
        .tables
        .insert(TableName::parse("customers"), customers);
    schema
}

fn main() {
    let document = parse(DOCUMENT).expect("the document can be read");
    let schema = schema();
    let planned = plan(&document, Some(&schema)).expect("the document can be planned");
    println!(
        "{} phases, {} statements",
        planned.phases.len(),
        planned
            .phases
            .iter()
            .flat_map(|phase| &phase.steps)
            .map(|step| step.action.statements().len())
            .sum::<usize>()
    );
    median("reading", || {
        black_box(parse(black_box(DOCUMENT))).ok();
    });
    median("planning without a target", || {
        black_box(plan(black_box(&document), None)).ok();
    });
    median("planning with a target", || {
        black_box(plan_with(black_box(&document), Some(&schema), None)).ok();
    });
}
