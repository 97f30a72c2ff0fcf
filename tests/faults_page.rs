//! Every test that `docs/faults.md` names is there.

use std::path::Path;

#[test]
fn the_tests_that_the_page_of_faults_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/faults.md")).unwrap();
    let mut named = 0;
    let mut missing = Vec::new();
    for name in page.split('`').skip(1).step_by(2) {
        let [program, module, test] = name.split("::").collect::<Vec<_>>()[..] else {
            continue;
        };
        named += 1;
        let file = root.join(format!("server/tests/{program}/{module}.rs"));
        let source = std::fs::read_to_string(&file).unwrap_or_default();
        if !source.contains(&format!("async fn {test}(")) {
            missing.push(name);
        }
    }
    assert!(named > 50, "the page names its tests");
    assert!(missing.is_empty(), "{missing:#?}");
}
