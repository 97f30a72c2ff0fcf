//! `bellows serve`: what it says at its start, and what it leaves at its end.

use std::io::{BufRead, BufReader};
use std::process::Child;

use crate::support::{Place, wait};

/// Serves on any port and returns once it listens, with the lines it has printed.
fn serve(place: &Place, more: &[&str]) -> (Child, Vec<String>) {
    // As `make run ARGS=...` gives it: of two the last one counts.
    let addresses = ["--addr", "127.0.0.1:3000", "--addr", "127.0.0.1:0"];
    let arguments = [&["serve"], addresses.as_slice(), more].concat();
    let mut child = place.command(&arguments).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut lines: Vec<String> = Vec::new();
    while !lines
        .last()
        .is_some_and(|line| line.starts_with("listening on http://127.0.0.1:"))
    {
        let mut line = String::new();
        assert!(
            out.read_line(&mut line).unwrap() > 0,
            "it ended early: {lines:?}"
        );
        lines.push(line.trim_end().to_owned());
    }
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    (child, lines)
}

fn terminate(child: Child) {
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .arg(&pid)
            .status()
            .unwrap()
            .success()
    );
    wait(child).exits(0);
}

#[test]
fn a_first_start_prints_a_token_and_keeps_its_files_to_itself() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let (child, lines) = serve(&place, &[]);
    assert!(
        lines.iter().any(|line| line.contains("one-time token")),
        "{lines:?}"
    );
    terminate(child);
    for name in ["", "bellows.db", "secret.key"] {
        let path = place.path("data").join(name);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn the_demonstration_is_the_same_at_its_second_start_and_stops_what_it_started() {
    let place = Place::new();
    let (child, first) = serve(&place, &["--demo"]);
    let people = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .filter(|line| line.contains("  password "))
            .cloned()
            .collect()
    };
    assert_eq!(people(&first).len(), 4, "{first:?}");
    terminate(child);
    // A link where the cluster had to be put elsewhere.
    let cluster = place.path("data/demo-postgres");
    assert!(
        !cluster.join("data/postmaster.pid").exists(),
        "the cluster was stopped"
    );

    let (child, second) = serve(&place, &["--demo"]);
    assert_eq!(people(&second), people(&first));
    terminate(child);
    let audit = place.bellows(&["audit", "export"]).exits(0);
    let of = |action: &str| {
        audit
            .events()
            .iter()
            .filter(|e| e["action"] == action)
            .count()
    };
    assert_eq!(
        (
            of("person.added"),
            of("version.saved"),
            of("review.requested")
        ),
        (4, 2, 1)
    );
    place.bellows(&["audit", "verify"]).exits(0);
    if let Ok(outside) = std::fs::read_link(&cluster) {
        std::fs::remove_dir_all(outside).unwrap();
    }
}

#[test]
fn people_of_a_real_installation_are_left_alone() {
    let place = Place::new();
    let (child, lines) = serve(&place, &["--demo"]);
    assert!(lines.iter().any(|line| line.contains("Erin Engineer")));
    terminate(child);
    std::fs::remove_file(place.path("data/demo-people.json")).unwrap();
    let ran = place
        .bellows(&["serve", "--demo", "--addr", "127.0.0.1:0"])
        .exits(1);
    assert!(ran.err.contains("real installation"), "{}", ran.err);
    if let Ok(outside) = std::fs::read_link(place.path("data/demo-postgres")) {
        std::fs::remove_dir_all(outside).unwrap();
    }
}
