//! Extractors whose refusals are problem documents that name the field.
//!
//! None lets a NUL through, in whatever form it comes: no text of ours has one, and Postgres takes
//! none.

use axum::{
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body. Answers 415, 413, 400 (not JSON) or 422 (a field does not fit).
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/json"));
        if !is_json {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body must be JSON",
            )
            .detail("Send the body with Content-Type: application/json."));
        }
        let body = Bytes::from_request(request, state).await.map_err(unreadable)?;
        parse(&body).map(Self)
    }
}

pub(crate) fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        status => Problem::new(status, "unreadable-body", "The body could not be read")
            .detail("The connection ended before the whole body had arrived. Send it again."),
    }
}

/// 413, also used by the router's outer limit.
pub fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large")
        .detail("A request body may be 64 KiB at most.")
}

/// Parses a JSON body; an error names the path of the field.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if let Some(field) = nul_in_json(body) {
        return Err(nul_refused(&field));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            invalid_field(&path, &inner.to_string())
        } else {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-json", "The body is not valid JSON")
                .detail(inner.to_string())
        }
    })
}

/// 422 for one field that does not fit.
pub fn invalid_field(field: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "A field does not fit")
        .detail(format!("{field}: {detail}"))
        .field(field, detail)
}

/// 422 for a field with a NUL in it.
pub(crate) fn nul_refused(field: &str) -> Problem {
    invalid_field(field, "must not contain the character NUL")
}

/// The name of the first field with a NUL in it, of an `application/x-www-form-urlencoded` text.
pub(crate) fn nul_in_pairs(text: &[u8]) -> Option<String> {
    let pairs = || url::form_urlencoded::parse(text);
    if !text.contains(&0) && !text.windows(3).any(|three| three == b"%00") {
        return None;
    }
    let (name, _) = pairs().find(|(name, value)| name.contains('\0') || value.contains('\0'))?;
    Some(name.replace('\0', ""))
}

/// The path of the first text with a NUL in it, of a JSON text; `None` also where that is not JSON.
fn nul_in_json(body: &[u8]) -> Option<String> {
    // Read a second time only where there may be one: this may also be a backslash followed by
    // `u0000`.
    if !body.windows(6).any(|six| six == br"\u0000") {
        return None;
    }
    nul_in_value("", &serde_json::from_slice(body).ok()?)
}

fn nul_in_value(path: &str, value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| nul_in_value(&format!("{path}[{index}]"), item)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{}", name.replace('\0', ""));
            if name.contains('\0') { Some(path) } else { nul_in_value(&path, value) }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Path parameters; one that does not parse is an address that does not exist.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if parts.uri.path().contains("%00") {
            return Err(Problem::not_found());
        }
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::not_found()),
        }
    }
}

/// Query parameters. Answers 400, or 422 for a NUL.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if let Some(field) = nul_in_pairs(parts.uri.query().unwrap_or_default().as_bytes()) {
            return Err(nul_refused(&field));
        }
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid-query",
                "A query parameter does not fit",
            )
            .detail(error.body_text())),
        }
    }
}

/// The token of `Authorization: Bearer …`, or `None`.
pub struct Bearer(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().to_owned());
        Ok(Self(token))
    }
}

/// The `Idempotency-Key` header: 1 to 128 visible ASCII characters.
pub struct IdempotencyKey(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let refuse = |detail: &str| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency-key-needed",
                "An Idempotency-Key is needed",
            )
            .detail(detail)
            .field("Idempotency-Key", detail)
        };
        let value = parts
            .headers
            .get("idempotency-key")
            .ok_or_else(|| {
                refuse(
                    "Send a fresh Idempotency-Key header with each purchase call, and the same one \
                        when you retry it.",
                )
            })?
            .to_str()
            .unwrap_or_default()
            .trim_matches('"');
        if value.is_empty()
            || value.len() > 128
            || !value.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(refuse("The key must be 1 to 128 visible ASCII characters."));
        }
        Ok(Self(value.to_owned()))
    }
}

/// Shorthand for handlers that answer a problem on failure.
pub type Answer<T> = Result<T, Problem>;

/// A fallback handler for unknown addresses.
pub async fn nothing_here() -> Response {
    Problem::not_found().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Order {
        #[allow(dead_code, reason = "only its absence or shape matters here")]
        items: Vec<Item>,
    }
    #[derive(Debug, serde::Deserialize)]
    struct Item {
        #[allow(dead_code, reason = "only its absence or shape matters here")]
        quantity: u32,
    }

    #[test]
    fn the_field_that_does_not_fit_is_named() {
        let problem = parse::<Order>(br#"{"items":[{"quantity":-1}]}"#).expect_err("negative");
        assert_eq!(problem.status, 422);
        assert_eq!(problem.errors[0].field, "items[0].quantity");
    }

    #[test]
    fn broken_json_is_another_problem() {
        assert_eq!(parse::<Order>(b"{").expect_err("broken").id, "malformed-json");
        assert_eq!(parse::<Order>(br#"{"a":"\u0000"#).expect_err("broken").id, "malformed-json");
    }

    fn field_of(problem: Problem) -> (u16, String) {
        (problem.status.as_u16(), problem.errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn a_nul_in_json_is_refused_by_name_and_what_only_looks_like_one_is_not() {
        type Any = serde_json::Value;
        for (body, field) in [
            (r#"{"email":"\u0000"}"#, "email"),
            (r#"{"items":[{"a":1},{"name":"x\u0000"}]}"#, "items[1].name"),
            (r#"{"a\u0000":1}"#, "a"),
        ] {
            assert_eq!(
                field_of(parse::<Any>(body.as_bytes()).expect_err(body)),
                (422, field.to_owned())
            );
        }
        let backslash =
            parse::<Any>(br#"{"a":"\\u0000"}"#).expect("a backslash and five characters");
        assert_eq!(backslash["a"], "\\u0000");
    }

    #[tokio::test]
    async fn a_nul_in_a_query_is_refused_by_name() {
        async fn query(
            query: &str,
        ) -> Result<Query<std::collections::HashMap<String, String>>, Problem> {
            let request = Request::get(format!("/?{query}"))
                .body(axum::body::Body::empty())
                .expect("a request");
            Query::from_request_parts(&mut request.into_parts().0, &()).await
        }
        let refused = query("a=1&who=x%00").await.err().expect("refused");
        assert_eq!(field_of(refused), (422, "who".to_owned()));
        assert_eq!(query("a=%2500").await.expect("a percent sign").0["a"], "%00");
    }
}
