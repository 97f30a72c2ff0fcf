//! The world between two statements of a text: what the live schema says, as the statements before
//! have changed it. Unlike a document's [`crate::schema::World`] it refuses nothing: a text may
//! change what nobody has described.

mod apply;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::act::Volatility;
use super::effect::Bound;
use super::script::{Context, Timeout};
use crate::document::Engine;
use crate::schema::{Column, Constraint, Domain, Index, Schema, Stability, Table, TableName, View};

/// A table as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What is known of it.
    pub table: Table,
    /// Whether that is all there is to know: what is not in it is not there.
    pub whole: bool,
    /// Whether the text made it.
    pub made_here: bool,
    /// Whether the text has put rows in.
    pub filled: bool,
    /// Columns that the text has added to it, and that no application uses yet.
    pub added: Vec<String>,
    /// MySQL and MariaDB: the character set of its texts that say none, where it is known.
    pub charset: Option<String>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct State<'s> {
    /// The engine.
    pub engine: Engine,
    /// As in [`Schema::version`].
    pub version: u32,
    /// Whether anybody said which version it is.
    pub version_known: bool,
    /// The live schema.
    schema: Option<&'s Schema>,
    /// Tables that the text has changed or made; absent ones are gone.
    tables: BTreeMap<TableName, Option<Arc<Known>>>,
    /// Views that the text has made; absent ones are gone.
    views: BTreeMap<TableName, Option<View>>,
    /// Indexes that the text has made, renamed or dropped, and their tables.
    indexes: BTreeMap<TableName, Option<TableName>>,
    /// Domains that the text has made or changed.
    domains: BTreeMap<TableName, Domain>,
    /// Types that the text has made, or the SQL before it.
    types: BTreeSet<TableName>,
    /// Those of them that were there before the text.
    older_types: BTreeSet<TableName>,
    /// Functions that the text has made, or the SQL before it.
    functions: BTreeMap<TableName, Volatility>,
    /// Those of them that were there before the text.
    older_functions: BTreeSet<TableName>,
    /// Labels that were added to enums in the transaction that is open.
    pub new_labels: BTreeSet<String>,
    /// Constraints that were added in the transaction that is open, and by which statement.
    pub fresh_constraints: BTreeMap<(TableName, String), usize>,
    /// The session's variables that matter here, as the text has set them.
    pub(super) settings: BTreeMap<String, Option<String>>,
    /// The session's `lock_timeout`.
    pub lock_timeout: Timeout,
    /// The session's `statement_timeout`.
    pub statement_timeout: Timeout,
}

impl<'s> State<'s> {
    /// The world before the text.
    pub fn new(engine: Engine, context: &Context<'s>) -> Self {
        let told = context.schema.map(|s| s.version).or(context.version);
        Self {
            engine,
            version: told.unwrap_or_else(|| Schema::empty(engine).version),
            version_known: told.is_some(),
            schema: context.schema,
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            indexes: BTreeMap::new(),
            domains: BTreeMap::new(),
            types: BTreeSet::new(),
            older_types: BTreeSet::new(),
            functions: BTreeMap::new(),
            older_functions: BTreeSet::new(),
            new_labels: BTreeSet::new(),
            fresh_constraints: BTreeMap::new(),
            settings: BTreeMap::new(),
            lock_timeout: Timeout::Unset,
            statement_timeout: Timeout::Unset,
        }
    }

    /// Whether a live schema was given.
    pub fn is_live(&self) -> bool {
        self.schema.is_some()
    }

