//! Fixes applied: a document with the safe sequence in place of what was found.

use serde_json::{Value, json};

use super::{Finding, Severity};
use crate::document::{Migration, read_draft, slug};
use crate::sql::{Act, Script};

/// The document with the fixes of its findings in place; nothing where none of them has a fix.
///
/// A phase is cut in two around the operation that a fix stands for; what the phase asks for before
/// it starts stays with the first part, and what must hold afterwards with the last one. A phase
/// with a rollback of its own is left alone: nobody knows which part undoes what.
pub fn document(migration: &Migration, findings: &[Finding]) -> Option<Migration> {
    let mut draft = serde_json::to_value(migration).ok()?;
    let mut out = Vec::new();
    let mut changed = false;
    for phase in draft["phases"].as_array()? {
        let number = phase["phase"].as_u64();
        let fix_of = |operation: usize| {
            findings
                .iter()
                .filter(|f| f.phase.map(u64::from) == number && f.operation == Some(operation))
                .filter(|f| f.waived.is_none())
                .find_map(|f| f.fix.as_ref())
        };
        let own_rollback = phase["rollbackOperations"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        let operations = phase["operations"].as_array().cloned().unwrap_or_default();
        if own_rollback || (0..operations.len()).all(|at| fix_of(at).is_none()) {
            out.push(phase.clone());
            continue;
        }
        changed = true;
        let first = out.len();
        let mut kept: Vec<Value> = Vec::new();
        for (at, operation) in operations.into_iter().enumerate() {
            let Some(fix) = fix_of(at).and_then(Value::as_array) else {
                kept.push(operation);
                continue;
            };
            if !kept.is_empty() {
                out.push(json!({ "operations": std::mem::take(&mut kept) }));
            }
            out.extend(fix.iter().cloned());
        }
        if !kept.is_empty() {
            out.push(json!({ "operations": kept }));
        }
        inherit(phase, out.get_mut(first..).unwrap_or_default());
    }
    if !changed {
        return None;
    }
    draft["phases"] = numbered(out);
    read_draft(&draft).ok()
}

/// What the whole phase said goes to the parts that it became.
fn inherit(phase: &Value, parts: &mut [Value]) {
    for part in parts.iter_mut() {
        for key in ["description", "timeout"] {
            if part.get(key).is_none_or(|v| v.is_null() || v == "") && !phase[key].is_null() {
                part[key] = phase[key].clone();
            }
        }
    }
    if let Some(first) = parts.first_mut()
        && !phase["gate"].is_null()
    {
        first["gate"] = phase["gate"].clone();
    }
    if let Some(last) = parts.last_mut()
        && let Some(checks) = phase["validation"].as_array()
        && !checks.is_empty()
    {
        let mut all = last["validation"].as_array().cloned().unwrap_or_default();
        all.extend(checks.iter().cloned());
        last["validation"] = Value::Array(all);
    }
}

/// A document for what a text of SQL does, with the fixes of its findings in place; nothing where
/// none of them has a fix. What has none stays as SQL. Transactions are left out: a document's
/// phases and steps have their own.
pub fn text(name: &str, sql: &str, script: &Script, findings: &[Finding]) -> Option<Migration> {
    let mut out: Vec<Value> = Vec::new();
    let mut plain: Vec<Value> = Vec::new();
    let mut changed = false;
    for (number, reading) in script.statements.iter().enumerate() {
        let timeout = if let Act::Set { name, .. } = &reading.act {
            name.ends_with("_timeout")
        } else {
            false
        };
        if timeout || matches!(reading.act, Act::Transaction(_)) {
            continue;
        }
        let fix = findings
            .iter()
            .filter(|f| f.statement == Some(number + 1))
            .find_map(|f| f.fix.as_ref().and_then(Value::as_array));
        match fix {
            Some(fix) => {
                if !plain.is_empty() {
                    out.push(json!({ "operations": std::mem::take(&mut plain) }));
                }
                out.extend(fix.iter().cloned());
                changed = true;
            }
            None => plain.push(json!({ "type": "custom_sql", "sql": reading.span.of(sql).trim() })),
        }
    }
    if !plain.is_empty() {
        out.push(json!({ "operations": plain }));
    }
    if !changed {
        return None;
    }
    let name = Some(slug(name)).filter(|s| !s.is_empty());
    let draft = json!({
        "name": name.as_deref().unwrap_or("migration"),
        "database": script.engine,
        "description": format!("What {} does, in steps that hold nobody up", name.as_deref().unwrap_or("the SQL")),
        "phases": numbered(out),
    });
    read_draft(&draft).ok()
}

/// What fixes leave: the findings without one, of operations and statements without one.
pub fn left(findings: &[Finding]) -> Vec<Finding> {
    let place = |f: &Finding| (f.phase, f.operation, f.statement);
    let fixed: Vec<_> = findings
        .iter()
        .filter(|f| f.fix.is_some())
        .map(place)
        .collect();
    findings
        .iter()
        .filter(|f| !fixed.contains(&place(f)) && f.severity != Severity::Info)
        .cloned()
        .collect()
}

fn numbered(mut phases: Vec<Value>) -> Value {
    for (at, phase) in phases.iter_mut().enumerate() {
        phase["phase"] = json!(at + 1);
    }
    Value::Array(phases)
}
