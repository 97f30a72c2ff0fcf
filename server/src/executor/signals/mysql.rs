//! The signals of MySQL and MariaDB.

use std::time::Instant;

use bellows::document::Engine;
use bellows::run::Signal;

use super::super::brake::{Look, Looks};
use super::{Signals, count, sessions};
use crate::target::{Fault, Row, TargetError, fault};

/// Threads at work, and bytes written to the log since the server started.
const STATUS: &str = "SHOW GLOBAL STATUS
    WHERE Variable_name IN ('Threads_running', 'Innodb_os_log_written')";

impl Signals {
    pub(super) async fn read_mysql(&mut self) -> Result<Looks, TargetError> {
        let mut looks = Looks::new();
        let own = self.monitor.own();
        let rows = self.monitor.ask(STATUS, &[]).await?;
        for row in &rows {
            let value: u64 = row
                .text(1)?
                .and_then(|text| text.parse().ok())
                .unwrap_or_default();
            match row.text(0)?.as_deref() {
                Some("Threads_running") => {
                    // The one that asks is at work, too.
                    let ours = u64::try_from(own.len()).unwrap_or(u64::MAX);
                    let active = value.saturating_sub(ours.saturating_add(1));
                    looks.insert(
                        Signal::ActiveSessions,
                        Look::Shows(active, format!("{} at work", sessions(active))),
                    );
                }
                Some(_) | None => {
                    self.remember(Instant::now(), value);
                    looks.insert(Signal::WalRate, self.rate());
                }
            }
        }
        if self.wants(Signal::LockWaits) {
            let mut ids: Vec<String> = own.iter().map(i32::to_string).collect();
            ids.push("0".to_owned());
            let sql = format!(
                "SELECT (SELECT count(*) FROM information_schema.innodb_trx
                          WHERE trx_state = 'LOCK WAIT' AND trx_mysql_thread_id NOT IN ({0}))
                      + (SELECT count(*) FROM information_schema.processlist
                          WHERE state LIKE 'Waiting for table%lock' AND id NOT IN ({0}))",
                ids.join(", ")
            );
            let look = match self.asked(&sql).await? {
                Ok(rows) => {
                    let waits = rows.first().map_or(Ok(0), |row| count(row, 0))?;
                    Look::Shows(waits, format!("{} wait for locks", sessions(waits)))
                }
                Err(why) => Look::Hidden(format!("lock waits cannot be seen: {why}")),
            };
            looks.insert(Signal::LockWaits, look);
        }
        if self.wants(Signal::ReplicaLag) || self.wants(Signal::Replicas) {
            self.registered(&mut looks).await?;
        }
        Ok(looks)
    }

    /// A primary knows which replicas are registered with it, not how far they are.
    async fn registered(&mut self, looks: &mut Looks) -> Result<(), TargetError> {
        let sql = match self.target.engine() {
            Engine::MariaDb => "SHOW REPLICA HOSTS",
            Engine::MySql | Engine::PostgreSql | Engine::Sqlite => {
                if self.target.version().await? >= 80_022 {
                    "SHOW REPLICAS"
                } else {
                    "SHOW SLAVE HOSTS"
                }
            }
        };
        let (lag, replicas) = match self.asked(sql).await? {
            Ok(rows) if rows.is_empty() => (
                Look::Shows(0, "no replica is connected".into()),
                Look::Shows(0, "no replica is connected".into()),
            ),
            Ok(rows) => {
                let number = u64::try_from(rows.len()).unwrap_or(u64::MAX);
                (
                    Look::Hidden(format!(
                        "{number} replicas are connected, and a primary does not say how far they \
                         are behind"
                    )),
                    Look::Shows(number, format!("{number} replicas are connected")),
                )
            }
            Err(why) => {
                let hidden = Look::Hidden(format!("replicas cannot be seen: {why}"));
                (hidden.clone(), hidden)
            }
        };
        looks.insert(Signal::ReplicaLag, lag);
        looks.insert(Signal::Replicas, replicas);
        Ok(())
    }

    /// What not everybody may ask; where it is refused, in the server's words.
    async fn asked(&self, sql: &str) -> Result<Result<Vec<Row>, String>, TargetError> {
        match self.monitor.ask(sql, &[]).await {
            Ok(rows) => Ok(Ok(rows)),
            Err(TargetError::Query(error)) if fault(&error) == Fault::Statement => {
                Ok(Err(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }
}
