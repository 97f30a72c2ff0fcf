//! Runs the statements of a text in mind, one after the other: what each does in the world that
//! those before it left, and what they do together.

mod transaction;

use super::act::{Act, Change};
use super::effect::{Blocks, Effect, Lasts, TransactionRule};
use super::hazard;
use super::object::ObjectLock;
use super::script::{
    Context, Hazard, Reading, Script, Span, SyntaxError, Timeout, Transaction, TransactionEnd,
};
use super::state::State;
use super::unknown::Failure;
use crate::document::Engine;

/// The statements of a text, as a parser found them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// Where each stands, and what it says.
    pub statements: Vec<(Span, Act)>,
    /// Where the text cannot be parsed.
    pub errors: Vec<SyntaxError>,
}

/// A transaction that is open.
#[derive(Clone)]
struct Open<'s> {
    first: usize,
    held: Vec<(usize, ObjectLock)>,
    savepoints: Vec<(String, usize, State<'s>)>,
    before: State<'s>,
    /// Whether whoever runs the text began it.
    around: bool,
    /// Whether SAVEPOINT began it.
    by_savepoint: bool,
    /// What SET LOCAL set ends with it.
    timeouts: (Timeout, Timeout),
}

impl<'s> Open<'s> {
    fn at(first: usize, state: &State<'s>, around: bool) -> Self {
        Self {
            first,
            held: Vec::new(),
            savepoints: Vec::new(),
            before: state.clone(),
            around,
            by_savepoint: false,
            timeouts: (state.lock_timeout, state.statement_timeout),
        }
    }
}

/// Statements that are run in mind, one after the other.
#[derive(Clone)]
pub struct Simulation<'s> {
    state: State<'s>,
    open: Option<Open<'s>>,
    script: Script,
}

/// See the module.
pub fn simulate(engine: Engine, parsed: Parsed, context: &Context<'_>) -> Script {
    simulate_after(engine, Parsed::default(), parsed, context)
}

/// The same, after statements that have made what is there.
pub fn simulate_after(
    engine: Engine,
    before: Parsed,
    parsed: Parsed,
    context: &Context<'_>,
) -> Script {
    let mut run = Simulation::new(engine, before, context);
    run.script.errors = parsed.errors;
    run.script.statements.reserve(parsed.statements.len());
    for (span, act) in parsed.statements {
        run.statement(span, act);
    }
    run.finish()
}

impl<'s> Simulation<'s> {
    /// Before the first statement, in the world that those before it have made.
    pub fn new(engine: Engine, before: Parsed, context: &Context<'s>) -> Self {
        let mut state = State::new(engine, context);
        for (at, (_, act)) in before.statements.iter().enumerate() {
            state.apply(act, at);
        }
        state.settle();
        Self {
            script: Script {
                engine,
                version: state.version,
                statements: Vec::new(),
                transactions: Vec::new(),
                hazards: Vec::new(),
                errors: Vec::new(),
            },
            open: context.in_transaction.then(|| Open::at(0, &state, true)),
            state,
        }
    }

    /// A simulation that goes on from the world of this one, and knows nothing of its statements.
    pub fn aside(&self) -> Self {
        Self {
            state: self.state.clone(),
            open: None,
            script: Script {
                statements: Vec::new(),
                transactions: Vec::new(),
                hazards: Vec::new(),
                errors: Vec::new(),
                ..self.script
            },
        }
    }

