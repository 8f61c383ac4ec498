//! Who may know whom is a rule of the house, and rules of the house are tests.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

const ALLOWED: [(&str, &[&str]); 11] = [
    ("kit", &[]),
    ("migrations", &[]),
    ("identity", &["kit"]),
    ("catalog", &["kit"]),
    ("admission", &["kit"]),
    ("waitroom", &["kit", "admission", "catalog"]),
    ("checkout", &["kit", "admission", "catalog"]),
    ("reseller-portal", &["kit", "identity", "catalog", "admission", "checkout"]),
    (
        "admin",
        &["kit", "identity", "catalog", "admission", "waitroom", "checkout", "reseller-portal"],
    ),
    ("notifications", &["kit", "catalog", "checkout", "admin"]),
    (
        "ops",
        &[
            "kit",
            "catalog",
            "admission",
            "waitroom",
            "checkout",
            "reseller-portal",
            "admin",
            "notifications",
            "migrations",
        ],
    ),
];
/// Tests of every crate may also use these.
const ALLOWED_IN_TESTS: [&str; 2] = ["kit", "migrations"];
/// Crates that own a part of the domain; others reach them through their `contract`.
const SERVICES: [&str; 7] =
    ["catalog", "admission", "waitroom", "checkout", "reseller_portal", "admin", "notifications"];
/// What the crate that puts the roles together may also name.
const ASSEMBLY: [&str; 8] =
    ["Config", "App", "Routers", "router", "webhooks", "run", "sandbox", "with_api_keys"];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Edge {
    from: String,
    to: String,
    in_tests: bool,
}

fn objections(edges: &[Edge]) -> Vec<String> {
    edges
        .iter()
        .filter(|edge| {
            let allowed = ALLOWED
                .iter()
                .find(|(from, _)| *from == edge.from)
                .map(|(_, to)| *to)
                .unwrap_or_default();
            let in_tests = edge.in_tests && ALLOWED_IN_TESTS.contains(&edge.to.as_str());
            !allowed.contains(&edge.to.as_str()) && !in_tests
        })
        .map(|edge| format!("{} may not use {}", edge.from, edge.to))
        .collect()
}

fn workspace() -> Metadata {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("cargo metadata")
}

fn edges(workspace: &Metadata) -> Vec<Edge> {
    let members: BTreeSet<&str> =
        workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let mut edges = Vec::new();
    for package in &workspace.packages {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| members.contains(dependency.name.as_str()))
        {
            edges.push(Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                in_tests: dependency.kind == DependencyKind::Development,
            });
        }
    }
    edges
}

#[test]
fn crates_use_only_whom_they_may() {
    let workspace = workspace();
    let members: BTreeSet<&str> =
        workspace.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(
        members,
        ALLOWED.iter().map(|(name, _)| *name).collect(),
        "every crate stands in the table"
    );
    let edges = edges(&workspace);
    assert!(edges.len() > 10, "the edges were read: {edges:?}");
    assert_eq!(objections(&edges), Vec::<String>::new());
}

#[test]
fn a_forbidden_edge_is_objected_to() {
    let edge = |from: &str, to: &str, in_tests| Edge { from: from.into(), to: to.into(), in_tests };
    for (from, to) in [
        ("kit", "catalog"),
        ("catalog", "checkout"),
        ("admission", "waitroom"),
        ("checkout", "waitroom"),
    ] {
        assert_eq!(objections(&[edge(from, to, false)]).len(), 1, "{from} → {to}");
        assert_eq!(objections(&[edge(from, to, true)]).len(), 1, "{from} → {to} in tests");
    }
    assert_eq!(objections(&[edge("checkout", "migrations", false)]).len(), 1);
    assert_eq!(
        objections(&[edge("checkout", "migrations", true), edge("checkout", "kit", false)]),
        Vec::<String>::new()
    );
}

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
    let assembles =
        (from == "ops" || in_tests) && (ASSEMBLY.contains(&name) || name.starts_with("run_"));
    name == "contract" || assembles
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn others_are_used_through_their_contract_only() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let (mut seen, mut wrong) = (0, Vec::new());
    for (from, _) in ALLOWED {
        for folder in ["src", "tests"] {
            for file in sources(&root.join(from).join(folder)) {
                let source = fs::read_to_string(&file).expect("a source file");
                for service in
                    SERVICES.into_iter().filter(|service| *service != from.replace('-', "_"))
                {
                    for name in names_used(&source, service) {
                        seen += 1;
                        if !may_name(from, folder == "tests", &name) {
                            wrong.push(format!("{}: {service}::{name}", file.display()));
                        }
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
