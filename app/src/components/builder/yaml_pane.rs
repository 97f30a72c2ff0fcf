//! The document as text, with every mistake's line and column.

use leptos::prelude::*;

use super::editor::Editor;
use super::preview::Preview;

/// The text editor.
#[component]
pub(super) fn YamlPane(editor: Editor) -> impl IntoView {
    let area = NodeRef::<leptos::html::Textarea>::new();
    // What cannot be read, or what can and does not fit the target.
    let problems = move || match editor.preview.get() {
        Preview::Unreadable(problems) | Preview::Impossible(problems) => problems,
        Preview::Form(_) | Preview::Plan { .. } => Vec::new(),
    };
    let go = move |line: usize, column: usize| {
        if let Some(area) = area.get_untracked() {
            let at = offset(&editor.text.read_untracked(), line, column);
            // Where the browser refuses the selection, the focus alone must do.
            let _ = area.focus();
            let _ = area.set_selection_range(at, at);
        }
    };
    view! {
        <div class="field wide">
            <label for="yaml">"Document as YAML"</label>
            <textarea
                id="yaml"
                node_ref=area
                class="code yaml"
                rows=move || (editor.text.read().lines().count() + 2).clamp(20, 60).to_string()
                wrap="off"
                spellcheck="false"
                autocapitalize="none"
                aria-describedby="yaml-problems"
                aria-invalid=move || editor.reading.read().is_err().then_some("true")
                prop:value=move || editor.text.get()
                on:input=move |event| editor.text.set(event_target_value(&event))
            ></textarea>
            <ul class="problems" id="yaml-problems" aria-live="polite" data-testid="yaml-problems">
                {move || {
                    problems()
                        .into_iter()
                        .map(|problem| {
                            let line = problem.line.unwrap_or(1);
                            let column = problem.column.unwrap_or(1);
                            view! {
                                <li>
                                    <button
                                        type="button"
                                        class="link"
                                        on:click=move |_| go(line, column)
                                    >
                                        {format!("Line {line}, column {column}")}
                                    </button>
                                    ": "
                                    {problem.message}
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
        </div>
    }
    .into_any()
}

/// The place of a line and column, both from 1, in UTF-16 units as the browser counts.
fn offset(text: &str, line: usize, column: usize) -> u32 {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(|line| line.encode_utf16().count())
        .sum();
    let within: usize = text
        .split('\n')
        .nth(line.saturating_sub(1))
        .unwrap_or_default()
        .chars()
        .take(column.saturating_sub(1))
        .map(char::len_utf16)
        .sum();
    u32::try_from(before + within).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_the_browser_does() {
        let text = "a: 1\nb: 𝔘x\nc";
        assert_eq!(offset(text, 1, 1), 0);
        assert_eq!(offset(text, 2, 1), 5);
        assert_eq!(offset(text, 2, 5), 10);
        assert_eq!(offset(text, 3, 1), 12);
        assert_eq!(offset(text, 9, 1), 13);
    }
}
