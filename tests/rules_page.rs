//! `docs/rules.md` is what the rules say: written by `BELLOWS_WRITE_DOCS=1 cargo test --test
//! rules_page`, and found stale otherwise.

#[test]
fn the_page_of_the_rules_is_what_they_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
    let page = bellows::lint::page::markdown();
    if std::env::var_os("BELLOWS_WRITE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/rules.md is stale: BELLOWS_WRITE_DOCS=1 cargo test --test rules_page"
    );
}
