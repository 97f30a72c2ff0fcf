//! What the statements of a plan do, run in mind one after the other: those of operations by what
//! operations send, those that people wrote by the parsers, where these are at hand.

mod back;
mod net;

pub use back::Back;

use super::{Action, Known, Lock, PhasePlan, Statement, Step, Wait};
use crate::dialect::split::{self, Piece};
use crate::document::{Engine, Migration};
use crate::estimate::Kind;
use crate::operation::Operation;
use crate::schema::Schema;
use crate::sql::act::{Act, Control};
use crate::sql::simulate::{Parsed, Simulation};
use crate::sql::{self, Context, Reading, Script, Span, WorkKind};
use net::Net;

/// A document's statements, run in mind.
pub struct Told {
    /// What each does, and what they do together.
    pub script: Script,
    /// Every statement's text, in the order and at the places that the script has them.
    pub sql: String,
    /// Where each statement of the script stands in the document.
    pub places: Vec<Place>,
    /// The ways back in which there is SQL that people wrote.
    pub backs: Vec<Back>,
}

/// Where a statement stands in a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The phase's number.
    pub phase: u32,
    /// Index of the operation in its phase.
    pub operation: usize,
    /// What a person wrote: which statement of the operation's SQL, from 1.
    pub statement: Option<usize>,
    /// Its line and its character in that SQL, both from 1.
    pub within: Option<(usize, usize)>,
    /// Whether the operation holds no other statement.
    pub alone: bool,
    /// Whether its phase waits for a deployment.
    pub deployed: bool,
    /// Whether it is in the way back.
    pub back: bool,
}

/// Runs the phases' statements in mind, and says of each what it locks beside its table and what it
/// breaks; of those that people wrote, all that it does.
pub(super) fn tell(
    migration: &Migration,
    schema: Option<&Schema>,
    version: u32,
    by_words: bool,
    phases: &mut [PhasePlan],
) -> Told {
    let context = Context {
        schema,
        version: Some(version),
        ..Context::default()
    };
    let mut teller = Teller {
        engine: migration.database,
        by_words,
        simulation: Simulation::new(migration.database, Parsed::default(), &context),
        sql: String::new(),
        places: Vec::new(),
        back: false,
    };
    let mut backs = Vec::new();
    if migration.database.is_mysql_family() {
        // As the executor's sessions have it (`server/src/target/mysql.rs`).
        let isolation = Act::Set {
            name: "transaction_isolation".into(),
            value: Some("read-committed".into()),
            local: false,
        };
        teller.run(Span::default(), isolation, Place::default());
    }
    for (index, (phase, plan)) in migration.phases.iter().zip(phases).enumerate() {
        // Applications that were deployed meanwhile use what was made before.
        let deployed = phase
            .gate
            .as_ref()
            .is_some_and(|gate| gate.deploy.is_some());
        if index > 0 && deployed {
            teller.simulation.deploy();
        }
        let first = teller.places.len();
        let mut texts: Vec<Option<Written<'_>>> = phase
            .operations
            .iter()
            .map(|operation| {
                if let Operation::CustomSql(custom) = operation {
                    Some(Written::of(migration.database, &custom.sql))
                } else {
                    None
                }
            })
            .collect();
        for step in &mut plan.steps {
            let text = texts.get_mut(step.operation).and_then(Option::as_mut);
            teller.step(step, phase.phase, deployed, text);
        }
        net::forget_own_constraints(&mut plan.steps);
        backs.extend(back::tell(&teller, phase, deployed, plan, first));
    }
    Told {
        backs,
        ..teller.finish()
    }
}

/// What a person wrote as an operation, and how far it was told.
struct Written<'t> {
    text: &'t str,
    pieces: Vec<Piece>,
    piece: usize,
    statement: usize,
}

impl<'t> Written<'t> {
    fn of(engine: Engine, text: &'t str) -> Self {
        Self {
            text,
            pieces: split::split(engine, text).unwrap_or_default(),
            piece: 0,
            statement: 0,
        }
    }

