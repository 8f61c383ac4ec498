//! The published keys.

use std::sync::Arc;

use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::pass::keys::{PassKeys, PublishedKey};

/// The keys that verify admission passes.
#[derive(Serialize, ToSchema)]
struct KeySet {
    keys: Vec<PublishedKey>,
}

/// Public keys of admission passes
///
/// PASERK `k4.public` keys, current and next. With these alone anybody can verify a pass offline.
#[utoipa::path(
    get, path = "/.well-known/paseto-keys", tag = "admission",
    responses((status = 200, body = KeySet)),
)]
async fn paseto_keys(State(keys): State<Arc<PassKeys>>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(KeySet { keys: keys.published() }))
}

/// Routes of the key set.
pub fn router(keys: Arc<PassKeys>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(paseto_keys)).with_state(keys)
}
