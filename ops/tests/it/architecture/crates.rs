//! Who may know whom is a rule of the house, and rules of the house are tests.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// All crates, and whom each may use.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("kit", &[]),
    ("migrations", &[]),
    ("identity", &["kit"]),
    ("catalog", &["kit", "identity"]),
    ("admission", &["kit"]),
    ("waitroom", &["kit", "identity", "admission", "catalog"]),
    ("checkout", &["kit", "identity", "admission", "catalog"]),
    ("reseller-portal", &["kit", "identity", "catalog", "admission", "checkout"]),
    (
        "admin",
        &["kit", "identity", "catalog", "admission", "waitroom", "checkout", "reseller-portal"],
    ),
    ("notifications", &["kit", "identity", "catalog", "waitroom", "checkout", "admin"]),
    ("ops", &ALL_BUT_OPS),
    ("testkit", &ALL_BUT_OPS),
];
const ALL_BUT_OPS: [&str; 10] = [
    "kit",
    "migrations",
    "identity",
    "catalog",
    "admission",
    "waitroom",
    "checkout",
    "reseller-portal",
    "admin",
    "notifications",
];
/// Every crate of the workspace.
pub const NAMES: [&str; ALLOWED.len()] = {
    let mut names = [""; ALLOWED.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = ALLOWED[index].0;
        index += 1;
    }
    names
};
/// Tests of every crate may also use these.
const ALLOWED_IN_TESTS: [&str; 3] = ["kit", "migrations", "testkit"];

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
