//! People and their roles.

use async_trait::async_trait;
use bellows::access::{Action, Grant, Role};
use bellows_app::backend::{Answer, NewPerson, PeopleBackend, PersonView};
use serde_json::json;

use super::{RequestBackend, conflict, invalid, not_found};
use crate::audit::{Entry, append};
use crate::auth::password;
use crate::store::people::{self, Person};
use crate::store::{new_id, now};

fn view(person: Person) -> PersonView {
    PersonView {
        id: person.id,
        login: person.login,
        name: person.name,
        grants: person.grants,
        created_at: person.created_at,
    }
}

/// Whether login, name and password will do; gives the login as it is kept.
pub(super) fn check_new_login(login: &str, name: &str, password: &str) -> Answer<String> {
    let login = login.trim().to_lowercase();
    let mut problems = Vec::new();
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if login.is_empty() || login.len() > 64 || !login.chars().all(known) {
        problems.push(
            "A login has 1 to 64 of the letters a to z, digits, dots, dashes and underscores."
                .to_owned(),
        );
    }
    if name.trim().is_empty() || name.chars().count() > 200 {
        problems.push("A name has 1 to 200 characters.".to_owned());
    }
    problems.extend(password::refuse(password, &login));
    if problems.is_empty() {
        Ok(login)
    } else {
        Err(super::with_details(
            invalid("This person cannot be registered so."),
            problems,
        ))
    }
}

fn check_grants(grants: &[Grant]) -> Answer<()> {
    let bad = grants.iter().any(|grant| {
        grant
            .environment
            .as_ref()
            .is_some_and(|environment| environment.trim().is_empty())
    });
    if bad {
        return Err(invalid(
            "A role is for one environment, or for all of them.",
        ));
    }
    Ok(())
}

#[async_trait]
impl PeopleBackend for RequestBackend {
    async fn people(&self) -> Answer<Vec<PersonView>> {
        self.require(Action::ManagePeople, None, "people").await?;
        let mut tx = self.store().read().await?;
        Ok(people::all(&mut tx).await?.into_iter().map(view).collect())
    }

    async fn add_person(&self, person: NewPerson) -> Answer<PersonView> {
        self.require(Action::ManagePeople, None, "people").await?;
        check_grants(&person.grants)?;
        let login = check_new_login(&person.login, &person.name, &person.password)?;
        let hash = password::hash(person.password).await?;
        let new = Person {
            id: new_id(),
            login,
            name: person.name.trim().to_owned(),
            grants: person.grants,
            created_at: now(),
        };
        let mut tx = self.store().write().await?;
        people::insert(&mut tx, &new, &hash)
            .await
            .map_err(|error| {
                if error.is_duplicate() {
                    conflict(format!("{} is registered already.", new.login))
                } else {
                    error.into()
                }
            })?;
        let entry = Entry::new("person.added", format!("person {}", new.login))
            .detail(json!({ "after": { "name": new.name, "grants": new.grants } }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        Ok(view(new))
    }

    async fn set_grants(&self, id: String, grants: Vec<Grant>) -> Answer<()> {
        self.require(Action::ManagePeople, None, "people").await?;
        check_grants(&grants)?;
        let mut tx = self.store().write().await?;
        let person = people::by_id(&mut tx, &id)
            .await?
            .ok_or_else(|| not_found("person"))?;
        people::set_grants(&mut tx, &id, &grants).await?;
        let admins = people::all(&mut tx)
            .await?
            .iter()
            .filter(|person| {
                person
                    .grants
                    .iter()
                    .any(|grant| grant.role == Role::Admin && grant.environment.is_none())
            })
            .count();
        if admins == 0 {
            return Err(conflict(
                "Nobody would be left who can manage people. Make someone else an admin first.",
            ));
        }
        let entry = Entry::new("person.grants", format!("person {}", person.login))
            .detail(json!({ "before": person.grants, "after": grants }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        Ok(())
    }
}
