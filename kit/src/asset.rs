//! Static files, built into the binary and cached for good under a name that changes with their
//! content.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use axum::{Router, http::header, response::IntoResponse, routing::get};

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

    /// As it goes out: what it imports is asked for by addresses that change with their content,
    /// too. Otherwise a browser would put a new script beside an old module that it keeps for good.
    pub fn served(&self) -> Cow<'static, str> {
        self.imports.iter().fold(Cow::Borrowed(self.body), |body, module| {
            let plain = format!("\"./{}\"", module.name);
            Cow::Owned(body.replace(&plain, &format!("\"{}\"", module.url())))
        })
    }
}

/// Routes for `assets`.
pub fn router<S: Clone + Send + Sync + 'static>(assets: &[&'static Asset]) -> Router<S> {
    assets.iter().fold(Router::new(), |router, asset| {
        let (mime, body) = (asset.mime, asset.served());
        router.route(
            &format!("/assets/{}", asset.name),
            get(move || async move {
                let headers = [
                    (header::CONTENT_TYPE, mime),
                    (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                ];
                (headers, body).into_response()
            }),
        )
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
        assert_eq!(BEFORE.served(), format!("import {{ word }} from \"{}\";", OLD.url()));
        assert_ne!(BEFORE.url(), AFTER.url(), "a change of a module changes who imports it");
    }
}