    /// What stands in no text of the operation's.
    fn elsewhere() -> Self {
        Self {
            text: "",
            pieces: Vec::new(),
            piece: 0,
            statement: 0,
        }
    }

    /// The line and the character of what stands there in the piece that is told.
    fn place(&self, at: usize) -> Option<(usize, usize)> {
        let start = self.pieces.get(self.piece)?.start;
        let before = self.text.get(..start + at).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Some((before.matches('\n').count() + 1, line.chars().count() + 1))
    }
}

struct Teller<'s> {
    engine: Engine,
    by_words: bool,
    simulation: Simulation<'s>,
    sql: String,
    places: Vec<Place>,
    /// Whether it tells of a way back.
    back: bool,
}

impl Teller<'_> {
    /// One that goes on from the world of this one, and knows nothing of its statements.
    fn aside(&self) -> Self {
        Self {
            simulation: self.simulation.aside(),
            sql: String::new(),
            places: Vec::new(),
            back: true,
            ..*self
        }
    }

    /// One that goes on from all that was run.
    fn further(&self) -> Self {
        Self {
            simulation: self.simulation.clone(),
            sql: self.sql.clone(),
            places: self.places.clone(),
            back: true,
            ..*self
        }
    }

    fn finish(self) -> Told {
        let mut script = self.simulation.finish();
        if self.engine == Engine::PostgreSql {
            sql::new_labels(&self.sql, &mut script);
        }
        Told {
            script,
            sql: self.sql,
            places: self.places,
            backs: Vec::new(),
        }
    }

    fn run(&mut self, span: Span, act: Act, place: Place) {
        self.simulation.statement(span, act);
        self.places.push(place);
    }

    fn step(
        &mut self,
        step: &mut Step,
        phase: u32,
        deployed: bool,
        mut written: Option<&mut Written<'_>>,
    ) {
        let place = Place {
            phase,
            deployed,
            operation: step.operation,
            back: self.back,
            ..Place::default()
        };
        let rebuilt = if let Action::Rebuild { table, .. } = &step.action {
            let state = self.simulation.state();
            let known = state.table(table).filter(|_| !state.made_here(table));
            known.map(|known| (table.clone(), known.clone()))
        } else {
            None
        };
        let rebuilds = matches!(step.action, Action::Rebuild { .. });
        let statements = step.action.statements();
        let together =
            rebuilds || matches!(step.action, Action::Transaction { .. }) && statements.len() > 1;
        let here = Span {
            start: self.sql.len(),
            end: self.sql.len(),
            line: 1,
            column: 1,
        };
        let around = |teller: &mut Self, control| {
            if rebuilds {
                let value = if control == Control::Begin {
                    "off"
                } else {
                    "on"
                };
                let keys = Act::Set {
                    name: "foreign_keys".into(),
                    value: Some(value.into()),
                    local: false,
                };
                teller.run(here, keys, place.clone());
            }
            if together {
                teller.run(here, Act::Transaction(control), place.clone());
            }
        };
        around(self, Control::Begin);
        let mut ranges = Vec::new();
        for statement in &statements {
            let first = self.places.len();
            let parsed = match statement.known {
                Known::Operation => {
                    self.own(step, statement, place.clone());
                    false
                }
                Known::Words | Known::Parsed => {
                    self.written(step, statement, &place, written.as_deref_mut())
                }
            };
            ranges.push((first..self.places.len(), parsed));
        }
        around(self, Control::Commit { chain: false });
        let net = Net {
            state: self.simulation.state(),
            rebuilds,
        };
        let readings = self.simulation.statements();
        let mut last = None;
        for (statement, (range, parsed)) in step.action.statements_mut().into_iter().zip(ranges) {
            let readings = readings.get(range).unwrap_or_default();
            if parsed {
                claim(statement, readings);
            }
            net.beside(statement, readings);
            last = Some(statement);
        }
        if let (Some((table, before)), Some(last)) = (rebuilt, last) {
            last.breaks.extend(net.changed(&table, &before));
        }
    }

    /// A statement that an operation sends.
    fn own(&mut self, step: &Step, statement: &Statement, place: Place) {
        let act = sql::own(self.engine, &statement.sql)
            .unwrap_or_else(|| stand_in(self.engine, step, statement));
        let span = self.append(&statement.sql);
        self.run(span, act, place);
    }

    /// A statement that a person wrote; whether a parser read it.
    fn written(
        &mut self,
        step: &Step,
        statement: &Statement,
        place: &Place,
        written: Option<&mut Written<'_>>,
    ) -> bool {
        let parsed = if self.by_words {
            None
        } else {
            sql::raw(self.engine, &statement.sql)
        };
        let span = self.append(&statement.sql);
        let Some(parsed) = parsed else {
            let act = stand_in(self.engine, step, statement);
            self.run(span, act, place.clone());
            return false;
        };
        self.simulation
            .errors(parsed.errors.into_iter().map(|mut error| {
                error.at += span.start;
                error
            }));
        let alone = parsed.statements.len() == 1;
        let mut written = written;
        for (own, act) in parsed.statements {
            let mut place = place.clone();
            if let Some(written) = &mut written {
                written.statement += 1;
                place.statement = Some(written.statement);
                place.within = written.place(own.start);
                place.alone = alone && written.pieces.len() == 1;
            }
            let at = Span {
                start: span.start + own.start,
                end: span.start + own.end,
                ..own
            };
            self.run(at, act, place);
        }
        if let Some(written) = written {
            written.piece += 1;
        }
        true
    }

    /// Puts a statement's text to the others.
    fn append(&mut self, sql: &str) -> Span {
        let start = self.sql.len();
        self.sql.push_str(sql);
        let end = self.sql.len();
        self.sql.push_str(";\n");
        Span {
            start,
            end,
            line: 1,
            column: 1,
        }
    }
}

