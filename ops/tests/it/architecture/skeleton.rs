//! Every service has one skeleton: whoever knows one knows all.

use std::collections::BTreeSet;

use super::{
    crates,
    imports::{self, Module},
    sources::{SERVICES, Source, below},
};

/// What stands in `<service>/src` besides the nouns of its domain.
const SKELETON: [&str; 9] =
    ["lib", "app", "config", "error", "contract", "http", "store", "worker", "scripts"];
/// What no service is without.
const ALWAYS: [&str; 3] = ["lib.rs", "contract.rs", "error.rs"];
/// Nouns at the top of a service: more want an order among themselves.
const NOUNS_MAX: usize = 12;
/// Services that have more to show, and so fewer nouns.
const FEWER_NOUNS: [(&str, usize); 1] = [("checkout", 8)];
const WIDTH_MAX: usize = 100;

/// What is wrong with the sources of one service.
fn objections(service: &str, files: &[Source]) -> Vec<String> {
    let has = |name: &str| files.iter().any(|file| file.name() == name);
    let mut wrong: Vec<String> = ALWAYS
        .into_iter()
        .filter(|name| !has(name))
        .map(|name| format!("{service} has no {name}"))
        .collect();
    let nouns: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.path.iter().next()?.to_str())
        .map(|name| name.trim_end_matches(".rs"))
        .filter(|name| !SKELETON.contains(name))
        .collect();
    let nouns_max = FEWER_NOUNS.iter().find(|(name, _)| *name == service).map(|(_, max)| *max);
    if nouns.len() > nouns_max.unwrap_or(NOUNS_MAX) {
        wrong.push(format!("{service} has {} nouns: {nouns:?}", nouns.len()));
    }
    for file in files {
        let name = file.name();
        if name.starts_with("contract") && !only_tells_on(&file.text) {
            wrong.push(format!("{service}/src/{name} is more than `pub use`"));
        }
        let asks = ["sqlx::query", "query_as!", "query_scalar!", "query!"];
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        // The sandbox provider stands for somebody else's system, with a store of its own.
        let store = name.starts_with("store") || name.contains("/store");
        if !store && asks.iter().any(|ask| code.contains(ask)) {
            wrong.push(format!("{service}/src/{name} has SQL"));
        }
    }
    for (from, targets) in imports::edges(files) {
        for target in targets {
            if goes_up(&from, &target) {
                wrong.push(format!("{service}: {} imports {}", from.join("::"), target.join("::")));
            }
        }
    }
    wrong
}

/// A contract tells on what its crate's nouns have, and has nothing of its own.
fn only_tells_on(text: &str) -> bool {
    let file = syn::parse_file(text).expect("a Rust file");
    file.items.iter().all(|item| {
        matches!(item, syn::Item::Use(item) if matches!(item.vis, syn::Visibility::Public(_)))
    })
}

/// Nouns know nothing of doors, and stores nothing of either's doing.
fn goes_up(from: &Module, target: &Module) -> bool {
    let top = |module: &Module| module.first().cloned().unwrap_or_default();
    match (top(from).as_str(), top(target).as_str()) {
        // A contract also tells on what the doors take and answer.
        ("http" | "worker" | "contract", _) => false,
        (_, "http" | "worker") => true,
        ("store", "app" | "contract") => true,
        _ => false,
    }
}

#[test]
fn every_service_has_the_skeleton() {
    let wrong: Vec<String> = SERVICES
        .into_iter()
        .flat_map(|service| objections(service, &below(&format!("{service}/src"))))
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_house_without_the_skeleton_is_objected_to() {
    let sound = || {
        vec![
            Source::planted("lib.rs", "pub mod contract;"),
            Source::planted("contract.rs", "pub use crate::order::Order;"),
            Source::planted("error.rs", ""),
            Source::planted("order.rs", "use crate::store;"),
            Source::planted("store/order.rs", "fn f() { sqlx::query(\"SELECT 1\"); }"),
            Source::planted("store.rs", "pub mod order;"),
            Source::planted("http.rs", "mod api;"),
            Source::planted("http/api.rs", "mod order;"),
            Source::planted("http/api/order.rs", "use crate::order::Order;"),
        ]
    };
    assert_eq!(objections("shop", &sound()), Vec::<String>::new());
    let with = |path: &str, text: &str| {
        let mut files = sound();
        files.retain(|file| file.name() != path);
        files.push(Source::planted(path, text));
        objections("shop", &files)
    };
    assert_eq!(
        with("contract.rs", "pub struct Order;"),
        ["shop/src/contract.rs is more than `pub use`"]
    );
    assert_eq!(
        with("order.rs", "fn f() { sqlx::query(\"SELECT 1\"); }"),
        ["shop/src/order.rs has SQL"]
    );
    assert_eq!(
        with("order.rs", "use crate::http::api::order::Params;"),
        ["shop: order imports http::api::order"]
    );
    assert_eq!(
        with("store/order.rs", "use crate::contract::Order;"),
        ["shop: store::order imports contract"]
    );
    let mut crowded = sound();
    crowded.extend(('a'..='h').map(|noun| Source::planted(&format!("{noun}.rs"), "")));
    assert_eq!(objections("shop", &crowded), Vec::<String>::new());
    assert!(objections("checkout", &crowded)[0].starts_with("checkout has 9 nouns"));
    crowded.extend(('i'..='l').map(|noun| Source::planted(&format!("{noun}.rs"), "")));
    assert!(objections("shop", &crowded)[0].starts_with("shop has 13 nouns"));
    let mut bare = sound();
    bare.retain(|file| file.name() != "error.rs");
    assert_eq!(objections("shop", &bare), ["shop has no error.rs"]);
}

/// The lines that are too wide, except those within a raw string: a query or a page stands there as
/// it is sent.
fn too_wide(file: &Source) -> Vec<usize> {
    let mut raw = false;
    let mut wide = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let began = raw;
        if !raw && (line.contains("r#\"") || line.contains("r\"")) {
            raw = !line.contains("\"#");
        } else if raw && line.contains("\"#") {
            raw = false;
        }
        let within = began || raw || line.contains("r#\"");
        if !within && line.chars().count() > WIDTH_MAX {
            wide.push(index + 1);
        }
    }
    wide
}

#[test]
fn files_are_named_and_lines_are_as_wide_as_agreed() {
    let mut wrong = Vec::new();
    for folder in crates::NAMES.into_iter().flat_map(|name| [(name, "src"), (name, "tests")]) {
        let folder = format!("{}/{}", folder.0, folder.1);
        for file in below(&folder) {
            if file.name().ends_with("mod.rs") {
                wrong.push(format!("{folder}/{}: x.rs and x/, never mod.rs", file.name()));
            }
            let lines = too_wide(&file);
            wrong.extend(lines.iter().map(|line| format!("{folder}/{}:{line}", file.name())));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_wide_line_is_objected_to() {
    let wide = "x".repeat(WIDTH_MAX + 1);
    let text = format!("fn f() {{}}\n// {wide}\nlet q = r#\"\n{wide}\n\"#;\n{wide}\n");
    assert_eq!(too_wide(&Source::planted("a.rs", &text)), [2, 6]);
}
