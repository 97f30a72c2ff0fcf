//! What an error of a target means for a run: try again, reconnect, stop, or fail.

use sqlx::mysql::MySqlDatabaseError;

/// The kinds of error that a run treats differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A lock was not had, or a deadlock was resolved against us: nothing was done, try again.
    Lock,
    /// The connection is gone, or cannot be had now: what was done must be read from the target.
    Lost,
    /// The target's disk is full.
    Disk,
    /// The statement was cancelled: by a person, or by its own timeout.
    Cancelled,
    /// The statement is wrong, or the data does not let it through.
    Statement,
}

/// Which kind the error is.
pub fn fault(error: &sqlx::Error) -> Fault {
    if let sqlx::Error::Database(database) = error {
        if let Some(mysql) = database.try_downcast_ref::<MySqlDatabaseError>() {
            return mysql_fault(mysql.number(), mysql.message());
        }
        let code = database.code().unwrap_or_default();
        // SQLite's codes are numbers whose low byte is the kind; PostgreSQL's have five places.
        return match code.parse::<u32>() {
            Ok(number) if code.len() < 5 => sqlite_fault(number),
            Ok(_) | Err(_) => postgres_fault(&code),
        };
    }
    let lost = matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
    );
    if lost { Fault::Lost } else { Fault::Statement }
}

fn sqlite_fault(code: u32) -> Fault {
    match code & 0xff {
        5 | 6 => Fault::Lock,
        9 => Fault::Cancelled,
        13 => Fault::Disk,
        _ => Fault::Statement,
    }
}

fn mysql_fault(number: u16, message: &str) -> Fault {
    match number {
        // Lock wait timeout; deadlock; NOWAIT; a row changed since it was read.
        1205 | 1213 | 3572 | 1020 => Fault::Lock,
        // KILL QUERY; MySQL's and MariaDB's statement timeouts.
        1317 | 3024 | 1969 => Fault::Cancelled,
        1021 | 1114 => Fault::Disk,
        _ if message.contains("No space left on device") || message.contains("rror 28 ") => {
            Fault::Disk
        }
        // Too many connections; shut down; the network; gone away; killed; idle for too long.
        1040 | 1203 | 1053 | 1152 | 1158..=1161 | 1927 | 2006 | 2013 | 4031 => Fault::Lost,
        _ => Fault::Statement,
    }
}

fn postgres_fault(code: &str) -> Fault {
    match code {
        "55P03" | "40P01" | "40001" => Fault::Lock,
        "57014" => Fault::Cancelled,
        "53100" => Fault::Disk,
        // Shut down, crashed, starting up; too many connections; idle for too long.
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25P03" => Fault::Lost,
        code if code.starts_with("08") => Fault::Lost,
        _ => Fault::Statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_all_engines_are_told_apart() {
        assert_eq!(mysql_fault(1205, ""), Fault::Lock);
        assert_eq!(mysql_fault(1213, ""), Fault::Lock);
        assert_eq!(mysql_fault(1969, ""), Fault::Cancelled);
        assert_eq!(mysql_fault(3024, ""), Fault::Cancelled);
        assert_eq!(mysql_fault(2013, ""), Fault::Lost);
        assert_eq!(
            mysql_fault(
                1030,
                "Got error 28 \"No space left on device\" from storage engine"
            ),
            Fault::Disk
        );
        assert_eq!(mysql_fault(1062, "Duplicate entry"), Fault::Statement);
        assert_eq!(postgres_fault("55P03"), Fault::Lock);
        assert_eq!(postgres_fault("40001"), Fault::Lock);
        assert_eq!(postgres_fault("57P01"), Fault::Lost);
        assert_eq!(postgres_fault("08006"), Fault::Lost);
        assert_eq!(postgres_fault("23505"), Fault::Statement);
        assert_eq!(sqlite_fault(5), Fault::Lock);
        assert_eq!(sqlite_fault(517), Fault::Lock);
        assert_eq!(sqlite_fault(2067), Fault::Statement);
        assert_eq!(
            fault(&sqlx::Error::Io(std::io::Error::other("reset"))),
            Fault::Lost
        );
    }
}