    /// The world that the statements so far have left.
    pub fn state(&self) -> &State<'s> {
        &self.state
    }

    /// The statements so far.
    pub fn statements(&self) -> &[Reading] {
        &self.script.statements
    }

    /// From here on applications use the tables that were made.
    pub fn deploy(&mut self) {
        self.state.deploy();
    }

    /// Notes where a text cannot be parsed.
    pub fn errors(&mut self, errors: impl IntoIterator<Item = SyntaxError>) {
        self.script.errors.extend(errors);
    }

    /// What all of them did.
    pub fn finish(mut self) -> Script {
        let last = self.script.statements.len().saturating_sub(1);
        if let Some(open) = self.open.take()
            && !self.script.statements.is_empty()
        {
            if !open.around {
                self.script.hazards.push(Hazard::NeverEnded {
                    statement: open.first,
                });
            }
            self.script.transactions.push(Transaction {
                first: open.first,
                last,
                end: if open.around {
                    TransactionEnd::Around
                } else {
                    TransactionEnd::Open
                },
            });
        }
        hazard::between(&mut self.script);
        self.script
    }

    /// The next statement.
    pub fn statement(&mut self, span: Span, act: Act) {
        let at = self.script.statements.len();
        let mut effect = super::effect_of(&act, &self.state);
        if let Act::Transaction(control) = &act {
            self.begin(at, control);
        }
        self.autocommit(at, &act);
        // MySQL and MariaDB commit what is open before they change the catalogue.
        if effect.transaction == TransactionRule::Commits
            && self.open.as_ref().is_some_and(|open| !open.around)
        {
            self.close(at.saturating_sub(1), TransactionEnd::Committed, false);
        }
        if self.open.is_some() && effect.transaction == TransactionRule::Refused {
            effect.fails.push(Failure::InTransaction);
        }
        let held = self.open.as_ref().map(|open| hazard::strictest(&open.held));
        let held = held.unwrap_or_default();
        if let Some(open) = &self.open {
            hazard::within(at, &effect, &open.held, &mut self.script.hazards);
            let done = self.script.statements.get(open.first..).unwrap_or_default();
            let rebuilt = hazard::rebuilt((open.first, done), &act, &open.before);
            self.script.hazards.extend(rebuilt);
            self.validated_where_added(at, &act, open.first);
        }
        let reading = Reading {
            span,
            blocks: together(&effect, &held),
            transaction: self
                .open
                .is_some()
                .then_some(self.script.transactions.len()),
            held,
            lock_timeout: self.state.lock_timeout,
            statement_timeout: self.state.statement_timeout,
            effect,
            act,
        };
        // SQLite does not heed it inside a transaction.
        let unheeded = self.open.is_some()
            && self.state.engine == Engine::Sqlite
            && matches!(&reading.act, Act::Set { name, .. } if name == "foreign_keys");
        if !unheeded {
            self.state.apply(&reading.act, at);
        }
        if let Some(open) = &mut self.open {
            // What is set without LOCAL stays when the transaction ends well.
            if let Act::Set {
                name, local: false, ..
            }
            | Act::Reset { name: Some(name) } = &reading.act
            {
                match name.as_str() {
                    "lock_timeout" => open.timeouts.0 = self.state.lock_timeout,
                    "statement_timeout" => open.timeouts.1 = self.state.statement_timeout,
                    _ => {}
                }
            }
            let locks = reading.effect.locks.iter().cloned();
            open.held.extend(locks.map(|lock| (at, lock)));
        }
        let control = if let Act::Transaction(control) = &reading.act {
            Some(control.clone())
        } else {
            None
        };
        self.script.statements.push(reading);
        if let Some(control) = control {
            self.end(at, &control);
        }
    }

    /// VALIDATE reads the rows under the lock of the addition, where one transaction does both.
    fn validated_where_added(&mut self, at: usize, act: &Act, first: usize) {
        let Act::AlterTable { table, changes, .. } = act else {
            return;
        };
        for change in changes {
            let Change::ValidateConstraint { name } = change else {
                continue;
            };
            let key = (table.clone(), name.clone());
            let since = self.state.fresh_constraints.get(&key);
            if let Some(since) =
                since.filter(|since| **since >= first && !self.state.made_here(table))
            {
                self.script.hazards.push(Hazard::ValidatedWhereAdded {
                    statement: at,
                    since: *since,
                    table: table.clone(),
                    constraint: name.clone(),
                });
            }
        }
    }
}

/// Who waits while a statement runs, those included who wait for what its transaction holds.
fn together(effect: &Effect, held: &[ObjectLock]) -> Blocks {
    let foreign = || held.iter().filter(|l| !l.made_here);
    let reads = foreign().any(|l| l.lock.blocks_reads());
    let writes = foreign().any(|l| l.lock.blocks_writes());
    let lasts = if reads || writes {
        effect.lasts
    } else {
        Lasts::Moment
    };
    Blocks {
        reads: effect.blocks.reads || reads,
        writes: effect.blocks.writes || writes,
        lasts: effect.blocks.lasts.max(lasts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::TableName;
    use crate::sql::act::{Control, NewTable};

    fn text(acts: Vec<Act>) -> Script {
        let statements = acts.into_iter().map(|a| (Span::default(), a)).collect();
        let parsed = Parsed {
            statements,
            errors: Vec::new(),
        };
        simulate(Engine::PostgreSql, parsed, &Context::default())
    }

    #[test]
    fn what_was_made_before_the_text_is_in_use() {
        let table = TableName::parse("t");
        let make = Act::CreateTable(NewTable::named(table.clone()));
        let mut state = State::new(Engine::PostgreSql, &Context::default());
        state.apply(&make, 0);
        assert!(state.made_here(&table));
        state.settle();
        assert!(!state.made_here(&table) && state.is_whole(&table));
    }

    fn set(value: &str, local: bool) -> Act {
        Act::Set {
            name: "lock_timeout".into(),
            value: Some(value.into()),
            local,
        }
    }

    #[test]
    fn transactions_have_their_ends() {
        let script = text(vec![
            Act::Transaction(Control::Begin),
            Act::Transaction(Control::Begin),
            Act::Transaction(Control::Commit { chain: false }),
            Act::Transaction(Control::Rollback { chain: false }),
            Act::Transaction(Control::Begin),
        ]);
        let ends: Vec<_> = script
            .transactions
            .iter()
            .map(|t| (t.first, t.last, t.end))
            .collect();
        assert_eq!(
            ends,
            [
                (0, 2, TransactionEnd::Committed),
                (4, 4, TransactionEnd::Open)
            ]
        );
        assert_eq!(
            script.hazards,
            [
                Hazard::Nesting { statement: 1 },
                Hazard::Nesting { statement: 3 },
                Hazard::NeverEnded { statement: 4 }
            ]
        );
    }

    #[test]
    fn what_set_local_sets_ends_with_its_transaction() {
        let script = text(vec![
            set("5s", false),
            Act::Transaction(Control::Begin),
            set("50", true),
            set("1min", false),
            set("50", true),
            Act::Transaction(Control::Commit { chain: false }),
            Act::Session { word: "show" },
        ]);
        let timeouts: Vec<_> = script.statements.iter().map(|r| r.lock_timeout).collect();
        assert_eq!(
            timeouts,
            [
                Timeout::Unset,
                Timeout::Set(5_000),
                Timeout::Set(5_000),
                Timeout::Set(50),
                Timeout::Set(60_000),
                Timeout::Set(50),
                Timeout::Set(60_000)
            ]
        );
    }
}