    /// The table, as far as it is known.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        match self.tables.get(name) {
            Some(changed) => changed.as_ref().map(|known| &known.table),
            None => self.schema?.table(name),
        }
    }

    /// Whether all of the table is known.
    pub fn is_whole(&self, name: &TableName) -> bool {
        match self.tables.get(name) {
            Some(changed) => changed.as_ref().is_some_and(|known| known.whole),
            None => self.schema.is_some_and(|s| s.tables.contains_key(name)),
        }
    }

    /// Whether the text made the table: nobody else uses it yet.
    pub fn made_here(&self, name: &TableName) -> bool {
        // SQLite: a connection's own tables.
        if self.engine == Engine::Sqlite && name.schema.as_deref() == Some("temp") {
            return true;
        }
        self.tables
            .get(name)
            .and_then(Option::as_ref)
            .is_some_and(|known| known.made_here)
    }

    /// Whether the table is known not to be there.
    pub fn is_absent(&self, name: &TableName) -> bool {
        match self.tables.get(name) {
            Some(changed) => changed.is_none(),
            None => self
                .schema
                .is_some_and(|s| !s.tables.contains_key(name) && !s.views.contains_key(name)),
        }
    }

    /// The column, as far as it is known.
    pub fn column(&self, table: &TableName, column: &str) -> Option<&Column> {
        self.table(table)?.column(column)
    }

    /// Whether the text made the table, and has put no rows in.
    pub fn is_empty_here(&self, table: &TableName) -> bool {
        let known = self.tables.get(table).and_then(Option::as_ref);
        known.is_some_and(|known| known.made_here && !known.filled)
    }

    /// Whether the text added the column, and no application uses it yet.
    pub fn added_here(&self, table: &TableName, column: &str) -> bool {
        let known = self.tables.get(table).and_then(Option::as_ref);
        known.is_some_and(|known| known.added.iter().any(|name| name == column))
    }

    /// The character set of the table's texts that say none, where it is known.
    pub fn charset(&self, table: &TableName) -> Option<&str> {
        let known = self.tables.get(table).and_then(Option::as_ref)?;
        known.charset.as_deref()
    }

    /// How a change of rows is bounded: a row for each value where a key's values are given.
    pub fn bound(
        &self,
        table: &TableName,
        reads: &[TableName],
        bound: Bound,
        given: &[String],
    ) -> Bound {
        // Of two tables nobody knows whose column it is.
        let Some(known) = self.table(table).filter(|_| reads.is_empty()) else {
            return bound;
        };
        let is_given = |column: &String| {
            given.iter().any(|name| {
                name == column
                    || (self.engine != Engine::PostgreSql && name.eq_ignore_ascii_case(column))
            })
        };
        let all = |key: &[String]| !key.is_empty() && key.iter().all(is_given);
        let unique = |index: &Index| {
            index.unique && index.valid && index.predicate.is_none() && all(&index.columns)
        };
        if all(&known.primary_key) || known.indexes.iter().any(unique) {
            Bound::Batch
        } else {
            bound
        }
    }

    /// The constraint, as far as it is known.
    pub fn constraint(&self, table: &TableName, name: &str) -> Option<&Constraint> {
        self.table(table)?
            .constraints
            .iter()
            .find(|c| c.name == name)
    }

    /// The view, where it is known.
    pub fn view(&self, name: &TableName) -> Option<&View> {
        match self.views.get(name) {
            Some(changed) => changed.as_ref(),
            None => self.schema?.views.get(name),
        }
    }

    /// The table of an index, where it is known. A primary key's index is not in the schema: it is
    /// found by the name that the engine gives it.
    pub fn table_of_index(&self, index: &TableName) -> Option<TableName> {
        if let Some(known) = self.indexes.get(index) {
            return known.clone();
        }
        let schema = self.schema?;
        let within = |name: &TableName| name.schema == index.schema;
        schema
            .tables
            .iter()
            .find(|(name, table)| {
                within(name) && table.indexes.iter().any(|i| i.name == index.name)
            })
            .or_else(|| {
                let stem = index.name.strip_suffix("_pkey")?;
                schema.tables.iter().find(|(name, table)| {
                    within(name) && name.name == stem && !table.primary_key.is_empty()
                })
            })
            .map(|(name, _)| name.clone())
    }

    /// The index, where it is known.
    pub fn index(&self, name: &TableName) -> Option<&Index> {
        let table = self.table_of_index(name)?;
        self.table(&table)?
            .indexes
            .iter()
            .find(|i| i.name == name.name)
    }

    /// Every table that is known, changed ones as they are now.
    pub fn all_tables(&self) -> impl Iterator<Item = (&TableName, &Table)> {
        let live = self
            .schema
            .into_iter()
            .flat_map(|s| s.tables.iter())
            .filter(|(name, _)| !self.tables.contains_key(*name));
        let changed = self
            .tables
            .iter()
            .filter_map(|(name, known)| known.as_ref().map(|known| (name, &known.table)));
        live.chain(changed)
    }

    /// Whether the text made the type.
    pub fn made_type(&self, name: &TableName) -> bool {
        self.types.contains(name) && !self.older_types.contains(name)
    }

    /// The domain, where it is known.
    pub fn domain(&self, name: &TableName) -> Option<Domain> {
        let live = || self.schema?.domains.get(name);
        self.domains.get(name).or_else(live).cloned()
    }

    /// Whether the type is known to be there.
    pub fn knows_type(&self, name: &TableName) -> bool {
        let live = || self.schema.map(|s| s.types.contains(&name.to_string()));
        self.types.contains(name) || live().unwrap_or_default()
    }

    /// What a function of the live schema keeps to.
    pub fn live_function(&self, name: &TableName) -> Option<Stability> {
        self.schema?.functions.get(name).copied()
    }

    /// How a function that the text made behaves.
    pub fn function(&self, name: &TableName) -> Option<&Volatility> {
        self.functions.get(name)
    }

    /// Whether the text made the function.
    pub fn made_function(&self, name: &TableName) -> bool {
        self.functions.contains_key(name) && !self.older_functions.contains(name)
    }

    /// The session's variable, where the text has set it; the inner value is absent for DEFAULT.
    pub fn setting(&self, name: &str) -> Option<Option<&str>> {
        self.settings.get(name).map(Option::as_deref)
    }

    /// What is there by now was there before the text: from here on others use it.
    pub(super) fn settle(&mut self) {
        self.deploy();
        self.older_types = self.types.clone();
        self.older_functions = self.functions.keys().cloned().collect();
        self.new_labels.clear();
        self.fresh_constraints.clear();
        self.settings.clear();
        self.lock_timeout = Timeout::Unset;
        self.statement_timeout = Timeout::Unset;
    }

    /// Applications are deployed, and use the tables that the text has made.
    pub(super) fn deploy(&mut self) {
        for known in self.tables.values_mut().flatten() {
            let known = Arc::make_mut(known);
            known.made_here = false;
            known.added.clear();
        }
    }

    /// The table, to be changed; one that is not known becomes known in part.
    pub fn edit(&mut self, name: &TableName) -> &mut Known {
        let live = self.schema.and_then(|s| s.table(name));
        let slot = self.tables.entry(name.clone()).or_insert_with(|| {
            live.map(|table| {
                Arc::new(Known {
                    table: table.clone(),
                    whole: true,
                    ..Known::default()
                })
            })
        });
        Arc::make_mut(slot.get_or_insert_with(Arc::default))
    }
}
