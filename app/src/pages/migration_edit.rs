//! A migration in the editor.

use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use crate::api;
use crate::backend::MigrationDetail;
use crate::components::builder::{Builder, Editor, Origin};
use crate::components::{LiveSchemaNote, Loaded, PageHead, live_schema};
use crate::draft::Draft;

/// The page.
#[component]
pub fn MigrationEditPage() -> impl IntoView {
    let params = use_params_map();
    let detail = Resource::new(
        move || params.read().get("id").unwrap_or_default(),
        api::migration,
    );
    view! {
        <Loaded resource=detail let:detail>
            <Edit detail />
        </Loaded>
    }
    .into_any()
}

#[component]
fn Edit(detail: MigrationDetail) -> impl IntoView {
    let target = detail.summary.target_id.clone();
    let state = live_schema(Signal::stored(Some(target.clone())));
    let facts = Signal::derive(move || state.read().facts());
    let origin = Origin {
        id: Some(detail.summary.id.clone()),
        version: detail.summary.version,
        target_id: target,
    };
    let schema = Signal::derive(move || state.read().ready());
    let editor = Editor::new(
        Draft::of(&detail.document),
        detail.text,
        origin,
        schema,
        facts,
    );
    view! {
        <PageHead title=format!("Edit {}", detail.summary.name)>
            <A href=format!("/migrations/{}", detail.summary.id) attr:class="button">
                "Back to the migration"
            </A>
        </PageHead>
        <p class="muted">
            "For the target " <strong>{detail.summary.target}</strong>
            ". A save makes a new version; approvals stay with the old one."
        </p>
        {(!detail.can_edit)
            .then(|| {
                view! {
                    <p class="notice warn">
                        "You can look at this document and try things out, and not save it."
                    </p>
                }
            })}
        <LiveSchemaNote state />
        <Builder editor />
    }
    .into_any()
}
