//! The server as browsers and other clients meet it.

#[path = "../support/app.rs"]
mod app;

mod audit;
mod flow;
mod guard;
mod hold;
mod permissions;
mod runs;
mod security;
mod sessions;
mod sockets;
mod store;
mod waivers;
