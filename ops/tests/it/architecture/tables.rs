//! A table is written by its owner alone: by no other crate, and by no other crate's tests.

use super::{
    crates,
    sources::{Source, below},
};

/// Who owns a schema of Postgres.
const OWNERS: [(&str, &str); 8] = [
    ("catalog", "catalog"),
    ("admission", "admission"),
    ("waitroom", "waitroom"),
    ("checkout", "checkout"),
    ("sandbox", "checkout"),
    ("reseller", "reseller-portal"),
    ("admin", "admin"),
    ("notifications", "notifications"),
];
/// Who may write everybody's: what breaks the data so that `fairgate verify` is seen to object, and
/// the measurements that write orders in other ways, in a database of their own.
const EXEMPT: [&str; 2] = ["ops/tests/it/negative_controls", "ops/src/bench/orders/"];
const VERBS: [&str; 4] = ["INSERT INTO", "UPDATE", "DELETE FROM", "TRUNCATE"];

/// The schemas that a source text writes to, other than its own crate's.
fn strangers(from: &str, source: &Source) -> Vec<&'static str> {
    let code = source.text.split_whitespace().collect::<Vec<_>>().join(" ");
    OWNERS
        .into_iter()
        .filter(|(schema, owner)| {
            *owner != from
                && VERBS.iter().any(|verb| {
                    let written = format!("{verb} {schema}.");
                    code.to_ascii_uppercase().contains(&written.to_ascii_uppercase())
                })
        })
        .map(|(schema, _)| schema)
        .collect()
}

#[test]
fn tables_are_written_by_their_owner_alone() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for folder in crates::NAMES.into_iter().flat_map(|name| [(name, "src"), (name, "tests")]) {
        let folder_name = format!("{}/{}", folder.0, folder.1);
        for file in below(&folder_name) {
            seen += 1;
            let name = format!("{folder_name}/{}", file.name());
            if EXEMPT.iter().any(|exempt| name.starts_with(exempt)) {
                continue;
            }
            for schema in strangers(folder.0, &file) {
                wrong.push(format!("{name} writes to {schema}"));
            }
        }
    }
    assert!(seen > 300, "files were read: {seen}");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_stranger_that_writes_is_objected_to() {
    // Written apart, or this file would be objected to.
    for verb in VERBS {
        let text = format!("sqlx::query(\"{}\n    checkout.orders …\")", verb.to_lowercase());
        let file = Source::planted("it/orders.rs", &text);
        assert_eq!(strangers("admin", &file), ["checkout"], "{verb}");
        assert!(strangers("checkout", &file).is_empty());
    }
    let reads = Source::planted("it/orders.rs", "SELECT * FROM checkout.orders");
    assert!(strangers("admin", &reads).is_empty());
}
