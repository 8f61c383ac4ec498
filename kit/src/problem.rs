//! Errors as RFC 9457 problem documents with closed, stable ids.
//!
//! A service has one error enum; each variant gives a [`Problem`]. What the caller may read
//! (`title`, `detail`, `errors`) and what the log needs (`cause`) are separate. The same problem
//! becomes a page where a browser asked (see [`crate::page`]).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A problem on its way to a caller.
#[derive(Debug, Clone)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable id in kebab case; `type` is `urn:fairgate:problem:<id>`.
    pub id: &'static str,
    pub title: &'static str,
    pub detail: String,
    pub errors: Vec<FieldError>,
    pub retry_after_secs: Option<u64>,
    /// For the log only.
    pub cause: Option<String>,
}

/// One field that did not fit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// Path of the field in the body or query, e.g. `items[0].quantity`.
    pub field: String,
    pub detail: String,
}

/// The wire form, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    #[schema(example = "urn:fairgate:problem:room-unknown")]
    pub r#type: String,
    #[schema(example = "There is no such room")]
    pub title: String,
    #[schema(minimum = 400, maximum = 599, example = 404)]
    pub status: u16,
    pub detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, id: &'static str, title: &'static str) -> Self {
        Self {
            status,
            id,
            title,
            detail: String::new(),
            errors: Vec::new(),
            retry_after_secs: None,
            cause: None,
        }
    }

    /// What happened in this case and what to do next.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    pub fn field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), detail: detail.into() });
        self
    }

    /// Adds `Retry-After`, in seconds.
    pub fn retry_after(mut self, secs: u64) -> Self {
        self.retry_after_secs = Some(secs);
        self
    }

    /// What the log should say; never sent to the caller.
    pub fn cause(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// 503: something we lean on is away for a moment. Nothing was done.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "try-again-soon", "Try again in a moment")
            .detail(
                "A part of the system is catching up. Nothing was lost. Please try again in a \
                moment.",
            )
            .retry_after(2)
            .cause(cause)
    }

    /// 500: our mistake.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side")
            .detail("The fault is ours and has been recorded with this request's id.")
            .cause(cause)
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing at this address")
            .detail("Check the address, or start from the list of shows.")
    }

    pub fn body(&self) -> ProblemBody {
        ProblemBody {
            r#type: format!("urn:fairgate:problem:{}", self.id),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
            retry_after_secs: self.retry_after_secs,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            if self.status == StatusCode::INTERNAL_SERVER_ERROR {
                tracing::error!(problem = self.id, cause, "request failed");
            } else {
                tracing::warn!(problem = self.id, cause, "request refused");
            }
        }
        metrics::counter!("fairgate_problems_total", "id" => self.id).increment(1);
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response.extensions_mut().insert(self);
        response
    }
}
