//! The small database of the tests: people in teams.

use bellows::document::Engine;
use bellows::schema::{Schema, TableName};
use serde_json::json;

/// `users` with an index, a check and a key, and `teams`.
pub fn schema(engine: Engine) -> Schema {
    let column = |name: &str, data_type: &str, nullable: bool| json!({ "name": name, "dataType": data_type, "nullable": nullable, "default": null });
    let index = |name: &str, columns: &[&str]| {
        json!({
            "name": name, "columns": columns, "unique": false, "method": "btree", "valid": true,
            "definition": format!("CREATE INDEX {name} ON users ({})", columns.join(", ")),
        })
    };
    let mut schema = Schema::empty(engine);
    let users = json!({
        "columns": [
            column("id", "bigint", false),
            column("name", "text", false),
            column("email", "text", true),
            column("team_id", "bigint", true),
            column("nickname", "text", true),
        ],
        "primaryKey": ["id"],
        "indexes": [
            index("users_email_idx", &["email"]),
            index("users_nickname_idx", &["nickname"]),
        ],
        "constraints": [{
            "name": "users_name_check", "kind": "check", "columns": ["name"],
            "definition": "CHECK (name <> '')", "validated": true,
        }],
        "rows": 5000,
        "bytes": 0,
    });
    let teams = json!({
        "columns": [column("id", "bigint", false), column("title", "text", true)],
        "primaryKey": ["id"],
        "indexes": [],
        "constraints": [],
        "rows": 12,
        "bytes": 0,
    });
    for (name, table) in [("users", users), ("teams", teams)] {
        let table = serde_json::from_value(table).expect("a table as the wire has it");
        schema.tables.insert(TableName::parse(name), table);
    }
    schema
}
