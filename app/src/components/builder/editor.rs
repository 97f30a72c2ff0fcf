//! The state of the builder: one document, seen as a form or as YAML.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bellows::document::{
    Engine, Migration, Problem, Waiver, emit, emit_draft, hash, parse, read_draft, waive_in_text,
};
use bellows::estimate::TargetFacts;
use bellows::lint::{Finding, repair};
use bellows::plan::Plan;
use bellows::schema::Schema;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::preview::Preview;
use crate::api;
use crate::backend::PreviewRequest;
use crate::draft::Draft;

/// How the document is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As a form.
    Form,
    /// As text.
    Yaml,
}

/// Where the document came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The migration; absent for a new one.
    pub id: Option<String>,
    /// The version that is edited; 0 for a new migration.
    pub version: u32,
    /// The target.
    pub target_id: String,
}

/// The safe way that took an operation's place, and what was there before.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixed {
    /// What was done, for people.
    pub words: String,
    /// The form and the text as they were.
    before: (Draft, String),
    /// The document as it is now: once it is edited further, there is no way back over the edit.
    after: Migration,
    changed: bool,
}

impl Fixed {
    /// Whether there is anything to take back.
    pub fn changed(&self) -> bool {
        self.changed
    }
}

/// One document under the hands of its author.
#[derive(Clone, Copy)]
pub struct Editor {
    /// What the form shows.
    pub draft: RwSignal<Draft>,
    /// What the text editor shows; kept while it says the same as the form.
    pub text: RwSignal<String>,
    /// Which of the two is shown.
    pub mode: RwSignal<Mode>,
    /// The target's tables, once they are there.
    pub schema: Signal<Option<Arc<Schema>>>,
    /// Where the document came from, and where a save goes.
    pub origin: RwSignal<Origin>,
    /// The text that was saved last; empty for a new document.
    pub saved: RwSignal<String>,
    /// The document as it stands, or what is wrong with it.
    pub reading: Memo<Result<Migration, Vec<Problem>>>,
    /// The problems by their paths.
    pub problems: Memo<HashMap<String, Vec<String>>>,
    /// The text that a save would send.
    pub current: Memo<String>,
    /// Whether there is anything to save.
    pub dirty: Memo<bool>,
    /// What the document would do.
    pub preview: Memo<Preview>,
    /// The fix that was applied last.
    fixed: RwSignal<Option<Fixed>>,
}

impl Editor {
    /// An editor over a document.
    ///
    /// `text` is the text it was saved as, empty where there is none yet.
    pub fn new(
        draft: Draft,
        text: String,
        origin: Origin,
        schema: Signal<Option<Arc<Schema>>>,
        facts: Signal<Option<Arc<TargetFacts>>>,
    ) -> Self {
        let saved = RwSignal::new(text.clone());
        let draft = RwSignal::new(draft);
        let text = RwSignal::new(text);
        let mode = RwSignal::new(Mode::Form);
        let reading = Memo::new(move |_| match mode.get() {
            Mode::Form => read_draft(&draft.read().to_json()),
            Mode::Yaml => parse(&text.read()),
        });
        let problems = Memo::new(move |_| {
            let mut by_path: HashMap<String, Vec<String>> = HashMap::new();
            if let Err(problems) = &*reading.read() {
                for problem in problems {
                    let list = by_path.entry(problem.path.clone()).or_default();
                    list.push(problem.message.clone());
                }
            }
            by_path
        });
        let current = Memo::new(move |_| match mode.get() {
            Mode::Yaml => text.get(),
            Mode::Form => as_text(&draft.read(), &text.read()),
        });
        let dirty = Memo::new(move |_| *current.read() != *saved.read());
        let origin = RwSignal::new(origin);
        let parsed = parsed_by_server(reading, origin);
        let preview = Memo::new(move |_| {
            let text = (mode.get() == Mode::Yaml).then(|| text.get());
            let reading = reading.read();
            if let (Ok(migration), Some(plan)) = (&*reading, parsed.get())
                && hash(migration) == plan.hash
            {
                return Preview::Plan {
                    plan: Box::new(plan),
                    checked: true,
                };
            }
            Preview::of(
                &reading,
                schema.get().as_deref(),
                facts.get().as_deref(),
                text.as_deref(),
            )
        });
        Self {
            draft,
            text,
            mode,
            schema,
            origin,
            saved,
            reading,
            problems,
            current,
            dirty,
            preview,
            fixed: RwSignal::new(None),
        }
    }

    /// Shows the text: as it was where it says the same as the form, else written anew.
    pub fn show_yaml(self) {
        if self.mode.get_untracked() == Mode::Form {
            self.text.set(self.current.get_untracked());
            self.mode.set(Mode::Yaml);
        }
    }

    /// Shows the form.
    ///
    /// # Errors
    /// Where the text has mistakes: it is left as it is.
    pub fn show_form(self) -> Result<(), ()> {
        if self.mode.get_untracked() == Mode::Yaml {
            let migration = parse(&self.text.read_untracked()).map_err(|_| ())?;
            self.draft.set(Draft::of(&migration));
            self.mode.set(Mode::Form);
        }
        Ok(())
    }

