//! Static files, built into the binary and cached for good under a name that changes with their
//! content.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::{Router, http::header, response::IntoResponse, routing::get};

/// A file that ships in the binary.
pub struct Asset {
    pub name: &'static str,
    pub mime: &'static str,
    pub body: &'static str,
}

/// The one stylesheet.
pub static STYLESHEET: Asset = Asset {
    name: "fairgate.css",
    mime: "text/css; charset=utf-8",
    body: include_str!("../assets/fairgate.css"),
};

/// Tells each `time[data-own]` of a page in the reader's own zone.
pub static TIME_JS: Asset = Asset {
    name: "time.js",
    mime: "text/javascript; charset=utf-8",
    body: include_str!("../assets/time.js"),
};

impl Asset {
    /// Where pages link to it; the query changes with the content.
    pub fn url(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.body.hash(&mut hasher);
        format!("/assets/{}?v={:x}", self.name, hasher.finish())
    }
}

/// Routes for `assets`.
pub fn router<S: Clone + Send + Sync + 'static>(assets: &[&'static Asset]) -> Router<S> {
    assets.iter().fold(Router::new(), |router, asset| {
        let asset: &'static Asset = asset;
        router.route(
            &format!("/assets/{}", asset.name),
            get(move || async move {
                let headers = [
                    (header::CONTENT_TYPE, asset.mime),
                    (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                ];
                (headers, asset.body).into_response()
            }),
        )
    })
}
