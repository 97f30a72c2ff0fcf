//! Whether the account may make triggers on MySQL or MariaDB, as the server says of its grants:
//! before a migration needs one, not when the first is refused.

use bellows::document::Engine;
use sqlx::{Executor, MySqlConnection, Row as _};

use super::inspect_mysql::{int, text};

/// Privileges for all databases that let an account make triggers beside a binary log.
const TRUSTED: &[&str] = &[
    "ALL PRIVILEGES",
    "SUPER",
    // MySQL's, up to 8.1 and since.
    "SET_USER_ID",
    "SET_ANY_DEFINER",
];

/// Why it may not, and what it lacks; `None` where it may, or where that cannot be told.
pub(super) async fn trigger_problem(
    conn: &mut MySqlConnection,
    engine: Engine,
) -> Result<Option<String>, sqlx::Error> {
    let row = conn
        .fetch_one(
            "SELECT @@log_bin AND NOT @@log_bin_trust_function_creators, database(), current_user()",
        )
        .await?;
    let (logs, database, account) = (int(&row, 0)? != 0, text(&row, 1)?, text(&row, 2)?);
    let mut grants = Vec::new();
    for row in conn.fetch_all("SHOW GRANTS").await? {
        grants.push(row.try_get_unchecked::<String, _>(0)?);
    }
    Ok(judge(engine, &grants, &database, logs)
        .map(|problem| format!("{account} cannot make triggers here: {problem}")))
}

/// What the grants lack. Where one of them is of a role whose own are not listed, nobody can tell.
fn judge(engine: Engine, grants: &[String], database: &str, logs: bool) -> Option<String> {
    let read: Vec<(Vec<&str>, &str)> = grants.iter().filter_map(|g| split(g)).collect();
    let roles = grants.iter().any(|g| split(g).is_none());
    let has = |of: &dyn Fn(&str) -> bool, wanted: &[&str]| {
        read.iter()
            .any(|(privileges, on)| of(on) && privileges.iter().any(|p| wanted.contains(p)))
    };
    let everywhere = |on: &str| on == "*.*";
    let here = |on: &str| everywhere(on) || is_of(on, database);
    if !has(&here, &["ALL PRIVILEGES", "TRIGGER"]) && !roles {
        return Some(format!(
            "it lacks the privilege TRIGGER on {database} (GRANT TRIGGER ON `{}`.* TO it)",
            database.replace('`', "``")
        ));
    }
    if logs && !has(&everywhere, TRUSTED) && !(roles && engine == Engine::MySql) {
        return Some(
            "the server writes a binary log and does not trust those who make triggers (error 1419); give the account SUPER, or set log_bin_trust_function_creators = 1, which is safe where the log has rows (binlog_format ROW or MIXED)"
                .to_owned(),
        );
    }
    None
}

/// `GRANT SELECT (a, b), TRIGGER ON `shop`.* TO ...`: the privileges and what they are on.
fn split(grant: &str) -> Option<(Vec<&str>, &str)> {
    let rest = grant.strip_prefix("GRANT ")?;
    let (privileges, rest) = rest.split_once(" ON ")?;
    let end = rest.find(" TO ")?;
    let list = privileges.split(", ").map(str::trim).collect();
    Some((list, &rest[..end]))
}

/// Whether a grant on `shop`.* or `shop`.`t` is one of that database, whose name may be a pattern.
fn is_of(on: &str, database: &str) -> bool {
    let Some(rest) = on.strip_prefix('`') else {
        return false;
    };
    let Some((name, _)) = rest.split_once("`.") else {
        return false;
    };
    like(
        &name.replace("``", "`").chars().collect::<Vec<_>>(),
        &database.chars().collect::<Vec<_>>(),
    )
}

/// LIKE, as grants have it: `_`, `%`, and a backslash before either.
fn like(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['%', rest @ ..] => (0..=name.len()).any(|at| like(rest, &name[at..])),
        ['\\', literal, rest @ ..] => name.first() == Some(literal) && like(rest, &name[1..]),
        ['_', rest @ ..] => !name.is_empty() && like(rest, &name[1..]),
        [literal, rest @ ..] => {
            name.first()
                .is_some_and(|c| c.eq_ignore_ascii_case(literal))
                && like(rest, &name[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(engine: Engine, grants: &[&str], logs: bool) -> String {
        let grants: Vec<String> = grants.iter().map(|g| (*g).to_owned()).collect();
        judge(engine, &grants, "my_shop", logs).unwrap_or_default()
    }

    #[test]
    fn what_is_lacking_is_named() {
        let maria = Engine::MariaDb;
        let all = "GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION";
        assert_eq!(problem(maria, &[all], true), "");
        let usage = "GRANT USAGE ON *.* TO `a`@`%`";
        let own = "GRANT ALL PRIVILEGES ON `my\\_shop`.* TO `a`@`%`";
        assert_eq!(problem(maria, &[usage, own], false), "");
        assert!(problem(maria, &[usage, own], true).contains("1419"));
        let log_admin = "GRANT BINLOG ADMIN ON *.* TO `a`@`%`";
        assert!(problem(maria, &[log_admin, own], true).contains("1419"));
        let superior = "GRANT SELECT, SUPER ON *.* TO `a`@`%`";
        assert_eq!(problem(maria, &[superior, own], true), "");
        let few = "GRANT SELECT (`a`, `b`), INSERT ON `my_shop`.* TO `a`@`%`";
        assert!(problem(maria, &[usage, few], false).contains("TRIGGER on my_shop"));
        let other = "GRANT ALL PRIVILEGES ON `myashop2`.* TO `a`@`%`";
        assert!(problem(maria, &[usage, other], false).contains("TRIGGER on my_shop"));
        let pattern = "GRANT TRIGGER ON `my%`.* TO `a`@`%`";
        assert_eq!(problem(maria, &[usage, few, pattern], false), "");
        let table = "GRANT TRIGGER ON `my_shop`.`users` TO `a`@`%`";
        assert_eq!(problem(maria, &[usage, table], false), "");
    }

    #[test]
    fn a_role_s_own_grants_may_not_be_listed() {
        let role = "GRANT `migrator`@`%` TO `a`@`%`";
        let usage = "GRANT USAGE ON *.* TO `a`@`%`";
        assert_eq!(problem(Engine::MySql, &[usage, role], true), "");
        // MariaDB lists those of the role that is on.
        let trigger = "GRANT TRIGGER ON `my_shop`.* TO `migrator`";
        assert!(
            problem(
                Engine::MariaDb,
                &["GRANT `migrator` TO `a`@`%`", usage, trigger],
                true
            )
            .contains("1419")
        );
    }
}
