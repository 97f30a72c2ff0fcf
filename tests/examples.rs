//! The documents of `examples/`: each is read, planned and found safe, and begins by saying what
//! it is for.

use bellows::document::parse;
use bellows::lint::Severity;
use bellows::plan::plan;

#[test]
fn every_example_is_planned_and_safe() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 13, "{}", files.len());
    let mut report = String::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# "), "{name} does not say what it is for");
        let migration = parse(&text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        let plan = plan(&migration, None).unwrap_or_else(|p| panic!("{name}: {p:#?}"));
        report.push_str(&format!("== {name}\n"));
        for finding in &plan.findings {
            assert_ne!(finding.severity, Severity::Error, "{name}: {finding:?}");
            let phase = finding
                .phase
                .map_or(String::new(), |p| format!(", phase {p}"));
            report.push_str(&format!("{:?} {}{phase}\n", finding.severity, finding.rule));
        }
        assert!(plan.safe, "{name}");
    }
    insta::assert_snapshot!(report);
}
