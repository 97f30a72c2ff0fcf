//! A target's tables.

use std::sync::Arc;

use bellows::schema::{Schema, Table, TableName};
use leptos::prelude::*;

use super::Empty;
use crate::text;

/// Every table: columns, indexes, constraints.
#[component]
pub fn SchemaView(
    /// As the target's catalogue says.
    schema: Arc<Schema>,
) -> impl IntoView {
    if schema.tables.is_empty() {
        return view! { <Empty>"The database has no tables."</Empty> }.into_any();
    }
    schema
        .tables
        .iter()
        .map(|(name, table)| view! { <TableView name=name.clone() table=table.clone() /> })
        .collect_view()
        .into_any()
}

#[component]
fn TableView(name: TableName, table: Table) -> impl IntoView {
    let size = if table.bytes > 0 {
        format!(", {}", text::bytes(table.bytes))
    } else {
        String::new()
    };
    let facts = format!(
        "{}, {}{size}",
        text::plural(table.columns.len() as u64, "column"),
        text::plural(table.rows, "row"),
    );
    let columns = table
        .columns
        .iter()
        .map(|column| {
            let key = table.primary_key.contains(&column.name);
            view! {
                <tr>
                    <td data-label="Column">
                        <code>{column.name.clone()}</code>
                        {key
                            .then(|| {
                                view! {
                                    " "
                                    <span class="badge plain">"key"</span>
                                }
                            })}
                    </td>
                    <td data-label="Type"><code>{column.data_type.clone()}</code></td>
                    <td data-label="Null">{if column.nullable { "NULL" } else { "NOT NULL" }}</td>
                    <td data-label="Default">
                        {column
                            .default
                            .clone()
                            .map(|default| view! { <code class="wrap">{default}</code> })}
                    </td>
                </tr>
            }
        })
        .collect_view();
    let indexes: Vec<String> = table
        .indexes
        .iter()
        .map(|index| {
            let what = if index.definition.is_empty() {
                format!("{} ({})", index.name, index.columns.join(", "))
            } else {
                index.definition.clone()
            };
            if index.valid {
                what
            } else {
                format!("{what} (invalid)")
            }
        })
        .collect();
    let constraints: Vec<String> = table
        .constraints
        .iter()
        .map(|c| format!("{}: {}", c.name, c.definition))
        .collect();
    view! {
        <details class="table-view">
            <summary>
                <code>{name.to_string()}</code>
                <span class="muted">{facts}</span>
            </summary>
            <div class="table-box">
                <table class="list" aria-label=format!("Columns of {name}")>
                    <thead>
                        <tr>
                            <th scope="col">"Column"</th>
                            <th scope="col">"Type"</th>
                            <th scope="col">"Null"</th>
                            <th scope="col">"Default"</th>
                        </tr>
                    </thead>
                    <tbody>{columns}</tbody>
                </table>
            </div>
            <Definitions title="Indexes" lines=indexes />
            <Definitions title="Constraints" lines=constraints />
        </details>
    }
    .into_any()
}

#[component]
fn Definitions(title: &'static str, lines: Vec<String>) -> impl IntoView {
    (!lines.is_empty()).then(|| {
        view! {
            <h4>{title}</h4>
            <ul>
                {lines
                    .into_iter()
                    .map(|line| view! { <li><code class="wrap">{line}</code></li> })
                    .collect_view()}
            </ul>
        }
    })
}
