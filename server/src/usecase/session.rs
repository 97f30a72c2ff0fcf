//! Sign-in, sign-out, set-up, and the first page.

use async_trait::async_trait;
use bellows::access::{Action, Grant, Role};
use bellows::run::ExecutionState;
use bellows_app::backend::{Answer, ApiError, Dashboard, ErrorCode, Me, SessionBackend, SignIn};
use serde_json::json;

use super::people::check_new_login;
use super::{RequestBackend, invalid};
use crate::audit::{Entry, append};
use crate::auth::{Actor, Origin, password, sessions, setup, throttle};
use crate::store::people::Person;
use crate::store::{Tx, executions, new_id, now, people, sessions as rows};

/// Migrations that the first page shows as changed last.
const RECENT: usize = 8;

fn me(person: &Person) -> Me {
    Me {
        id: person.id.clone(),
        login: person.login.clone(),
        name: person.name.clone(),
        grants: person.grants.clone(),
    }
}

impl RequestBackend {
    fn subjects(&self, login: &str) -> throttle::Subjects {
        let address = match self.actor.origin {
            Origin::Address(address) => Some(address),
            Origin::CommandLine | Origin::Server => None,
        };
        throttle::Subjects::new(login, address)
    }

    /// Begins a session for the person within the transaction, recorded; the cookie is given it
    /// after the commit.
    async fn begin_session(&self, tx: &mut Tx, person: &Person) -> Answer<rows::SignedIn> {
        if let Some(before) = &self.actor.session {
            rows::delete(tx, before).await?;
        }
        let session = sessions::begin(&person.id, self.actor.origin);
        rows::insert(tx, &session).await?;
        let actor = Actor::person(person.clone(), self.actor.origin, Some(session.id.clone()));
        let entry = Entry::new("session.started", format!("person {}", person.login));
        append(tx, &actor, entry).await?;
        Ok(session)
    }

    async fn give_cookie(&self, session: &rows::SignedIn) -> Answer<()> {
        if let Some(cookie) = &self.cookie {
            sessions::bind(cookie, session).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl SessionBackend for RequestBackend {
    fn me(&self) -> Option<Me> {
        self.actor.person.as_ref().map(me)
    }

    async fn sign_in(&self, request: SignIn) -> Answer<Me> {
        let login = request.login.trim().to_lowercase();
        let subject = format!("person {}", login.chars().take(64).collect::<String>());
        let subjects = self.subjects(&login);

        let mut tx = self.store().write().await?;
        if let Err(seconds) = throttle::admit(&mut tx, &subjects, now()).await? {
            let entry = Entry::refusal("session.refused", subject, "too many tries");
            append(&mut tx, &self.actor, entry).await?;
            tx.commit().await?;
            return Err(ApiError::new(
                ErrorCode::Throttled,
                format!("Too many tries. Wait {seconds} seconds and try again."),
            ));
        }
        let known = people::credentials(&mut tx, &login).await?;
        tx.commit().await?;

        let (id, hash) = known.unzip();
        let right = password::verify(request.password, hash).await?;
        let mut tx = self.store().write().await?;
        let person = match id {
            Some(id) if right => people::by_id(&mut tx, &id).await?,
            Some(_) | None => None,
        };
        let Some(person) = person else {
            let entry = Entry::refusal("session.refused", subject, "wrong login or password");
            append(&mut tx, &self.actor, entry).await?;
            tx.commit().await?;
            return Err(invalid("The login or the password is wrong."));
        };
        throttle::succeeded(&mut tx, &subjects).await?;
        let session = self.begin_session(&mut tx, &person).await?;
        tx.commit().await?;
        self.give_cookie(&session).await?;
        Ok(me(&person))
    }

    async fn sign_out(&self) -> Answer<()> {
        if let (Some(session), Some(person)) = (&self.actor.session, &self.actor.person) {
            let mut tx = self.store().write().await?;
            rows::delete(&mut tx, session).await?;
            let entry = Entry::new("session.ended", format!("person {}", person.login));
            append(&mut tx, &self.actor, entry).await?;
            tx.commit().await?;
        }
        if let Some(cookie) = &self.cookie {
            cookie.flush().await.map_err(sessions::SessionError::from)?;
        }
        Ok(())
    }

    async fn needs_setup(&self) -> Answer<bool> {
        let mut tx = self.store().read().await?;
        Ok(people::count(&mut tx).await? == 0)
    }

    async fn set_up(
        &self,
        token: String,
        login: String,
        name: String,
        password: String,
    ) -> Answer<Me> {
        let refused = || {
            ApiError::new(
                ErrorCode::Forbidden,
                "The set-up token is wrong or was used. It is in the server's log; \
                 a restart makes a new one while nobody is registered.",
            )
        };
        let digest = setup::digest(&token);
        let mut tx = self.store().read().await?;
        let right = rows::setup_token(&mut tx).await?.as_ref() == Some(&digest);
        drop(tx);
        if !right {
            let mut tx = self.store().write().await?;
            let entry = Entry::refusal("setup.refused", "set-up", "wrong token");
            append(&mut tx, &self.actor, entry).await?;
            tx.commit().await?;
            return Err(refused());
        }
        let login = check_new_login(&login, &name, &password)?;
        let hash = password::hash(password).await?;
        let person = Person {
            id: new_id(),
            login,
            name: name.trim().to_owned(),
            grants: vec![Grant {
                role: Role::Admin,
                environment: None,
            }],
            created_at: now(),
        };
        let mut tx = self.store().write().await?;
        if !rows::take_setup_token(&mut tx, &digest).await? || people::count(&mut tx).await? > 0 {
            return Err(refused());
        }
        people::insert(&mut tx, &person, &hash).await?;
        let actor = Actor::person(person.clone(), self.actor.origin, None);
        let entry = Entry::new("person.added", format!("person {}", person.login))
            .detail(json!({ "after": { "grants": person.grants }, "by": "set-up token" }));
        append(&mut tx, &actor, entry).await?;
        let session = self.begin_session(&mut tx, &person).await?;
        tx.commit().await?;
        self.give_cookie(&session).await?;
        Ok(me(&person))
    }

    async fn dashboard(&self) -> Answer<Dashboard> {
        self.require(Action::Read, None, "dashboard").await?;
        let mut tx = self.store().read().await?;
        let running = executions::all(&mut tx)
            .await?
            .into_iter()
            .filter(|execution| match execution.state {
                ExecutionState::Running
                | ExecutionState::Waiting
                | ExecutionState::Paused
                | ExecutionState::RollingBack => true,
                ExecutionState::Completed
                | ExecutionState::Failed
                | ExecutionState::RolledBack
                | ExecutionState::Cancelled => false,
            })
            .collect::<Vec<_>>();
        let mut waiting_for_me = Vec::new();
        let mut recent = Vec::new();
        for facts in self.all_facts(&mut tx).await? {
            if self.waits_for(&facts) {
                waiting_for_me.push(facts.summary());
            }
            if recent.len() < RECENT {
                recent.push(facts.summary());
            }
        }
        let names = self.target_names(&mut tx).await?;
        Ok(Dashboard {
            waiting_for_me,
            running: running
                .iter()
                .map(|execution| super::views::execution(execution, &names))
                .collect(),
            recent,
        })
    }
}
