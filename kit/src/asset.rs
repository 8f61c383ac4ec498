//! Static files, built into the binary and cached for good under a name that changes with their
//! content.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use axum::{Router, http::HeaderMap, routing::get};

use crate::kept::KeptBody;

/// A file that ships in the binary.
pub struct Asset {
    pub name: &'static str,
    pub mime: &'static str,
    pub body: &'static str,
    /// The modules that this one imports, each as `"./name.js"`.
    pub imports: &'static [&'static Asset],
}

/// The one stylesheet.
pub static STYLESHEET: Asset = Asset {
    name: "fairgate.css",
    mime: "text/css; charset=utf-8",
    body: include_str!("../assets/fairgate.css"),
    imports: &[],
};

/// Tells each `time[data-own]` of a page in the reader's own zone.
pub static TIME_JS: Asset = Asset {
    name: "time.js",
    mime: JAVASCRIPT,
    body: include_str!("../assets/time.js"),
    imports: &[],
};

/// The type of a script.
pub const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

impl Asset {
    /// Where pages link to it; the query changes with the content.
    pub fn url(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.served().hash(&mut hasher);
        format!("/assets/{}?v={:x}", self.name, hasher.finish())
    }

    /// As it goes out: without the comments, which are for who reads the source; and what it
    /// imports is asked for by addresses that change with their content, too. Otherwise a browser
    /// would put a new script beside an old module that it keeps for good.
    pub fn served(&self) -> String {
        let body = if self.mime == JAVASCRIPT { bare(self.body) } else { self.body.to_owned() };
        self.imports.iter().fold(body, |body, module| {
            let plain = format!("\"./{}\"", module.name);
            body.replace(&plain, &format!("\"{}\"", module.url()))
        })
    }
}

/// A script without the lines that are comments, and without indentation. No text of ours runs over
/// several lines.
fn bare(script: &str) -> String {
    let mut is_within = false;
    let is_code = |line: &&str| {
        let is_comment = is_within || line.starts_with("/**");
        is_within = is_comment && !line.ends_with("*/");
        !is_comment && !line.is_empty() && !line.starts_with("//")
    };
    script.lines().map(str::trim).filter(is_code).flat_map(|line| [line, "\n"]).collect()
}

/// Routes for `assets`.
pub fn router<S: Clone + Send + Sync + 'static>(assets: &[&'static Asset]) -> Router<S> {
    assets.iter().fold(Router::new(), |router, asset| {
        let kept = Arc::new(KeptBody::file(asset.mime, asset.served().into()));
        let answer = move |asked: HeaderMap| {
            std::future::ready(kept.answer(&asked, "public, max-age=31536000, immutable"))
        };
        router.route(&format!("/assets/{}", asset.name), get(answer))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn script(body: &'static str, imports: &'static [&'static Asset]) -> Asset {
        Asset { name: "a.js", mime: JAVASCRIPT, body, imports }
    }

    #[test]
    fn a_script_imports_its_modules_as_they_are_now() {
        static OLD: Asset = Asset { name: "words.js", ..script("export const word = 1;", &[]) };
        static NEW: Asset = Asset { name: "words.js", ..script("export const word = 2;", &[]) };
        static BEFORE: Asset = script("import { word } from \"./words.js\";", &[&OLD]);
        static AFTER: Asset = script(BEFORE.body, &[&NEW]);
        assert_eq!(BEFORE.served(), format!("import {{ word }} from \"{}\";\n", OLD.url()));
        assert_ne!(BEFORE.url(), AFTER.url(), "a change of a module changes who imports it");
    }

    #[test]
    fn what_is_served_has_no_comments_and_all_of_the_code() {
        let comments = "// For readers.\n/** More\n *  of it. */\n/** One. */\n";
        let source = format!("{comments}if (a) {{\n\n  b(); // Stays.\n}}\n").leak();
        assert_eq!(script(source, &[]).served(), "if (a) {\nb(); // Stays.\n}\n");
    }
}
