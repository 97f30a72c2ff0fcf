//! Findings that are accepted: by an approver with a reason, or by a rule's weight in a place.

use std::collections::BTreeMap;

use bellows::access::Policy;
use bellows::lint::Severity;
use bellows_app::backend::{
    AuditBackend, AuditFilter, ErrorCode, MigrationBackend, SaveRequest, TargetBackend,
    WaiveRequest,
};

use crate::guard::{Ready, document, ready};

/// Nothing that SQLite has: it is enough that nobody here knows what it does.
const UNKNOWN: &str =
    "        - {type: custom_sql, sql: \"FROBNICATE 7\", rollbackSql: \"SELECT 1\"}\n";

fn request(ready: &Ready, reason: &str) -> WaiveRequest {
    WaiveRequest {
        migration_id: ready.id.clone(),
        plan_hash: ready.plan_hash.clone(),
        rule: "unknown-sql".to_owned(),
        phase: Some(1),
        operation: Some(0),
        reason: reason.to_owned(),
    }
}

async fn waive(ready: &Ready, who: &str, request: WaiveRequest) -> Result<(), ErrorCode> {
    let backend = ready.app.backend(who).await;
    backend.waive(request).await.map_err(|error| error.code)
}

#[tokio::test]
async fn what_cannot_be_read_starts_once_an_approver_waived_it() {
    let ready = ready(Policy::default(), &document(UNKNOWN)).await;
    let blocked = ready.start("engineer", true).await.unwrap_err();
    assert_eq!(blocked.len(), 1, "{blocked:?}");

    let no_reason = waive(&ready, "approver", request(&ready, "  ")).await;
    assert_eq!(no_reason, Err(ErrorCode::Invalid));
    let other = WaiveRequest {
        operation: Some(3),
        ..request(&ready, "tried on a copy")
    };
    assert_eq!(
        waive(&ready, "approver", other).await,
        Err(ErrorCode::NotFound)
    );
    let stale = WaiveRequest {
        plan_hash: "sha256:other".to_owned(),
        ..request(&ready, "tried on a copy")
    };
    assert_eq!(
        waive(&ready, "approver", stale).await,
        Err(ErrorCode::Conflict)
    );

    let said = request(&ready, "tried on a copy");
    assert_eq!(waive(&ready, "approver", said.clone()).await, Ok(()));
    assert_eq!(
        waive(&ready, "approver", said).await,
        Err(ErrorCode::Conflict)
    );
    let auditor = ready.app.backend("auditor").await;
    let plan = auditor
        .migration(ready.id.clone())
        .await
        .unwrap()
        .plan
        .unwrap();
    let finding = plan
        .findings
        .iter()
        .find(|f| f.rule == "unknown-sql")
        .unwrap();
    let reason = finding.waived.as_deref().unwrap();
    assert!(reason.starts_with("tried on a copy ("), "{reason}");
    assert!(plan.safe);
    let entries = auditor.audit(AuditFilter::default()).await.unwrap().entries;
    let entry = entries
        .iter()
        .find(|e| e.action == "finding.waived")
        .unwrap();
    let detail = entry.detail.to_string();
    assert!(
        detail.contains("tried on a copy") && detail.contains("unknown-sql"),
        "{detail}"
    );
    assert_eq!(ready.start("engineer", true).await, Ok(()));
}

#[tokio::test]
async fn an_edit_makes_a_waiver_void() {
    let ready = ready(Policy::default(), &document(UNKNOWN)).await;
    let said = request(&ready, "tried on a copy");
    assert_eq!(waive(&ready, "approver", said).await, Ok(()));
    let engineer = ready.app.backend("engineer").await;
    let detail = engineer.migration(ready.id.clone()).await.unwrap();
    let request = SaveRequest {
        id: Some(ready.id.clone()),
        target_id: detail.summary.target_id,
        text: document(&UNKNOWN.replace('7', "8")),
        base_version: 1,
    };
    engineer.save_migration(request).await.unwrap();
    let plan = engineer
        .migration(ready.id.clone())
        .await
        .unwrap()
        .plan
        .unwrap();
    assert!(!plan.safe);
    assert!(plan.findings.iter().all(|f| f.waived.is_none()));
}

#[tokio::test]
async fn whoever_wrote_it_waives_nothing() {
    let ready = ready(Policy::default(), &document(UNKNOWN)).await;
    let said = request(&ready, "trust me");
    assert_eq!(
        waive(&ready, "engineer", said).await,
        Err(ErrorCode::Forbidden)
    );
}

#[tokio::test]
async fn a_waiver_of_the_document_is_approved_with_it_and_in_the_audit() {
    let text = format!(
        "{}      waivers:\n        - {{rule: unknown-sql, reason: tried on a copy}}\n",
        document(UNKNOWN)
    );
    let ready = ready(Policy::default(), &text).await;
    let auditor = ready.app.backend("auditor").await;
    let entries = auditor.audit(AuditFilter::default()).await.unwrap().entries;
    for action in ["version.saved", "approval.given"] {
        let entry = entries.iter().find(|e| e.action == action).unwrap();
        let detail = entry.detail.to_string();
        assert!(detail.contains("tried on a copy"), "{action}: {detail}");
    }
    assert_eq!(ready.start("engineer", true).await, Ok(()));
}

#[tokio::test]
async fn a_rule_weighs_what_the_environment_says() {
    let severities = BTreeMap::from([("unknown-sql".to_owned(), Severity::Warning)]);
    let policy = Policy {
        severities,
        ..Policy::default()
    };
    let ready = ready(policy, &document(UNKNOWN)).await;
    assert_eq!(ready.start("engineer", true).await, Ok(()));

    let admin = ready.app.backend("admin").await;
    let wrong = Policy {
        severities: BTreeMap::from([("unknown_sql".to_owned(), Severity::Info)]),
        ..Policy::default()
    };
    let error = admin.set_policy("dev".to_owned(), wrong).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid);
    assert!(error.message.contains("unknown-sql"), "{}", error.message);

    for gone_at_once in [
        Policy {
            backup_days: Some(0),
            ..Policy::default()
        },
        Policy {
            saved_copy_days: Some(0),
            ..Policy::default()
        },
    ] {
        let error = admin
            .set_policy("dev".to_owned(), gone_at_once)
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid);
        assert!(error.message.contains("0 days"), "{}", error.message);
    }
}
