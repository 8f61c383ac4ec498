//! Bodies of HTML forms; refusals are problems that name the field.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::{
    extract::{invalid_field, nul_in_pairs, nul_refused, too_large, unreadable},
    problem::Problem,
};

/// An `application/x-www-form-urlencoded` body. Answers 415, 413 or 422.
#[derive(Debug)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let body = Bytes::from_request(Request::from_parts(head.clone(), body), state)
            .await
            .map_err(unreadable)?;
        if let Some(field) = nul_in_pairs(&body) {
            return Err(nul_refused(&field));
        }
        match axum::Form::<T>::from_request(Request::from_parts(head, Body::from(body)), state)
            .await
        {
            Ok(axum::Form(value)) => Ok(Self(value)),
            Err(rejection) => Err(match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => too_large(),
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unsupported-media-type",
                    "The body must be a form",
                )
                .detail("Open the page and send its form."),
                _ => invalid_field("form", &rejection.body_text()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    async fn read(kind: &str, body: &'static str) -> Result<HashMap<String, String>, Problem> {
        let request = Request::post("/")
            .header("content-type", kind)
            .body(Body::from(body))
            .expect("a request");
        Form::from_request(request, &()).await.map(|form: Form<_>| form.0)
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[tokio::test]
    async fn a_nul_in_a_form_is_refused_by_name() {
        for (body, field) in [("a=b&email=%00", "email"), ("name=x\0", "name"), ("%00=1", "")] {
            let refused = read(FORM, body).await.expect_err(body);
            assert_eq!((refused.status.as_u16(), refused.id), (422, "invalid-field"));
            assert_eq!(refused.errors[0].field, field);
        }
        assert_eq!(read(FORM, "a=%2500").await.expect("a percent sign")["a"], "%00");
    }

    #[tokio::test]
    async fn what_is_no_form_is_another_problem() {
        assert_eq!(read("text/plain", "a=b").await.expect_err("text").status, 415);
    }
}
