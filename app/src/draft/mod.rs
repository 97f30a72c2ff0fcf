//! A document while it is written: everything stays as typed, finished or not.
//!
//! The form edits this; [`Draft::to_json`] is what the core reads, and says what is wrong with it.

mod edit;
mod item;

use bellows::document::{Engine, Migration, PhaseKind, Waiver};
use serde_json::{Map, Value, json};

pub use edit::{ItemRef, Part};
pub use item::Item;

/// A document while it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// As typed.
    pub name: String,
    /// The target's engine.
    pub database: Engine,
    /// As typed.
    pub description: String,
    /// What the form does not show: author, tags.
    rest: Map<String, Value>,
    /// Findings about the document as a whole that are accepted.
    pub waivers: Vec<Waiver>,
    /// In order; the number of a phase is its place.
    pub phases: Vec<PhaseDraft>,
    next_id: u32,
}

/// A phase while it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseDraft {
    /// Stays with the phase when others move; means nothing outside.
    pub id: u32,
    /// Absent: inferred.
    pub kind: Option<PhaseKind>,
    /// As typed.
    pub description: String,
    /// Milliseconds, as typed.
    pub timeout: String,
    /// As typed.
    pub deploy: String,
    /// As typed.
    pub soak: String,
    /// What it does.
    pub operations: Vec<Item>,
    /// What must hold afterwards.
    pub validation: Vec<Item>,
    /// Its own way back, where one is written.
    pub rollback: Option<Vec<Item>>,
    /// Findings about it that are accepted.
    pub waivers: Vec<Waiver>,
}

impl Draft {
    /// An empty document for an engine, with one empty phase.
    pub fn new(database: Engine) -> Self {
        let mut draft = Self {
            name: String::new(),
            database,
            description: String::new(),
            rest: Map::new(),
            waivers: Vec::new(),
            phases: Vec::new(),
            next_id: 0,
        };
        draft.add_phase();
        draft
    }

    /// A number that nothing else of the draft has.
    fn fresh(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    /// The draft of a whole document.
    pub fn of(migration: &Migration) -> Self {
        let mut rest = Map::new();
        if let Some(author) = &migration.author {
            rest.insert("author".to_owned(), json!(author));
        }
        if !migration.tags.is_empty() {
            rest.insert("tags".to_owned(), json!(migration.tags));
        }
        let mut draft = Self {
            name: migration.name.clone(),
            database: migration.database,
            description: migration.description.clone(),
            rest,
            waivers: migration.waivers.clone(),
            phases: Vec::new(),
            next_id: 0,
        };
        for phase in &migration.phases {
            let gate = phase.gate.clone();
            let (deploy, soak) = gate.map(|g| (g.deploy, g.soak)).unwrap_or_default();
            let id = draft.fresh();
            let operations = draft.items(&phase.operations, "type");
            let validation = draft.items(&phase.validation, "check");
            let rollback = phase
                .rollback_operations
                .as_ref()
                .map(|operations| draft.items(operations, "type"));
            draft.phases.push(PhaseDraft {
                id,
                kind: phase.kind,
                description: phase.description.clone(),
                timeout: phase.timeout.map(|ms| ms.to_string()).unwrap_or_default(),
                deploy: deploy.unwrap_or_default(),
                soak: soak.unwrap_or_default(),
                operations,
                validation,
                rollback,
                waivers: phase.waivers.clone(),
            });
        }
        draft
    }

    fn items<T: serde::Serialize>(&mut self, values: &[T], tag: &str) -> Vec<Item> {
        let mut items = Vec::with_capacity(values.len());
        for value in values {
            // Operations and checks are maps of JSON by construction.
            let Ok(Value::Object(mut values)) = serde_json::to_value(value) else {
                continue;
            };
            let Some(Value::String(word)) = values.remove(tag) else {
                continue;
            };
            items.push(Item {
                id: self.fresh(),
                word,
                values,
            });
        }
        items
    }

    /// What stands under `migration:`, as the core reads it.
    pub fn to_json(&self) -> Value {
        let mut map = self.rest.clone();
        map.insert("name".to_owned(), json!(self.name));
        map.insert("database".to_owned(), json!(self.database.word()));
        put_text(&mut map, "description", &self.description);
        put_waivers(&mut map, &self.waivers);
        let phases: Vec<Value> = self
            .phases
            .iter()
            .enumerate()
            .map(|(index, phase)| phase.to_json(index + 1))
            .collect();
        map.insert("phases".to_owned(), Value::Array(phases));
        Value::Object(map)
    }
}

impl PhaseDraft {
    fn to_json(&self, number: usize) -> Value {
        let mut map = Map::new();
        map.insert("phase".to_owned(), json!(number));
        if let Some(kind) = self.kind {
            map.insert("kind".to_owned(), json!(kind));
        }
        put_text(&mut map, "description", &self.description);
        let timeout = self.timeout.trim();
        if !timeout.is_empty() {
            let value = timeout
                .parse::<u64>()
                .map_or_else(|_| json!(timeout), |ms| json!(ms));
            map.insert("timeout".to_owned(), value);
        }
        let mut gate = Map::new();
        put_text(&mut gate, "deploy", &self.deploy);
        put_text(&mut gate, "soak", self.soak.trim());
        if !gate.is_empty() {
            map.insert("gate".to_owned(), Value::Object(gate));
        }
        put_items(&mut map, "operations", &self.operations, "type");
        put_items(&mut map, "validation", &self.validation, "check");
        if let Some(rollback) = &self.rollback {
            let items = rollback.iter().map(|item| item.to_json("type")).collect();
            map.insert("rollbackOperations".to_owned(), Value::Array(items));
        }
        put_waivers(&mut map, &self.waivers);
        Value::Object(map)
    }
}

fn put_text(map: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        map.insert(key.to_owned(), json!(text));
    }
}

