//! What a change costs: the mildest way in which the server does it.

use super::{MOMENT, commits, lock_of, work};
use crate::document::Engine;
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::act::Online;
use crate::sql::breakage::Breakage;
pub(super) use crate::sql::effect::Algorithm as Method;
use crate::sql::effect::{Blocks, Effect, Lasts, Work, WorkKind};
use crate::sql::object::{ObjectLock, Role};
use crate::sql::state::State;
use crate::sql::unknown::{Assumption, Failure, Unknown};

impl Method {
    /// NOCOPY is a word of MariaDB's.
    fn as_done_by(self, mariadb: bool) -> Self {
        if self == Method::NoCopy && !mariadb {
            Method::InPlace
        } else {
            self
        }
    }
}

/// LOCK: what goes on meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Keeps {
    /// Reads and writes.
    Nobody,
    /// Reads.
    Writers,
    /// Nothing.
    Everybody,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    pub method: Method,
    pub keeps: Keeps,
    /// What is done to the rows, and which change asks for it.
    pub work: Vec<(WorkKind, Option<usize>)>,
    pub breaks: Vec<Breakage>,
    pub assumed: Vec<Assumption>,
    pub fails: Vec<Failure>,
    pub others: Vec<ObjectLock>,
    pub unknown: Option<Unknown>,
    /// ALGORITHM does not keep the server from it: another storage engine.
    pub unpinned: bool,
    /// An instant change of what a row holds: nothing else stays instant or in place beside it.
    pub reshapes: bool,
    /// Whether the statement finds nothing to do.
    pub nothing: bool,
}

impl Cost {
    pub(super) fn new(method: Method) -> Self {
        Self {
            method,
            keeps: if method == Method::Copy {
                Keeps::Writers
            } else {
                Keeps::Nobody
            },
            work: Vec::new(),
            breaks: Vec::new(),
            assumed: Vec::new(),
            fails: Vec::new(),
            others: Vec::new(),
            unknown: None,
            unpinned: false,
            reshapes: false,
            nothing: false,
        }
    }

    /// In the catalogue, for a moment.
    pub(super) fn instant() -> Self {
        Self::new(Method::Instant)
    }

    /// In the catalogue, which MySQL calls INPLACE where it is the engine's part of it.
    pub(super) fn catalogue(mariadb: bool) -> Self {
        Self::new(if mariadb {
            Method::Instant
        } else {
            Method::InPlace
        })
    }

    /// In the catalogue, where a row's shape changes.
    pub(super) fn reshaping() -> Self {
        Self {
            reshapes: true,
            ..Self::instant()
        }
    }

    /// An index is built, writers go on.
    pub(super) fn index() -> Self {
        Self {
            work: vec![(WorkKind::BuildIndex, None)],
            ..Self::new(Method::NoCopy)
        }
    }

    /// The table is written anew in place, writers go on.
    pub(super) fn rebuild() -> Self {
        Self {
            work: vec![(WorkKind::Rewrite, None)],
            ..Self::new(Method::InPlace)
        }
    }

    /// The table is copied, writers wait.
    pub(super) fn copy() -> Self {
        Self {
            work: vec![(WorkKind::Rewrite, None)],
            ..Self::new(Method::Copy)
        }
    }

    /// Says which change asks for its work.
    pub(super) fn at(mut self, change: usize) -> Self {
        for (_, asks) in &mut self.work {
            *asks = Some(change);
        }
        self
    }

    pub(super) fn keeping(mut self, keeps: Keeps) -> Self {
        self.keeps = self.keeps.max(keeps);
        self
    }

    pub(super) fn breaking(mut self, breakage: Breakage) -> Self {
        self.breaks.push(breakage);
        self
    }

    pub(super) fn assuming(mut self, assumption: Assumption) -> Self {
        self.assumed.push(assumption);
        self
    }

    pub(super) fn failing(mut self, failure: Failure) -> Self {
        self.fails.push(failure);
        self
    }

    /// Both in one statement.
    pub(super) fn and(mut self, other: Self) -> Self {
        if self.nothing {
            return other;
        }
        if other.nothing {
            return self;
        }
        // Seen on MariaDB, and so in MySQL's manual: what is instant alone is done by a rebuild
        // beside what is not.
        let instant = self.method == Method::Instant && other.method == Method::Instant;
        let rebuilds = (self.reshapes || other.reshapes)
            && !instant
            && [&self, &other]
                .iter()
                .any(|c| c.work.iter().any(|(kind, _)| *kind == WorkKind::BuildIndex));
        self.method = self.method.max(other.method);
        self.keeps = self.keeps.max(other.keeps);
        self.work.extend(other.work);
        self.breaks.extend(other.breaks);
        self.assumed.extend(other.assumed);
        self.fails.extend(other.fails);
        self.others.extend(other.others);
        self.unknown = self.unknown.or(other.unknown);
        self.unpinned |= other.unpinned;
        self.reshapes |= other.reshapes;
        if rebuilds {
            self.method = self.method.max(Method::InPlace);
            self.work.push((WorkKind::Rewrite, None));
        }
        self
    }

