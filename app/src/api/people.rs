//! People and their roles.

use bellows::access::Grant;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;

#[cfg(feature = "ssr")]
use super::{backend, told};
use crate::backend::{ApiError, NewPerson, PersonView};

/// Everybody.
#[server(name = ListPeople, endpoint = "people/list")]
pub async fn people() -> Result<Vec<PersonView>, ApiError> {
    told(backend()?.people().await)
}

/// Registers a person.
#[server(endpoint = "people/add", input = Json)]
pub async fn add_person(person: NewPerson) -> Result<PersonView, ApiError> {
    told(backend()?.add_person(person).await)
}

/// Replaces someone's roles.
#[server(endpoint = "people/set-grants", input = Json)]
pub async fn set_grants(id: String, grants: Vec<Grant>) -> Result<(), ApiError> {
    told(backend()?.set_grants(id, grants).await)
}