fn put_waivers(map: &mut Map<String, Value>, waivers: &[Waiver]) {
    if !waivers.is_empty() {
        map.insert("waivers".to_owned(), json!(waivers));
    }
}

fn put_items(map: &mut Map<String, Value>, key: &str, items: &[Item], tag: &str) {
    if !items.is_empty() {
        let items = items.iter().map(|item| item.to_json(tag)).collect();
        map.insert(key.to_owned(), Value::Array(items));
    }
}

#[cfg(test)]
mod tests {
    use bellows::document::{emit, emit_draft, parse, read_draft};

    use super::*;

    const DOCUMENT: &str = "\
migration:
  name: all-of-it
  database: postgresql
  description: 'Every part: once'
  author: team@company.com
  tags: [a, b]
  waivers:
    - rule: no-target
      reason: it was tried on a copy
  phases:
    - phase: 1
      kind: expand
      description: Add
      timeout: 5000
      gate:
        deploy: App v2
        soak: 7d
      operations:
        - type: add_column
          table: users
          column: full_name
          dataType: VARCHAR(255)
          defaultValue:
            sql: now()
        - type: add_index
          table: users
          columns: [full_name, id]
      validation:
        - check: custom
          sql: SELECT true
          expect: true
      rollbackOperations: []
      waivers:
        - rule: long-index-build
          operation: 1
          reason: the table is small
    - phase: 2
";

    #[test]
    fn a_draft_holds_every_part_of_a_document() {
        let migration = parse(DOCUMENT).unwrap();
        let draft = Draft::of(&migration);
        assert_eq!(read_draft(&draft.to_json()).unwrap(), migration);
        assert_eq!(emit_draft(&draft.to_json()), emit(&migration));
    }

    #[test]
    fn what_is_half_typed_stays_and_is_named() {
        let mut draft = Draft::new(Engine::Sqlite);
        draft.phases[0].timeout = "12x".to_owned();
        let at = draft.add_item(draft.phases[0].id, Part::Operations, "add_column");
        draft.set(at, "table", Some(json!("users")));
        let problems = read_draft(&draft.to_json()).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
        assert!(paths.contains(&"phases[0].timeout"), "{paths:?}");
        let path = draft.path(at, "dataType").unwrap();
        assert!(paths.contains(&path.as_str()), "{path} in {paths:?}");
        assert!(emit_draft(&draft.to_json()).contains("12x"));
    }
}
