//! Runs every story in `engine/core/scenarios`: each command must bring exactly the events that are written under it.
//!
//! `TANDEM_WRITE_SCENARIOS=1 cargo test -p tandem-core --test scenarios` writes what the core says into the files; read
//! the difference before believing it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "the runner reads files and stops at the first surprise"
)]

mod story;

use std::collections::BTreeMap;
use std::path::PathBuf;

use story::World;
use tandem_core::reject::RejectCode;

fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    files
}

/// Runs one file; returns it with the lines that the core says, and counts rejects.
fn run(text: &str, rejects: &mut BTreeMap<&'static str, usize>) -> Result<String, String> {
    let mut world = World::new();
    let mut out = String::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with(' ') {
            continue;
        }
        out += &format!("{line}\n");
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let said = world.run(line).map_err(|error| format!("line {}: {line}: {error}", at + 1))?;
        for event in said {
            out += &format!("  {event}\n");
        }
    }
    world.end()?;
    for (code, count) in world.rejects {
        *rejects.entry(code).or_default() += count;
    }
    Ok(out)
}

fn first_difference(expected: &str, actual: &str) -> String {
    for (at, (want, got)) in expected.lines().zip(actual.lines()).enumerate() {
        if want != got {
            return format!("line {}:\n  expected {want}\n  got      {got}", at + 1);
        }
    }
    "one of them is longer".to_owned()
}

#[test]
fn every_story_goes_as_written_and_every_reject_occurs() {
    let is_writing = std::env::var("TANDEM_WRITE_SCENARIOS").is_ok();
    let mut rejects = BTreeMap::new();
    let mut failures = Vec::new();
    let files = files();
    assert!(files.len() >= 20, "scenarios found: {}", files.len());
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match run(&text, &mut rejects) {
            Ok(actual) if actual == text => {}
            Ok(actual) if is_writing => std::fs::write(path, actual).unwrap(),
            Ok(actual) => failures.push(format!("{name}: {}", first_difference(&text, &actual))),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let missing: Vec<&str> =
        RejectCode::ALL.iter().map(|code| code.name()).filter(|name| !rejects.contains_key(name)).collect();
    assert!(missing.is_empty(), "no story produces {missing:?}");
}
