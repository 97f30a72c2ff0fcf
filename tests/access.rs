//! The permission table, whole, and the two rules beside it.

use bellows::access::{Action, Grant, Role, allowed, lineage_bars, permits};

#[test]
fn the_permission_table() {
    let mut table = String::new();
    for action in Action::ALL {
        let who: Vec<&str> = Role::ALL
            .into_iter()
            .filter(|role| permits(*role, action))
            .map(Role::word)
            .collect();
        table.push_str(&format!("{action:?}: {}\n", who.join(", ")));
    }
    insta::assert_snapshot!(table);
}

fn grant(role: Role, environment: Option<&str>) -> Grant {
    Grant {
        role,
        environment: environment.map(str::to_owned),
    }
}

#[test]
fn a_grant_for_all_environments_holds_everywhere() {
    let grants = [grant(Role::Engineer, None)];
    assert!(allowed(&grants, Action::Execute, Some("production")));
    assert!(allowed(&grants, Action::Execute, None));
    assert!(!allowed(&grants, Action::Approve, Some("production")));
}

#[test]
fn a_grant_for_one_environment_holds_only_there() {
    let grants = [grant(Role::Approver, Some("staging"))];
    assert!(allowed(&grants, Action::Approve, Some("staging")));
    assert!(!allowed(&grants, Action::Approve, Some("production")));
    assert!(!allowed(&grants, Action::Approve, None));
    assert!(allowed(&grants, Action::Read, None));
    let engineer = [grant(Role::Engineer, Some("dev"))];
    assert!(allowed(&engineer, Action::Author, None));
    assert!(!allowed(&engineer, Action::Execute, None));
    let admin = [grant(Role::Admin, Some("dev"))];
    assert!(!allowed(&admin, Action::ManagePeople, None));
}

#[test]
fn roles_add_up_and_nobody_without_one_may_anything() {
    let both = [
        grant(Role::Engineer, Some("dev")),
        grant(Role::Approver, None),
    ];
    assert!(allowed(&both, Action::Execute, Some("dev")));
    assert!(allowed(&both, Action::Approve, Some("production")));
    assert!(!allowed(&both, Action::Execute, Some("production")));
    for action in Action::ALL {
        assert!(!allowed(&[], action, None));
        assert!(!allowed(&[], action, Some("dev")));
    }
}

#[test]
fn whoever_wrote_or_edited_a_version_may_not_approve_it() {
    let authors = ["ada".to_owned(), "ben".to_owned()];
    assert!(lineage_bars(&authors, "ada"));
    assert!(lineage_bars(&authors, "ben"));
    assert!(!lineage_bars(&authors, "cleo"));
}
