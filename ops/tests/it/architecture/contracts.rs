//! Another crate is used through its `contract` module alone; only whoever puts the roles together
//! names its doors, too.

use super::{
    crates,
    sources::{SERVICES, below},
};

/// What the crates that put the roles together may also name.
const ASSEMBLY: [&str; 9] = [
    "Config",
    "App",
    "Routers",
    "router",
    "routers",
    "webhooks",
    "run",
    "sandbox",
    "with_api_keys",
];

/// The first names after `<service>::` in a source text, comments left out; a group `{a::b, c}`
/// gives each of its names.
fn names_used(source: &str, service: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = Vec::new();
    let needle = format!("{service}::");
    for (at, _) in code.match_indices(&needle) {
        // A part of a longer name or path, such as `crate::catalog::`, is somebody else.
        if code[..at].ends_with(|c: char| is_ident(c) || c == ':' || c == '"') {
            continue;
        }
        // So is a name in a group of another crate's: `use rdkafka::{admin::…}`.
        let statement = code[..at].rsplit(';').next().unwrap_or_default().trim_start();
        if statement.starts_with("use ") && statement.contains("::{") {
            continue;
        }
        let rest = &code[at + needle.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            names.extend(group_names(group));
        } else {
            names.push(rest.chars().take_while(|c| is_ident(*c)).collect());
        }
    }
    names
}

/// The first name of each entry of a `{…}` group whose opening brace is behind us.
fn group_names(group: &str) -> Vec<String> {
    let (mut depth, mut entry, mut names) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut entry)),
            _ if depth == 0 => entry.push(c),
            _ => {}
        }
    }
    names.push(entry);
    names
        .iter()
        .map(|entry| entry.trim().split("::").next().unwrap_or_default().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Tests put servers together as the binary does.
fn may_name(from: &str, in_tests: bool, name: &str) -> bool {
    let assembles = (matches!(from, "ops" | "testkit") || in_tests)
        && (ASSEMBLY.contains(&name) || name.starts_with("run_"));
    name == "contract" || assembles
}

#[test]
fn others_are_used_through_their_contract_only() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for (from, folder) in
        crates::NAMES.into_iter().flat_map(|name| [(name, "src"), (name, "tests")])
    {
        for file in below(&format!("{from}/{folder}")) {
            for service in SERVICES.into_iter().filter(|service| *service != from) {
                for name in names_used(&file.text, &service.replace('-', "_")) {
                    seen += 1;
                    if !may_name(from, folder == "tests", &name) {
                        wrong.push(format!("{from}/{folder}/{}: {service}::{name}", file.name()));
                    }
                }
            }
        }
    }
    assert!(seen > 20, "uses were found: {seen}");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_way_around_a_contract_is_objected_to() {
    // Written apart, or this file would be objected to.
    let source = "use *{contract::Gate, gate::Secret};\n// catalog::store is a comment\n\
                  let a = *contract::gate(); let b = crate::*inner(); *store::row();"
        .replace('*', "admission::");
    let names = names_used(&source, "admission");
    assert_eq!(names, ["contract", "gate", "contract", "store"]);
    let wrong: Vec<_> = names.iter().filter(|name| !may_name("waitroom", false, name)).collect();
    assert_eq!(wrong, ["gate", "store"]);
    assert!(names_used(&source, "catalog").is_empty());
    assert!(
        may_name("ops", false, "run_writer")
            && !may_name("waitroom", false, "run")
            && !may_name("ops", true, "store")
    );
}
