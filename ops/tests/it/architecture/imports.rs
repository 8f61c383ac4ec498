//! Which file of a crate imports which other, from their own `use` lines and paths; no file in a
//! circle.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use super::{
    crates,
    sources::{Source, below},
};

/// A module, by its path from the root of its crate; the root itself is empty.
pub type Module = Vec<String>;

/// Who imports whom within one crate. The root is nobody: everything stands below it.
pub fn edges(files: &[Source]) -> BTreeMap<Module, BTreeSet<Module>> {
    let parsed: BTreeMap<Module, syn::File> = files
        .iter()
        .map(|file| {
            let tree = syn::parse_file(&file.text)
                .unwrap_or_else(|error| panic!("{}: {error}", file.name()));
            (module_of(file), tree)
        })
        .collect();
    let mut seen = BTreeMap::new();
    for (module, tree) in &parsed {
        let mut reader = Reader { within: module.clone(), ..Reader::default() };
        reader.visit_file(tree);
        seen.insert(module.clone(), reader);
    }
    let tests: BTreeSet<Module> =
        seen.values().flat_map(|reader| reader.tests.iter().cloned()).collect();
    let is_test = |module: &Module| tests.iter().any(|test| module.starts_with(test));
    seen.iter()
        .filter(|(module, _)| !is_test(module) && !module.is_empty())
        .map(|(module, reader)| {
            let targets = reader
                .paths
                .iter()
                .filter_map(|(within, path)| file_of(within, path, &parsed))
                .filter(|target| target != module && !target.is_empty() && !is_test(target));
            (module.clone(), targets.collect())
        })
        .collect()
}

/// `order/submit.rs` is `order::submit`.
fn module_of(file: &Source) -> Module {
    let mut module: Module = file
        .path
        .with_extension("")
        .iter()
        .map(|part| part.to_str().expect("a name").to_owned())
        .collect();
    if matches!(module.as_slice(), [only] if only == "lib" || only == "main") {
        module.clear();
    }
    module
}

/// The paths that a file names, each with the module in which it stands there.
#[derive(Default)]
struct Reader {
    within: Module,
    paths: Vec<(Module, Vec<String>)>,
    /// Modules of tests, which may know everybody.
    tests: Vec<Module>,
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.within.push(module.ident.to_string());
        if module.attrs.iter().any(is_cfg_test) {
            self.tests.push(self.within.clone());
        } else {
            visit::visit_item_mod(self, module);
        }
        self.within.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut paths = Vec::new();
        spell_out(&item.tree, &mut Vec::new(), &mut paths);
        self.paths.extend(paths.into_iter().map(|path| (self.within.clone(), path)));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let names = path.segments.iter().map(|segment| segment.ident.to_string());
            self.paths.push((self.within.clone(), names.collect()));
        }
        visit::visit_path(self, path);
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|what| what.is_ident("test"))
}

/// `a::{b, c::D}` is `a::b` and `a::c::D`.
fn spell_out(tree: &syn::UseTree, before: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let whole = |before: &[String], last: String| {
        before.iter().cloned().chain([last]).filter(|name| name != "self").collect()
    };
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            spell_out(&path.tree, before, paths);
            before.pop();
        }
        syn::UseTree::Group(group) => {
            group.items.iter().for_each(|item| spell_out(item, before, paths));
        }
        syn::UseTree::Name(name) => paths.push(whole(before, name.ident.to_string())),
        syn::UseTree::Rename(name) => paths.push(whole(before, name.ident.to_string())),
        syn::UseTree::Glob(_) => paths.push(before.clone()),
    }
}

/// The file that a path leads to: as many of its names as are modules with a file of their own.
/// `None` where it leads out of the crate.
fn file_of(
    within: &Module,
    path: &[String],
    files: &BTreeMap<Module, syn::File>,
) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    let mut at = match first.as_str() {
        "crate" => Module::new(),
        "self" => within.clone(),
        "super" => within[..within.len().checked_sub(1)?].to_vec(),
        _ => {
            let mut child = within.clone();
            child.push(first.clone());
            files.contains_key(&child).then_some(child)?
        }
    };
    for name in rest {
        if name == "super" {
            at.pop()?;
            continue;
        }
        at.push(name.clone());
        if !files.contains_key(&at) {
            at.pop();
            break;
        }
    }
    // A module without a file of its own stands in its parent's.
    while !at.is_empty() && !files.contains_key(&at) {
        at.pop();
    }
    Some(at)
}

/// The groups of files of which each imports each other, by whatever way round.
pub fn circles(edges: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let reachable: BTreeMap<&Module, BTreeSet<&Module>> = edges
        .keys()
        .map(|from| {
            let (mut found, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(module) = next.pop() {
                for target in edges.get(module).into_iter().flatten() {
                    if found.insert(target) {
                        next.push(target);
                    }
                }
            }
            (from, found)
        })
        .collect();
    let mut groups = BTreeSet::new();
    for (module, reached) in &reachable {
        if reached.contains(module) {
            let group: BTreeSet<String> = reached
                .iter()
                .filter(|other| reachable.get(*other).is_some_and(|back| back.contains(module)))
                .map(|other| other.join("::"))
                .collect();
            groups.insert(group);
        }
    }
    groups.into_iter().map(|group| group.into_iter().collect::<Vec<_>>().join(" ↔ ")).collect()
}

#[test]
fn no_file_imports_in_a_circle() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for name in crates::NAMES {
        let edges = edges(&below(&format!("{name}/src")));
        seen += edges.values().map(BTreeSet::len).sum::<usize>();
        wrong.extend(circles(&edges).into_iter().map(|circle| format!("{name}: {circle}")));
    }
    assert!(seen > 500, "imports were found: {seen}");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_planted_circle_is_objected_to() {
    let straight = || {
        vec![
            Source::planted("lib.rs", "mod order; mod stock; pub use order::Order;"),
            Source::planted("order.rs", "pub mod line; use crate::stock::Shard;"),
            Source::planted("order/line.rs", "use std::fmt; use crate::{stock::{self, Shard}};"),
            Source::planted(
                "stock.rs",
                "#[cfg(test)] mod tests; #[cfg(test)] mod more { use crate::order; }",
            ),
            Source::planted("stock/tests.rs", "use crate::order::line::Line;"),
        ]
    };
    assert_eq!(circles(&edges(&straight())), Vec::<String>::new());
    for (closing, circle) in [
        ("use crate::order::Order;", "order ↔ stock"),
        ("pub use super::order::{line::Line as L};", "order::line ↔ stock"),
        ("fn f() -> u8 { crate::order::count() }", "order ↔ stock"),
        ("mod inner { use super::super::order::Order; }", "order ↔ stock"),
    ] {
        let mut files = straight();
        files[3].text.push_str(closing);
        assert_eq!(circles(&edges(&files)), [circle], "{closing}");
    }
    // Through a parent that tells its child's names on.
    let files = [
        Source::planted("order.rs", "mod line; pub use line::Line; pub struct Order;"),
        Source::planted("order/line.rs", "use super::Order;"),
    ];
    assert_eq!(circles(&edges(&files)), ["order ↔ order::line"]);
}
