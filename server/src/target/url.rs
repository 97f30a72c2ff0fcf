//! The address of a target, as people write it; its password never leaves this file in words.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::TargetError;

/// `postgres://...`, `postgresql://...`, `mysql://...`, `mariadb://...` or `sqlite:PATH`. `Debug` and `Display` leave out user and
/// password; nothing gives the whole text back but [`TargetUrl::secret`].
#[derive(Clone)]
pub struct TargetUrl {
    text: String,
    parsed: Parsed,
}

#[derive(Clone)]
enum Parsed {
    Postgres(Box<PgConnectOptions>),
    /// With the word before the colon.
    MySql(Box<MySqlConnectOptions>, &'static str),
    Sqlite(PathBuf),
}

/// What stands before `://` for MySQL and for MariaDB. The first also reaches a MariaDB server,
/// which its applications mostly do by that word.
const MYSQL: &str = "mysql";

/// See [`MYSQL`].
const MARIADB: &str = "mariadb";

impl TargetUrl {
    /// Where the target is, without user and password: for people and records.
    pub fn address(&self) -> String {
        match &self.parsed {
            Parsed::Postgres(options) => {
                let host = match options.get_socket() {
                    Some(socket) => socket.display().to_string(),
                    None => options.get_host().to_owned(),
                };
                let database = options.get_database().unwrap_or(options.get_username());
                format!("postgres://{host}:{}/{database}", options.get_port())
            }
            Parsed::MySql(options, word) => {
                let host = match options.get_socket() {
                    Some(socket) => socket.display().to_string(),
                    None => format!("{}:{}", options.get_host(), options.get_port()),
                };
                format!("{word}://{host}/{}", options.get_database().unwrap_or(""))
            }
            Parsed::Sqlite(path) => format!("sqlite:{}", path.display()),
        }
    }

    /// The address as it was written, password and all: to be encrypted, and shown to nobody.
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// What the driver needs, where this is a PostgreSQL server.
    pub(super) fn postgres(&self) -> Option<&PgConnectOptions> {
        match &self.parsed {
            Parsed::Postgres(options) => Some(options),
            Parsed::MySql(..) | Parsed::Sqlite(_) => None,
        }
    }

    /// What the driver needs, where this is a MySQL or MariaDB server.
    pub(super) fn mysql(&self) -> Option<&MySqlConnectOptions> {
        match &self.parsed {
            Parsed::MySql(options, _) => Some(options),
            Parsed::Postgres(_) | Parsed::Sqlite(_) => None,
        }
    }

    /// Whether the address says that the server is MariaDB. One that says MySQL may lead to either.
    pub(super) fn mariadb_only(&self) -> bool {
        match &self.parsed {
            Parsed::MySql(_, word) => *word == MARIADB,
            Parsed::Postgres(_) | Parsed::Sqlite(_) => false,
        }
    }

    /// The file, where this is SQLite.
    pub fn sqlite_path(&self) -> Option<&PathBuf> {
        match &self.parsed {
            Parsed::Postgres(_) | Parsed::MySql(..) => None,
            Parsed::Sqlite(path) => Some(path),
        }
    }
}

impl FromStr for TargetUrl {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        let parsed = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // The driver's own words may quote the text, and with it the password.
            let options = PgConnectOptions::from_str(text).map_err(|_| {
                TargetError::Url(
                    "this PostgreSQL address cannot be read; it looks like \
                     postgres://user:password@host:5432/database"
                        .into(),
                )
            })?;
            Parsed::Postgres(Box::new(options))
        } else if let Some(word) = [MYSQL, MARIADB]
            .into_iter()
            .find(|word| text.starts_with(&format!("{word}://")))
        {
            let unreadable = || {
                TargetError::Url(format!(
                    "this address cannot be read; it looks like \
                     {word}://user:password@host:3306/database"
                ))
            };
            let options = MySqlConnectOptions::from_str(text).map_err(|_| unreadable())?;
            if options.get_database().is_none_or(str::is_empty) {
                return Err(unreadable());
            }
            Parsed::MySql(Box::new(options), word)
        } else if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let path = path.split('?').next().unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(TargetError::Url(
                    "sqlite: needs the path of a file: sqlite:/var/lib/app/app.db".into(),
                ));
            }
            Parsed::Sqlite(PathBuf::from(path))
        } else {
            return Err(TargetError::Url(
                "a target is postgres://user:password@host:5432/database, \
                 mysql://user:password@host:3306/database (or mariadb://) or sqlite:PATH"
                    .into(),
            ));
        };
        Ok(Self {
            text: text.to_owned(),
            parsed,
        })
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address())
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetUrl({})", self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_it_but_the_secret_shows_the_password() {
        let url: TargetUrl = "postgres://ada:s3cret@db.example:5433/shop?password=s3cret"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "postgres://db.example:5433/shop");
        assert!(!format!("{url:?}").contains("s3cret"));
        assert!(!format!("{url:?}").contains("ada"));
        assert!(url.secret().contains("s3cret"));
        let url: TargetUrl = "mariadb://ada:s3cret@db.example/shop".parse().unwrap();
        assert_eq!(url.to_string(), "mariadb://db.example:3306/shop");
        assert!(!format!("{url:?}").contains("s3cret"));
    }

    #[test]
    fn a_mysql_address_names_a_database() {
        for text in ["mysql://ada:s3cret@db.example", "mysql://ada:s3cret@:x:/"] {
            let error = text.parse::<TargetUrl>().unwrap_err().to_string();
            assert!(
                !error.contains("s3cret") && error.contains("/database"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_unreadable_address_is_not_quoted_back() {
        let error = "postgres://ada:s3cret@:x:/"
            .parse::<TargetUrl>()
            .unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
        assert!("oracle://a@b/c".parse::<TargetUrl>().is_err());
        assert!("sqlite:".parse::<TargetUrl>().is_err());
    }

    #[test]
    fn sqlite_paths_are_read_with_and_without_slashes() {
        for (text, path) in [
            ("sqlite:a/b.db", "a/b.db"),
            ("sqlite:///a/b.db", "/a/b.db"),
            ("sqlite:/a/b.db?mode=ro", "/a/b.db"),
        ] {
            let url: TargetUrl = text.parse().unwrap();
            assert_eq!(url.sqlite_path(), Some(&PathBuf::from(path)));
        }
    }
}
