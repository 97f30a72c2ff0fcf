//! Who is asking: passwords, sessions, throttling, and the [`Actor`] that every use case takes.

pub mod password;
pub mod sessions;
pub mod setup;
pub mod throttle;

use std::fmt;
use std::net::IpAddr;

use bellows::access::{self, Action};

use crate::store::people::Person;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A browser.
    Address(IpAddr),
    /// The command line on the machine itself.
    CommandLine,
    /// The server by itself: what a run reports, what it does at its start.
    Server,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Address(address) => write!(f, "{address}"),
            Origin::CommandLine => f.write_str("command line"),
            Origin::Server => f.write_str("server"),
        }
    }
}

/// Whoever asks, with the grants that they hold at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Absent for nobody.
    pub person: Option<Person>,
    /// From where.
    pub origin: Origin,
    /// The session, by the id that the store knows it by.
    pub session: Option<String>,
    /// What the audit calls an actor that is no registered person.
    name: Option<String>,
}

impl Actor {
    /// Nobody, from an address.
    pub fn nobody(origin: Origin) -> Self {
        Self {
            person: None,
            origin,
            session: None,
            name: None,
        }
    }

    /// A registered person.
    pub fn person(person: Person, origin: Origin, session: Option<String>) -> Self {
        Self {
            person: Some(person),
            origin,
            session,
            name: None,
        }
    }

    /// The server itself, which reports what its runs came to. It is permitted nothing.
    pub fn server() -> Self {
        Self {
            person: None,
            origin: Origin::Server,
            session: None,
            name: Some("bellows".to_owned()),
        }
    }

    /// Whoever sits at the command line; the operating system knows them by that name. It is
    /// permitted nothing.
    pub fn command_line(user: impl Into<String>) -> Self {
        Self {
            person: None,
            origin: Origin::CommandLine,
            session: None,
            name: Some(user.into()),
        }
    }

    /// What the audit calls them; absent for nobody.
    pub fn login(&self) -> Option<&str> {
        self.person
            .as_ref()
            .map(|person| person.login.as_str())
            .or(self.name.as_deref())
    }

    /// Whether the permission table lets them do it there.
    pub fn may(&self, action: Action, environment: Option<&str>) -> bool {
        self.person
            .as_ref()
            .is_some_and(|person| access::allowed(&person.grants, action, environment))
    }
}
