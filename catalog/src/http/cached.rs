//! Answers that are the same for everybody: cacheable at the edge, and revalidated by their
//! content.

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kit::{kept::has_it, problem::Problem};
use serde::Serialize;
use uuid::Uuid;

/// They tell how a sale stands, which is to be true within a second or two.
const CACHE_CONTROL: HeaderValue =
    HeaderValue::from_static("public, max-age=1, stale-while-revalidate=1");

/// `body` as JSON with a validator, or 304 where the caller already has it.
pub fn json(asked: &HeaderMap, body: &impl Serialize) -> Response {
    let value = match serde_json::to_value(body) {
        Ok(value) => value,
        Err(error) => {
            return Problem::internal(format!("writing an answer: {error}")).into_response();
        }
    };
    // Weak, because compression changes the bytes but not what they say.
    let tag = format!(
        "W/\"{}\"",
        Uuid::new_v5(&Uuid::NAMESPACE_OID, value.to_string().as_bytes()).simple()
    );
    let mut response = if has_it(asked, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(value).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