/// What stands for a statement that was not read: the lock that is claimed for it.
fn stand_in(engine: Engine, step: &Step, statement: &Statement) -> Act {
    let table = step.tables.first();
    match table {
        Some(table) if engine == Engine::PostgreSql && statement.lock != Lock::None => {
            Act::LockTables {
                tables: vec![(table.clone(), statement.lock)],
            }
        }
        Some(_) | None => Act::Session { word: "statement" },
    }
}

/// Says of a statement what a parser found that it does.
fn claim(statement: &mut Statement, readings: &[Reading]) {
    let effects = || readings.iter().map(|reading| &reading.effect);
    statement.known = Known::Parsed;
    let unknown = effects().any(|effect| effect.unknown.is_some());
    statement.lock = effects()
        .map(|effect| effect.main_lock())
        .max()
        .unwrap_or(Lock::None);
    statement.blocks_reads = unknown || effects().any(|effect| effect.blocks.reads);
    statement.blocks_writes = unknown || effects().any(|effect| effect.blocks.writes);
    let does = |kinds: &[WorkKind]| effects().any(|e| kinds.iter().any(|kind| e.does(*kind)));
    statement.rewrites_table = does(&[WorkKind::Rewrite]);
    statement.load.kind = if statement.rewrites_table {
        Kind::Rewrite
    } else if does(&[WorkKind::BuildIndex, WorkKind::RebuildIndex]) {
        Kind::Index
    } else if unknown || does(&[WorkKind::Scan, WorkKind::ChangeRows]) {
        Kind::Scan
    } else {
        Kind::Brief
    };
    statement.scans_table = statement.load.kind != Kind::Brief;
    let queues = effects()
        .flat_map(|effect| &effect.locks)
        .any(|lock| lock.lock.queues_traffic());
    statement.wait = if unknown || queues {
        Wait::Short
    } else {
        Wait::Patient
    };
}