    /// As the statement asks for it. What the server refuses it does not do.
    pub(super) fn pinned(mut self, online: &Online, mariadb: bool) -> Self {
        let instant = online.algorithm.as_deref() == Some("INSTANT");
        let nocopy = online.algorithm.as_deref() == Some("NOCOPY");
        if !mariadb && (nocopy || (instant && online.lock.is_some())) {
            let what = match &online.lock {
                Some(lock) => format!("ALGORITHM=INSTANT with LOCK={lock}"),
                None => "ALGORITHM=NOCOPY".to_owned(),
            };
            return self.failing(Failure::NotSupported { what });
        }
        let method = match online.algorithm.as_deref() {
            Some("INSTANT") => Some(Method::Instant),
            Some("NOCOPY") => Some(Method::NoCopy),
            Some("INPLACE") => Some(Method::InPlace),
            Some("COPY") => Some(Method::Copy),
            Some(_) | None => None,
        };
        let keeps = match online.lock.as_deref() {
            Some("NONE") => Some(Keeps::Nobody),
            Some("SHARED") => Some(Keeps::Writers),
            Some("EXCLUSIVE") => Some(Keeps::Everybody),
            Some(_) | None => None,
        };
        if let Some(method) = method
            && !self.unpinned
        {
            if method == Method::Copy {
                self.keeps = self.keeps.max(Keeps::Writers);
                self.method = Method::Copy;
                self.work.push((WorkKind::Rewrite, None));
            } else if method < self.method.as_done_by(mariadb) {
                self = self.refused("ALGORITHM", online.algorithm.as_deref());
            }
        }
        if let Some(keeps) = keeps {
            if keeps < self.keeps && !self.work.is_empty() {
                self = self.refused("LOCK", online.lock.as_deref());
            } else {
                self.keeps = keeps;
            }
        }
        self
    }

    /// The server says no, or does it in the mild way after all where the worst was assumed.
    fn refused(mut self, what: &str, value: Option<&str>) -> Self {
        if self.assumed.is_empty() {
            self.fails.push(Failure::NotSupported {
                what: format!("{what}={}", value.unwrap_or_default()),
            });
        }
        self.work.retain(|(kind, _)| {
            // INPLACE may still build an index or the table, with writers at work.
            value == Some("INPLACE") || (value == Some("NOCOPY") && *kind == WorkKind::BuildIndex)
        });
        self.keeps = Keeps::Nobody;
        self.method = Method::Instant;
        self.others.clear();
        self
    }

    /// What all of it does to the table and its traffic.
    pub(super) fn effect(mut self, table: &TableName, state: &State<'_>) -> Effect {
        if let Some(why) = self.unknown {
            return Effect {
                table: Some(table.clone()),
                breaks: self.breaks,
                ..Effect::unknown(why)
            };
        }
        if self.nothing {
            return commits(Effect {
                table: Some(table.clone()),
                algorithm: Some(Method::Instant),
                ..Effect::default()
            });
        }
        self.work
            .sort_unstable_by_key(|(kind, change)| (*kind as u8, *change));
        self.work.dedup();
        let made = state.made_here(table);
        let grows = !self.work.is_empty();
        let lock = match self.keeps {
            _ if !grows => Lock::MetadataExclusive,
            Keeps::Nobody => Lock::MetadataUpgradable,
            Keeps::Writers => Lock::MetadataNoWrite,
            Keeps::Everybody => Lock::MetadataExclusive,
        };
        let mut locks = vec![lock_of(table, Role::Itself, lock, state)];
        let others = self.others.iter().any(|l| !l.made_here);
        let blocks = match self.keeps {
            _ if made && !others => Blocks::default(),
            // At its beginning and its end it has the table for itself.
            Keeps::Nobody => MOMENT,
            _ if !grows => MOMENT,
            Keeps::Writers => Blocks {
                reads: false,
                writes: true,
                lasts: Lasts::Grows,
            },
            Keeps::Everybody => Blocks {
                lasts: Lasts::Grows,
                ..MOMENT
            },
        };
        locks.extend(self.others);
        if made {
            self.breaks.clear();
            self.assumed.clear();
        }
        commits(Effect {
            table: Some(table.clone()),
            locks,
            work: self
                .work
                .iter()
                .map(|(kind, change)| Work {
                    change: *change,
                    ..work(*kind, table, state)
                })
                .collect(),
            blocks: if made && grows {
                Blocks {
                    lasts: Lasts::Moment,
                    ..blocks
                }
            } else {
                blocks
            },
            lasts: if grows && !made {
                Lasts::Grows
            } else {
                Lasts::Moment
            },
            algorithm: Some(self.method.as_done_by(state.engine == Engine::MariaDb)),
            breaks: self.breaks,
            assumed: self.assumed,
            fails: self.fails,
            ..Effect::default()
        })
    }
}