    /// Writes into the document that a finding is accepted. In a text everything else stays as it
    /// is; where the text is laid out such that it cannot, it is written anew.
    pub fn waive(self, finding: &Finding, reason: String) {
        let waiver = Waiver {
            rule: finding.rule.clone(),
            operation: finding.operation,
            reason,
        };
        let Ok(migration) = self.reading.get_untracked() else {
            return;
        };
        match self.mode.get_untracked() {
            Mode::Form => self
                .draft
                .set(Draft::of(&migration.waiving(finding.phase, waiver))),
            Mode::Yaml => {
                let text = waive_in_text(&self.text.read_untracked(), finding.phase, &waiver)
                    .unwrap_or_else(|| emit(&migration.waiving(finding.phase, waiver)));
                self.text.set(text);
            }
        }
    }

    /// Puts the safe way that a finding brings in the place of what it is about.
    pub fn fix(self, finding: &Finding) {
        let Ok(migration) = self.reading.get_untracked() else {
            return;
        };
        // Of the two only the one that is shown is kept up to date.
        let draft = match self.mode.get_untracked() {
            Mode::Form => self.draft.get_untracked(),
            Mode::Yaml => Draft::of(&migration),
        };
        let before = (draft, self.current.get_untracked());
        let fixed = repair::document(&migration, std::slice::from_ref(finding));
        let words = match &fixed {
            Some(fixed) => {
                let more = fixed.phases.len().saturating_sub(migration.phases.len());
                match more {
                    0 => "The safe way stands in its place.".to_owned(),
                    more => format!(
                        "The safe way stands in its place: {} more.",
                        crate::text::plural(more as u64, "phase")
                    ),
                }
            }
            None => "This phase has a way back of its own, which would not fit the safe way: take the phase\u{2019}s rollback out first.".to_owned(),
        };
        if let Some(fixed) = &fixed {
            match self.mode.get_untracked() {
                Mode::Form => self.draft.set(Draft::of(fixed)),
                Mode::Yaml => self.text.set(emit(fixed)),
            }
        }
        self.fixed.set(Some(Fixed {
            words,
            before,
            changed: fixed.is_some(),
            after: fixed.unwrap_or(migration),
        }));
    }

    /// What is to be said of the fix that was applied last, as long as the document is as it left it.
    pub fn fixed(self) -> Option<Fixed> {
        let fixed = self.fixed.get()?;
        let stands = matches!(&*self.reading.read(), Ok(now) if *now == fixed.after);
        stands.then_some(fixed)
    }

    /// Puts back what was there before the fix.
    pub fn take_back(self, fixed: Fixed) {
        let (draft, text) = fixed.before;
        self.draft.set(draft);
        self.text.set(text);
        self.fixed.set(None);
    }

    /// The document's engine.
    pub fn engine(self) -> Signal<Engine> {
        let draft = self.draft;
        Signal::derive(move || draft.read().database)
    }

    /// What is wrong at a path.
    pub fn problems_at(
        self,
        path: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Signal<Vec<String>> {
        let problems = self.problems;
        Signal::derive(move || {
            path()
                .and_then(|path| problems.read().get(&path).cloned())
                .unwrap_or_default()
        })
    }
}

/// The server's plan of a document that holds SQL of its own: it has the parsers, which the page
/// leaves off. Asked once the author pauses; until the answer is there, and where none comes, the
/// page's own reading of that SQL stands, which is the stricter one.
fn parsed_by_server(
    reading: Memo<Result<Migration, Vec<Problem>>>,
    origin: RwSignal<Origin>,
) -> RwSignal<Option<Plan>> {
    const PAUSE: Duration = Duration::from_millis(300);

    let parsed = RwSignal::new(None);
    Effect::new(move || {
        let target_id = origin.read().target_id.clone();
        let Ok(migration) = reading.get() else {
            return;
        };
        if target_id.is_empty() || !migration.has_raw_sql() {
            return;
        }
        let wanted = hash(&migration);
        set_timeout(
            move || {
                let still = reading
                    .try_get_untracked()
                    .and_then(Result::ok)
                    .is_some_and(|now| hash(&now) == wanted);
                if !still {
                    return;
                }
                spawn_local(async move {
                    let text = emit(&migration);
                    let request = PreviewRequest { target_id, text };
                    if let Ok(plan) = api::preview(request).await {
                        parsed.try_set(Some(plan));
                    }
                });
            },
            PAUSE,
        );
    });
    parsed
}

/// The draft as text: the text that there is, where it says the same.
fn as_text(draft: &Draft, text: &str) -> String {
    let json = draft.to_json();
    if let Ok(wanted) = read_draft(&json)
        && parse(text).is_ok_and(|said| said == wanted)
    {
        return text.to_owned();
    }
    emit_draft(&json)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# why this is done
migration:
  name: a
  database: sqlite
  phases:
    - {phase: 1, description: Add}
";

    #[test]
    fn a_text_that_says_the_same_is_kept_to_the_letter() {
        let mut draft = Draft::of(&parse(TEXT).unwrap());
        assert_eq!(as_text(&draft, TEXT), TEXT);
        draft.description = "new".to_owned();
        let written = as_text(&draft, TEXT);
        assert!(written.contains("description: new"), "{written}");
        assert!(!written.contains('#'));
    }
}
