//! The server of Bellows: the web application, the executor and the command line.

// The routes of the page are one deeply nested type.
#![recursion_limit = "256"]

pub mod audit;
pub mod auth;
pub mod backup;
pub mod cli;
pub mod demo;
pub mod events;
pub mod executor;
pub mod http;
pub mod pool;
pub mod secrets;
pub mod state;
pub mod store;
pub mod target;
pub mod usecase;
