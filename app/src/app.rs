//! The document around every page, and the table of routes.

use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::path;

use crate::components::Layout;
use crate::pages::{
    AuditPage, DashboardPage, ExecutionPage, ExecutionsPage, MigrationEditPage, MigrationNewPage,
    MigrationPage, MigrationsPage, NotFoundPage, PeoplePage, RulePage, RulesPage, SetUpPage,
    SignInPage, TargetsPage,
};

/// The HTML document that the server wraps around [`App`].
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
                <link rel="stylesheet" href="/pkg/bellows.css" />
                <AutoReload options=options.clone() />
                <HydrationScripts options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The application: every page waits for its data on the server, so that it can be read before
/// the browser has taken over.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();

    view! {
        <Title formatter=|title: String| {
            if title.is_empty() { "Bellows".to_owned() } else { format!("{title} · Bellows") }
        } />
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=path!("/sign-in") view=SignInPage ssr=SsrMode::Async />
                <Route path=path!("/set-up") view=SetUpPage ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Layout ssr=SsrMode::Async>
                    <Route path=path!("/") view=DashboardPage ssr=SsrMode::Async />
                    <Route path=path!("/migrations") view=MigrationsPage ssr=SsrMode::Async />
                    <Route path=path!("/migrations/new") view=MigrationNewPage ssr=SsrMode::Async />
                    <Route path=path!("/migrations/:id") view=MigrationPage ssr=SsrMode::Async />
                    <Route
                        path=path!("/migrations/:id/edit")
                        view=MigrationEditPage
                        ssr=SsrMode::Async
                    />
                    <Route path=path!("/executions") view=ExecutionsPage ssr=SsrMode::Async />
                    <Route path=path!("/executions/:id") view=ExecutionPage ssr=SsrMode::Async />
                    <Route path=path!("/targets") view=TargetsPage ssr=SsrMode::Async />
                    <Route path=path!("/rules") view=RulesPage ssr=SsrMode::Async />
                    <Route path=path!("/rules/:id") view=RulePage ssr=SsrMode::Async />
                    <Route path=path!("/audit") view=AuditPage ssr=SsrMode::Async />
                    <Route path=path!("/people") view=PeoplePage ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
    }
}
