//! Puts an effect together: locks, work and breakages, one after the other.

use std::collections::BTreeSet;

use super::breakage::Breakage;
use super::effect::{Blocks, Effect, Lasts, TransactionRule, Work, WorkKind};
use super::object::{Object, ObjectLock, Role};
use super::state::State;
use super::unknown::{Assumption, Failure, Unknown};
use crate::plan::Lock;
use crate::schema::TableName;

/// An effect that is being put together.
pub(super) struct Build<'a, 's> {
    /// The world that the statement finds.
    pub state: &'a State<'s>,
    effect: Effect,
    /// The change of an ALTER TABLE that is being looked at.
    pub change: Option<usize>,
    /// What is locked and is nobody's concern: a table that becomes a partition.
    aside: BTreeSet<Object>,
}

impl<'a, 's> Build<'a, 's> {
    /// A statement about that table, or about none.
    pub fn new(state: &'a State<'s>, table: Option<&TableName>) -> Self {
        Self {
            state,
            effect: Effect {
                table: table.cloned(),
                ..Effect::default()
            },
            change: None,
            aside: BTreeSet::new(),
        }
    }

    /// Whether the same text made it.
    fn made_here(&self, object: &Object) -> bool {
        match object {
            Object::Table(name) | Object::View(name) => self.state.made_here(name),
            Object::Index(name) | Object::TableOfIndex(name) => self
                .state
                .table_of_index(name)
                .is_some_and(|table| self.state.made_here(&table)),
            Object::IndexesOf(name)
            | Object::ReferencedBy(name)
            | Object::Referencing(name)
            | Object::PartitionsOf(name)
            | Object::DefaultPartitionOf(name)
            | Object::ParentOf(name)
            | Object::DependentsOf(name)
            | Object::TableOf(name) => self.state.made_here(name),
            Object::Sequence(name) | Object::CompositeType(name) => self.state.made_type(name),
            Object::UsersOf(name) => self.state.made_type(name),
            Object::Database | Object::Every(_) => false,
        }
    }

    /// Locks an object; what is locked twice is locked as strictly as either says.
    pub fn lock(&mut self, object: Object, role: Role, lock: Lock) {
        if let Some(known) = self.effect.locks.iter_mut().find(|l| l.object == object) {
            known.lock = known.lock.max(lock);
            known.role = known.role.min(role);
            return;
        }
        self.effect.locks.push(ObjectLock {
            made_here: self.made_here(&object),
            object,
            role,
            lock,
        });
    }

    /// Locks a table, or the view of that name.
    pub fn relation(&mut self, name: &TableName, role: Role, lock: Lock) {
        let object = if self.state.view(name).is_some() {
            Object::View(name.clone())
        } else {
            Object::Table(name.clone())
        };
        self.lock(object, role, lock);
    }

    /// Locks what a query reads.
    pub fn reads(&mut self, tables: &[TableName]) {
        for table in tables {
            self.relation(table, Role::Read, Lock::AccessShare);
        }
    }

    /// Locks a table and, but for ONLY, its partitions and heirs.
    pub fn family(&mut self, table: &TableName, only: bool, lock: Lock) {
        self.lock(Object::Table(table.clone()), Role::Itself, lock);
        if !only {
            self.heirs(table, lock);
        }
    }

    /// Locks the partitions and heirs of a table.
    pub fn heirs(&mut self, table: &TableName, lock: Lock) {
        for (heir, role) in self.heirs_of(table) {
            self.lock(Object::Table(heir), role, lock);
        }
    }

    /// Locks the partitions of a table, and leaves those that only inherit from it.
    pub fn heirs_if_parted(&mut self, table: &TableName, lock: Lock) {
        if self.state.table(table).is_some_and(|t| t.partitioned) {
            self.heirs(table, lock);
        }
    }

