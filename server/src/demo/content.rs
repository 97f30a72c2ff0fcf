//! What there is to try in the demonstration: people, targets and migrations, made through the
//! use cases that a person would use.

use std::collections::BTreeMap;
use std::path::Path;

use bellows::access::{Grant, Role};
use bellows::document::{Engine, emit};
use bellows::operation::Operation;
use bellows::pattern;
use bellows_app::backend::{
    MigrationBackend, NewPerson, NewTarget, PeopleBackend, SaveRequest, SessionBackend,
    TargetBackend, TargetSummary,
};

use super::{DemoError, DemoPerson, Samples, secrets};
use crate::auth::{Actor, Origin, setup};
use crate::state::AppState;
use crate::usecase::{RequestBackend, actor_by_login, readdress_target};

const ENVIRONMENT: &str = "demo";

/// A document with a mistake that only the data shows.
const FAILING: &str = include_str!("../../../examples/failing-check.yaml");

/// Makes what is not there yet.
pub(super) async fn prepare(
    state: &AppState,
    data_dir: &Path,
    samples: &Samples,
) -> Result<Vec<DemoPerson>, DemoError> {
    let people = register_people(state, data_dir).await?;
    let admin = whoever(state, &people, Role::Admin).await?;
    let engineer = whoever(state, &people, Role::Engineer).await?;
    let sqlite = format!("sqlite:{}", samples.sqlite.display());
    let sqlite = register_target(state, &admin, "shop on SQLite", &sqlite).await?;
    let first = match &samples.postgres {
        Ok(cluster) => register_target(state, &admin, "shop on PostgreSQL", &cluster.url()).await?,
        Err(_) => sqlite.clone(),
    };
    save(
        &engineer,
        &first,
        &loyalty_points(&engineer, &first).await?,
        true,
    )
    .await?;
    save(&engineer, &sqlite, FAILING, false).await?;
    Ok(people)
}

/// Refuses records in which people are registered who are not the demo's.
pub(super) async fn check(state: &AppState, data_dir: &Path) -> Result<(), DemoError> {
    if nobody(state).needs_setup().await? || secrets::are_kept(data_dir) {
        Ok(())
    } else {
        Err(DemoError::NotADemo(data_dir.to_owned()))
    }
}

fn nobody(state: &AppState) -> RequestBackend {
    RequestBackend::new(state.clone(), Actor::nobody(Origin::Server))
}

/// Registers the people who are not there: the first one, an admin, with the one-time token as
/// on any first start, and that one the others.
async fn register_people(state: &AppState, data_dir: &Path) -> Result<Vec<DemoPerson>, DemoError> {
    let people = secrets::people(data_dir)?;
    let nobody = nobody(state);
    let fresh = nobody.needs_setup().await?;
    if fresh && let Some(admin) = people.iter().find(|p| p.role == Role::Admin) {
        let token = setup::prepare(&state.store).await?.unwrap_or_default();
        nobody
            .set_up(
                token,
                admin.login.clone(),
                admin.name.clone(),
                admin.password.clone(),
            )
            .await?;
    }
    let admin = whoever(state, &people, Role::Admin).await?;
    let there = admin.people().await?;
    for person in &people {
        if there.iter().any(|p| p.login == person.login) {
            continue;
        }
        admin
            .add_person(NewPerson {
                login: person.login.clone(),
                name: person.name.clone(),
                password: person.password.clone(),
                grants: vec![Grant {
                    role: person.role,
                    environment: None,
                }],
            })
            .await?;
    }
    Ok(people)
}

/// The use cases as the person with that role.
async fn whoever(
    state: &AppState,
    people: &[DemoPerson],
    role: Role,
) -> Result<RequestBackend, DemoError> {
    let login = people
        .iter()
        .find(|p| p.role == role)
        .map_or("", |p| &p.login);
    let actor = actor_by_login(state, login).await?;
    Ok(RequestBackend::new(state.clone(), actor))
}

async fn register_target(
    state: &AppState,
    admin: &RequestBackend,
    name: &str,
    url: &str,
) -> Result<TargetSummary, DemoError> {
    let there = admin
        .targets()
        .await?
        .into_iter()
        .find(|target| target.name == name);
    Ok(match there {
        // The sample cluster may have had to move to another port.
        Some(target) => readdress_target(state, &target.id, url).await?,
        None => {
            let target = NewTarget {
                name: name.to_owned(),
                environment: ENVIRONMENT.to_owned(),
                url: url.to_owned(),
            };
            admin.add_target(target).await?
        }
    })
}

/// A required column with a computed value: a backfill that there is something to see of.
async fn loyalty_points(
    engineer: &RequestBackend,
    target: &TargetSummary,
) -> Result<String, DemoError> {
    let schema = engineer.target_schema(target.id.clone()).await?;
    let fields = [
        ("table", "customers"),
        ("column", "loyalty_points"),
        ("dataType", "INTEGER"),
        ("default", "0"),
        ("backfill", "orders_count * 10 + spent_cents / 1000"),
    ];
    let fields: BTreeMap<String, String> = fields
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let word = "add-required-column";
    let mut migration = pattern::expand(word, &fields, target.engine, Some(&schema))
        .map_err(|errors| DemoError::Document(errors.into_iter().map(|e| e.message).collect()))?;
    migration.name = "add-loyalty-points".to_owned();
    migration.description = "Loyalty points for every customer, from what they ordered".to_owned();
    for operation in migration
        .phases
        .iter_mut()
        .flat_map(|phase| &mut phase.operations)
    {
        if let Operation::Backfill(backfill) = operation {
            // Slow enough to be watched, paused and resumed by a person.
            backfill.batch_size = Some(1_000);
            backfill.pause_ms = 30;
        }
    }
    Ok(emit(&migration))
}

/// Saves a document as a draft, and asks for its review, unless it is there.
async fn save(
    engineer: &RequestBackend,
    target: &TargetSummary,
    text: &str,
    for_review: bool,
) -> Result<(), DemoError> {
    let text = match target.engine {
        Engine::PostgreSql => text.replace("database: sqlite", "database: postgresql"),
        Engine::MySql | Engine::MariaDb => text.replace(
            "database: sqlite",
            &format!("database: {}", target.engine.word()),
        ),
        Engine::Sqlite => text.replace("database: postgresql", "database: sqlite"),
    };
    let name = bellows::document::parse(&text)
        .map_err(|problems| {
            DemoError::Document(problems.iter().map(ToString::to_string).collect())
        })?
        .name;
    if engineer
        .migrations()
        .await?
        .iter()
        .any(|migration| migration.name == name)
    {
        return Ok(());
    }
    let request = SaveRequest {
        id: None,
        target_id: target.id.clone(),
        text,
        base_version: 0,
    };
    let saved = engineer.save_migration(request).await?;
    if for_review {
        engineer.request_review(saved.id, saved.version).await?;
    }
    Ok(())
}
