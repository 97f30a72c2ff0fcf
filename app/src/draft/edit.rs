//! Changes of a draft: add, move, remove, set.

use bellows::document::Shape;
use serde_json::{Map, Value};

use super::item::{Item, checks, operations};
use super::{Draft, PhaseDraft};

/// The lists of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// What it does.
    Operations,
    /// What must hold afterwards.
    Validation,
    /// Its own way back.
    Rollback,
}

impl Part {
    /// What can stand in the list.
    pub fn shapes(self) -> &'static [&'static Shape] {
        match self {
            Part::Operations | Part::Rollback => operations(),
            Part::Validation => checks(),
        }
    }

    /// The key of the document.
    pub fn key(self) -> &'static str {
        match self {
            Part::Operations => "operations",
            Part::Validation => "validation",
            Part::Rollback => "rollbackOperations",
        }
    }
}

/// An item, wherever it has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ItemRef {
    /// The phase's id.
    pub phase: u32,
    /// The list.
    pub part: Part,
    /// The item's id.
    pub item: u32,
}

impl Draft {
    /// Adds an empty phase at the end.
    pub fn add_phase(&mut self) {
        let id = self.fresh();
        self.phases.push(PhaseDraft {
            id,
            kind: None,
            description: String::new(),
            timeout: String::new(),
            deploy: String::new(),
            soak: String::new(),
            operations: Vec::new(),
            validation: Vec::new(),
            rollback: None,
            waivers: Vec::new(),
        });
    }

    /// Takes a phase out.
    pub fn remove_phase(&mut self, id: u32) {
        self.phases.retain(|phase| phase.id != id);
    }

    /// Moves a phase one place up (`-1`) or down (`1`).
    pub fn move_phase(&mut self, id: u32, by: isize) {
        if let Some(index) = self.phases.iter().position(|phase| phase.id == id) {
            swap(&mut self.phases, index, by);
        }
    }

    /// The place of a phase in the document, from 0.
    pub fn phase_index(&self, id: u32) -> Option<usize> {
        self.phases.iter().position(|phase| phase.id == id)
    }

    /// The phase, where it is still there.
    pub fn phase(&self, id: u32) -> Option<&PhaseDraft> {
        self.phases.iter().find(|phase| phase.id == id)
    }

    /// The phase, to be changed.
    pub fn phase_mut(&mut self, id: u32) -> Option<&mut PhaseDraft> {
        self.phases.iter_mut().find(|phase| phase.id == id)
    }

    /// Adds an empty item at the end of a list. A new item takes over the table of the one before
    /// it: most phases are about one table.
    pub fn add_item(&mut self, phase: u32, part: Part, word: &str) -> ItemRef {
        let item = self.fresh();
        let takes_table = part
            .shapes()
            .iter()
            .any(|shape| shape.word == word && shape.field("table").is_some());
        if let Some(draft) = self.phase_mut(phase) {
            let table = [Part::Operations, part]
                .into_iter()
                .filter_map(|part| draft.list(part).last()?.values.get("table").cloned())
                .next_back()
                .filter(|_| takes_table);
            let values: Map<String, Value> = table
                .into_iter()
                .map(|table| ("table".to_owned(), table))
                .collect();
            draft.list_mut(part).push(Item {
                id: item,
                word: word.to_owned(),
                values,
            });
        }
        ItemRef { phase, part, item }
    }

    /// Takes an item out.
    pub fn remove_item(&mut self, at: ItemRef) {
        if let Some(phase) = self.phase_mut(at.phase) {
            phase.list_mut(at.part).retain(|item| item.id != at.item);
        }
    }

    /// Moves an item one place up (`-1`) or down (`1`).
    pub fn move_item(&mut self, at: ItemRef, by: isize) {
        if let Some(phase) = self.phase_mut(at.phase) {
            let list = phase.list_mut(at.part);
            if let Some(index) = list.iter().position(|item| item.id == at.item) {
                swap(list, index, by);
            }
        }
    }

    /// The item, where it is still there.
    pub fn item(&self, at: ItemRef) -> Option<&Item> {
        let list = self.phase(at.phase)?.list(at.part);
        list.iter().find(|item| item.id == at.item)
    }

    /// Sets a field of an item, or takes it out.
    pub fn set(&mut self, at: ItemRef, key: &str, value: Option<Value>) {
        let item = self
            .phase_mut(at.phase)
            .and_then(|p| p.list_mut(at.part).iter_mut().find(|i| i.id == at.item));
        if let Some(item) = item {
            match value {
                Some(value) => item.values.insert(key.to_owned(), value),
                None => item.values.remove(key),
            };
        }
    }

    /// Where a field stands in the document, as problems name it:
    /// `phases[1].operations[0].dataType`.
    pub fn path(&self, at: ItemRef, key: &str) -> Option<String> {
        let phase = self.phase_index(at.phase)?;
        let list = self.phases[phase].list(at.part);
        let item = list.iter().position(|item| item.id == at.item)?;
        let list = at.part.key();
        Some(if key.is_empty() {
            format!("phases[{phase}].{list}[{item}]")
        } else {
            format!("phases[{phase}].{list}[{item}].{key}")
        })
    }

    /// Columns that the draft's operations add to a table, for the lists that fields offer.
    pub fn added_columns(&self, table: &str) -> Vec<String> {
        let operations = self.phases.iter().flat_map(|phase| &phase.operations);
        operations
            .filter(|item| item.word == "add_column")
            .filter(|item| item.values.get("table").and_then(Value::as_str) == Some(table))
            .filter_map(|item| item.values.get("column")?.as_str().map(str::to_owned))
            .collect()
    }
}

impl PhaseDraft {
    /// One of its lists.
    pub fn list(&self, part: Part) -> &[Item] {
        match part {
            Part::Operations => &self.operations,
            Part::Validation => &self.validation,
            Part::Rollback => self.rollback.as_deref().unwrap_or_default(),
        }
    }

    fn list_mut(&mut self, part: Part) -> &mut Vec<Item> {
        match part {
            Part::Operations => &mut self.operations,
            Part::Validation => &mut self.validation,
            Part::Rollback => self.rollback.get_or_insert_default(),
        }
    }
}

fn swap<T>(list: &mut [T], index: usize, by: isize) {
    if let Some(other) = index.checked_add_signed(by)
        && other < list.len()
    {
        list.swap(index, other);
    }
}

#[cfg(test)]
mod tests {
    use bellows::document::Engine;
    use serde_json::json;

    use super::*;

    #[test]
    fn items_move_within_their_list_and_keep_their_values() {
        let mut draft = Draft::new(Engine::PostgreSql);
        let phase = draft.phases[0].id;
        let first = draft.add_item(phase, Part::Operations, "add_column");
        draft.set(first, "table", Some(json!("users")));
        let second = draft.add_item(phase, Part::Operations, "drop_column");
        assert_eq!(draft.item(second).unwrap().values["table"], "users");
        draft.move_item(second, -1);
        draft.move_item(second, -1);
        assert_eq!(
            draft.path(second, "column").unwrap(),
            "phases[0].operations[0].column"
        );
        assert_eq!(draft.path(first, "").unwrap(), "phases[0].operations[1]");
        draft.remove_item(second);
        assert!(draft.item(second).is_none());
        assert_eq!(draft.path(second, "column"), None);
    }
}