    /// The partitions and heirs of a table, and theirs.
    pub fn heirs_of(&self, table: &TableName) -> Vec<(TableName, Role)> {
        let mut out: Vec<(TableName, Role)> = Vec::new();
        let mut rest = vec![table.clone()];
        while let Some(next) = rest.pop() {
            let Some(known) = self.state.table(&next) else {
                continue;
            };
            let role = if known.partitioned {
                Role::Partition
            } else {
                Role::Child
            };
            for heir in &known.heirs {
                if !out.iter().any(|(name, _)| name == heir) && heir != table {
                    out.push((heir.clone(), role));
                    rest.push(heir.clone());
                }
            }
        }
        out.sort();
        out
    }

    /// Leaves an object's lock out of who has to wait.
    pub fn aside(&mut self, object: Object) {
        self.aside.insert(object);
    }

    /// Work on an object.
    pub fn work(&mut self, kind: WorkKind, object: Object) {
        let work = Work {
            kind,
            made_here: self.made_here(&object),
            object,
            change: self.change,
        };
        if !self.effect.work.contains(&work) {
            self.effect.work.push(work);
        }
    }

    /// Work on a table, or on its partitions where it has them: the parent holds no rows.
    pub fn work_on(&mut self, kind: WorkKind, table: &TableName) {
        let partitioned = self.state.table(table).is_some_and(|t| t.partitioned);
        let heirs = self.heirs_of(table);
        if !partitioned || heirs.is_empty() {
            self.work(kind, Object::Table(table.clone()));
        }
        for (heir, _) in heirs {
            if self.state.table(&heir).is_none_or(|t| !t.partitioned) {
                self.work(kind, Object::Table(heir));
            }
        }
    }

    /// Something that running applications notice, unless nobody uses that table yet.
    pub fn breaks(&mut self, table: &TableName, breakage: Breakage) {
        if !self.state.made_here(table) {
            self.breaks_anyhow(breakage);
        }
    }

    /// The same for what hangs on no table.
    pub fn breaks_anyhow(&mut self, breakage: Breakage) {
        if !self.effect.breaks.contains(&breakage) {
            self.effect.breaks.push(breakage);
        }
    }

    /// Something that nobody said.
    pub fn assume(&mut self, assumption: Assumption) {
        if !self.effect.assumed.contains(&assumption) {
            self.effect.assumed.push(assumption);
        }
    }

    /// A reason why the server will refuse it.
    pub fn fails(&mut self, failure: Failure) {
        if !self.effect.fails.contains(&failure) {
            self.effect.fails.push(failure);
        }
    }

    /// Refuses what needs a newer server.
    pub fn needs(&mut self, version: u32, what: &str) {
        if self.state.version < version {
            self.fails(Failure::Version {
                what: what.to_owned(),
                needs: version,
            });
        }
    }

    /// What about it cannot be known.
    pub fn unknown(&mut self, why: Unknown) {
        self.effect.unknown.get_or_insert(why);
    }

    /// It changes the catalogue.
    pub fn ddl(&mut self) {
        self.effect.changes_schema = true;
    }

    /// Its place in transactions.
    pub fn transaction(&mut self, rule: TransactionRule) {
        self.effect.transaction = rule;
    }

    /// The rest of the effect.
    pub fn edit(&mut self) -> &mut Effect {
        &mut self.effect
    }

    /// The effect: who waits, and how long.
    pub fn finish(self) -> Effect {
        let Build {
            mut effect, aside, ..
        } = self;
        if let Some(why) = effect.unknown.take() {
            return Effect {
                locks: effect.locks,
                work: effect.work,
                table: effect.table,
                transaction: effect.transaction,
                fails: effect.fails,
                breaks: effect.breaks,
                ..Effect::unknown(why)
            };
        }
        let waited_for = || {
            effect.locks.iter().filter(|l| {
                !l.made_here
                    && !aside.contains(&l.object)
                    && !matches!(l.object, Object::CompositeType(_))
            })
        };
        let reads = waited_for().any(|l| l.lock.blocks_reads());
        let writes = waited_for().any(|l| l.lock.blocks_writes());
        effect.lasts = if effect.work.iter().any(|w| !w.made_here) {
            Lasts::Grows
        } else {
            Lasts::Moment
        };
        effect.blocks = Blocks {
            reads,
            writes,
            lasts: if reads || writes {
                effect.lasts
            } else {
                Lasts::Moment
            },
        };
        effect
    }
}
