//! `bellows serve --demo`: sample databases, people and migrations to try everything with.

mod account;
mod binaries;
mod cluster;
mod content;
mod error;
mod sample;
mod secrets;
mod sqlite;

use std::path::{Path, PathBuf};

pub use cluster::Cluster;
pub use error::DemoError;
pub use secrets::DemoPerson;

use crate::state::AppState;

/// The file of the data directory with the sample cluster's address and password.
const POSTGRES_URL: &str = "demo-postgres.url";

/// The sample databases.
pub struct Samples {
    /// The file of the SQLite one.
    pub sqlite: PathBuf,
    /// The PostgreSQL one, or why there is none.
    pub postgres: Result<Cluster, DemoError>,
}

impl Samples {
    /// Makes the sample databases of `data_dir`, as far as they are not there, and starts
    /// PostgreSQL where it is installed. That it is not is no error: SQLite is always there.
    pub async fn prepare(data_dir: &Path) -> Result<Samples, DemoError> {
        let sqlite = sqlite::prepare(data_dir).await?;
        let postgres = Cluster::start(data_dir).await;
        if let Ok(cluster) = &postgres {
            // For people who want to write to the sample with a client of their own.
            secrets::write_private(&data_dir.join(POSTGRES_URL), &cluster.url())?;
        }
        Ok(Samples { sqlite, postgres })
    }

    /// Stops what was started.
    pub async fn stop(self) -> Result<(), DemoError> {
        match self.postgres {
            Ok(cluster) => cluster.stop().await,
            Err(_) => Ok(()),
        }
    }
}

/// The demonstration: everything that there is to try, ready.
pub struct Demo {
    samples: Samples,
    people: Vec<DemoPerson>,
    data_dir: PathBuf,
}

impl Demo {
    /// Makes what is not there yet: databases, people, targets, migrations.
    pub async fn prepare(state: &AppState, data_dir: &Path) -> Result<Demo, DemoError> {
        content::check(state, data_dir).await?;
        let samples = Samples::prepare(data_dir).await?;
        match content::prepare(state, data_dir, &samples).await {
            Ok(people) => Ok(Demo {
                samples,
                people,
                data_dir: data_dir.to_owned(),
            }),
            Err(error) => {
                // A server that does not start leaves no cluster running.
                samples.stop().await?;
                Err(error)
            }
        }
    }

    /// What is told to whoever started the server.
    pub fn announcement(&self) -> String {
        let mut lines = vec!["Demonstration. Sign in as one of:".to_owned()];
        let of = |f: fn(&DemoPerson) -> &str| self.people.iter().map(f).map(str::len).max();
        let (login, name) = (of(|p| &p.login).unwrap_or(0), of(|p| &p.name).unwrap_or(0));
        lines.extend(self.people.iter().map(|person| {
            format!(
                "  {:login$}  {:name$}  password {}",
                person.login, person.name, person.password
            )
        }));
        lines.push("Sample databases:".to_owned());
        lines.push(format!("  sqlite:{}", self.samples.sqlite.display()));
        lines.push(match &self.samples.postgres {
            Ok(cluster) => format!(
                "  {} (with its password in {})",
                cluster.address(),
                self.data_dir.join(POSTGRES_URL).display()
            ),
            Err(error) => format!("  no PostgreSQL one: {error}"),
        });
        lines.join("\n")
    }

    /// Stops the sample PostgreSQL, if it was started.
    pub async fn stop(self) -> Result<(), DemoError> {
        self.samples.stop().await
    }
}
