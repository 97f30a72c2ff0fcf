//! The reader's judgement of the parts of a document: gates, phases, operations and checks.

use std::collections::BTreeMap;

use super::names::{nearest, shorten};
use super::read::{Reader, describe, join, list};
use super::tree::{Data, Entry, Node};
use super::{Field, GATE, PHASE, Part, Shape, Validation, checks};
use crate::operation::{Operation, shapes as operations};

impl Reader {
    pub(super) fn gate(&mut self, entry: &Entry, path: &str) {
        let Some(entries) = self.mapping(&entry.value, entry.at, path, "gate") else {
            return;
        };
        self.fields(entries, entry.value.at, &GATE, None, path);
        if entries.iter().all(|e| e.value.data == Data::Null) {
            let at = entries.first().map_or(entry.value.at, |e| e.at);
            self.say(at, path, "a gate says `deploy`, `soak` or both");
        }
        if let Some(deploy) = entries.iter().find(|e| e.key == "deploy")
            && let Some(text) = deploy.value.as_text()
            && text.trim().is_empty()
        {
            self.say(
                deploy.value.at,
                &join(path, "deploy"),
                "`deploy` is empty: say what must be deployed, or leave the key out",
            );
        }
    }

    /// A list of mappings of one shape.
    pub(super) fn items(&mut self, field: &Field, part: Part, node: &Node, path: &str) {
        let Some(shape) = part.item() else { return };
        let items = self.list(field, node, path);
        if items.is_empty() && field.required && matches!(node.data, Data::List(_)) {
            self.say(
                node.at,
                path,
                format!("`{}` is empty: {}", field.key, field.help),
            );
        }
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if let Some(entries) = self.mapping(item, None, &path, shape.word) {
                self.fields(entries, item.at, shape, None, &path);
            }
        }
    }

    /// Findings that are accepted, each with a reason that says something.
    pub(super) fn waivers(&mut self, field: &Field, node: &Node, path: &str) {
        self.items(field, Part::Waivers, node, path);
        let Data::List(items) = &node.data else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let Data::Map(entries) = &item.data else {
                continue;
            };
            if let Some(reason) = entries.iter().find(|e| e.key == "reason")
                && let Some(text) = reason.value.as_text()
                && text.trim().is_empty()
            {
                self.say(
                    reason.value.at,
                    &format!("{path}[{index}].reason"),
                    "`reason` is empty: say why the finding does no harm here",
                );
            }
        }
    }

    pub(super) fn phases(&mut self, field: &Field, node: &Node, path: &str) {
        let phases = self.list(field, node, path);
        if phases.is_empty() && matches!(node.data, Data::List(_)) {
            self.say(node.at, path, "a migration has at least one phase");
        }
        let mut lines = BTreeMap::new();
        for (index, phase) in phases.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(entries) = self.mapping(phase, None, &path, "phase") else {
                continue;
            };
            self.fields(entries, phase.at, &PHASE, None, &path);
            self.phase_number(entries, index, &mut lines, &path);
        }
    }

    fn phase_number(
        &mut self,
        entries: &[Entry],
        index: usize,
        seen: &mut BTreeMap<u64, Option<usize>>,
        path: &str,
    ) {
        let Some(node) = entries.iter().find(|e| e.key == "phase").map(|e| &e.value) else {
            return;
        };
        let Some(number) = node.as_number().and_then(serde_json::Number::as_u64) else {
            return;
        };
        let wanted = index as u64 + 1;
        let path = join(path, "phase");
        if let Some(line) = seen.get(&number) {
            let place = line.map_or(String::new(), |l| format!(", in line {l}"));
            self.say(
                node.at,
                &path,
                format!("phase {number} is there already{place}; this one would be {wanted}"),
            );
        } else {
            if number != wanted {
                self.say(
                    node.at,
                    &path,
                    format!("phases are numbered 1, 2, 3, ... in order: this one is {wanted}, not {number}"),
                );
            }
            seen.insert(number, node.at.map(|p| p.line));
        }
    }

    /// A mapping whose shape one of its keys names: an operation by `type`, a check by `check`.
    pub(super) fn tagged(&mut self, node: &Node, tag: &str, shapes: &[&'static Shape], path: &str) {
        let what = if tag == "type" {
            "an operation"
        } else {
            "a check"
        };
        let before = self.problems.len();
        let Some(entries) = self.mapping(node, None, path, what) else {
            return;
        };
        let words: Vec<&str> = shapes.iter().map(|s| s.word).collect();
        let Some(entry) = entries.iter().find(|e| e.key == tag) else {
            let near = entries.iter().find(|e| {
                nearest(&e.key, [tag]).is_some()
                    || ["operation", "type", "check"].contains(&e.key.as_str())
                    || words.contains(&e.key.as_str())
            });
            let hint = near.map_or(String::new(), |e| {
                if words.contains(&e.key.as_str()) {
                    format!("; write `{tag}: {}`, and its keys beside it", e.key)
                } else {
                    format!("; `{}` is meant to be `{tag}`", shorten(&e.key))
                }
            });
            return self.say(
                near.map_or(node.at, |e| e.at),
                &join(path, tag),
                format!("{what} needs `{tag}`, one of {}{hint}", list(&words)),
            );
        };
        let tag_path = join(path, tag);
        let Data::Text(word) = &entry.value.data else {
            let found = describe(&entry.value);
            return self.say(
                entry.value.at.or(entry.at),
                &tag_path,
                format!("`{tag}` is one of {}, and this is {found}", list(&words)),
            );
        };
        let Some(shape) = shapes.iter().find(|s| s.word == word) else {
            let has = |list: &[&'static Shape]| list.iter().any(|s| s.word == word);
            let elsewhere = if tag == "type" && has(checks()) {
                Some("a check, and belongs under `validation:`")
            } else if tag == "check" && has(operations()) {
                Some("an operation, and belongs under `operations:`")
            } else {
                None
            };
            if let Some(elsewhere) = elsewhere {
                let message = format!("`{word}` is {elsewhere}");
                return self.say(entry.value.at, &tag_path, message);
            }
            let hint = nearest(word, words.iter().copied())
                .map_or(".".to_owned(), |n| format!("; did you mean `{n}`?"));
            return self.say(
                entry.value.at,
                &tag_path,
                format!(
                    "`{}` is no {} that is known{hint} Known: {}",
                    shorten(word),
                    if tag == "type" { "operation" } else { "check" },
                    list(&words)
                ),
            );
        };
        self.fields(entries, node.at, shape, Some(tag), path);
        if self.problems.len() > before {
            return;
        }
        let refused = if tag == "type" {
            match serde_json::from_value::<Operation>(node.to_json()) {
                Ok(operation) => operation.form(),
                Err(error) => return self.say(node.at, path, format!("{word}: {error}")),
            }
        } else {
            match serde_json::from_value::<Validation>(node.to_json()) {
                Ok(validation) => validation.form(),
                Err(error) => return self.say(node.at, path, format!("{word}: {error}")),
            }
        };
        if let Err(refusal) = refused {
            let entry = entries.iter().find(|e| e.key == refusal.field);
            let at = entry.map_or(node.at, |e| e.value.at.or(e.at));
            self.say(at, &join(path, refusal.field), refusal.message);
        }
    }
}
