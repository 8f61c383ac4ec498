//! The sources of the workspace, as the rules look at them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The crates that have the skeleton of a service.
pub const SERVICES: [&str; 7] =
    ["catalog", "admission", "waitroom", "checkout", "reseller-portal", "admin", "notifications"];

/// The folder that the crates stand in.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// One Rust file.
pub struct Source {
    /// Below the folder that was asked for, `order/submit.rs`.
    pub path: PathBuf,
    pub text: String,
}

impl Source {
    /// A file that is none on disk, to see a rule object.
    pub fn planted(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.to_owned() }
    }

    /// Its path as people read it.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// All Rust files below a folder of the workspace, `checkout/src`; none where there is no such
/// folder.
pub fn below(folder: &str) -> Vec<Source> {
    let folder = root().join(folder);
    let mut found = Vec::new();
    walk(&folder, &folder, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(top: &Path, folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(top, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let path = path.strip_prefix(top).expect("below it").to_owned();
            found.push(Source { path, text });
        }
    }
}
