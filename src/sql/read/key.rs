//! What names alone tell of columns: where no schema is known, the key and what people look rows up
//! by.

use crate::schema::TableName;

/// As many rows as a batch may have. A range that begins at the least key holds no more than its
/// end says.
pub(super) const BATCH: u64 = 10_000;

/// Whether one value of a column stands in one row or a few: what people look rows up by. What tells
/// groups of rows apart (a status, a tenant) is not among them.
pub(super) fn tells_rows_apart(column: &str) -> bool {
    const LOOKED_UP_BY: [&str; 14] = [
        "code",
        "email",
        "handle",
        "key",
        "login",
        "name",
        "number",
        "sku",
        "slug",
        "token",
        "username",
        "version",
        "version_num",
        "domain",
    ];
    const GROUPS: [&str; 14] = [
        "account_id",
        "category_id",
        "company_id",
        "country_id",
        "group_id",
        "org_id",
        "organisation_id",
        "organization_id",
        "project_id",
        "shop_id",
        "status_id",
        "store_id",
        "tenant_id",
        "type_id",
    ];
    let column = column.to_lowercase();
    let column = column.as_str();
    let ends = ["_id", "_uuid", "_key", "_token", "_email", "_slug"];
    LOOKED_UP_BY.contains(&column)
        || (ends.iter().any(|end| column.ends_with(end)) && !GROUPS.contains(&column))
}

/// Whether a column is the key of its table.
pub(super) fn is_key(column: &str, table: Option<&TableName>) -> bool {
    let column = column.to_lowercase();
    let known = ["id", "uuid", "guid", "pk", "ctid", "rowid", "_rowid_"];
    if known.contains(&column.as_str()) {
        return true;
    }
    table.is_some_and(|table| {
        let table = table.name.to_lowercase();
        let one = table.strip_suffix('s').unwrap_or(&table);
        column == format!("{one}_id") || column == format!("{table}_id")
    })
}
