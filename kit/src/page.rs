//! Pages: rendering, and the page face of a problem.

use askama::Template;
use axum::{
    extract::Request,
    http::{HeaderValue, Method, header},
    response::{Html, IntoResponse, Response},
};

use crate::problem::Problem;

/// Renders a template as an HTML response that is not cached.
pub fn html(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => ([(header::CACHE_CONTROL, "no-store")], Html(text)).into_response(),
        Err(error) => Problem::internal(format!("rendering a page: {error}")).into_response(),
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    title: &'a str,
    detail: &'a str,
    status: u16,
    retry_after_secs: Option<u64>,
    /// A reload repeats only what is safe to repeat.
    reloads: bool,
}

/// The face of a problem that a request asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Face {
    page: bool,
    /// A reload repeats only what is safe to repeat.
    reloads: bool,
}

impl Face {
    pub(crate) fn wanted_by(request: &Request) -> Self {
        let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let page = accept.is_some_and(|accept| accept.starts_with("text/html"));
        Self { page, reloads: request.method() == Method::GET }
    }

    /// Turns a problem into a page for whoever asked for one.
    pub(crate) fn show(self, response: Response) -> Response {
        if !self.page {
            return response;
        }
        let Some(problem) = response.extensions().get::<Problem>().cloned() else {
            return response;
        };
        let page = ProblemPage {
            title: problem.title,
            detail: &problem.detail,
            status: problem.status.as_u16(),
            retry_after_secs: problem.retry_after_secs,
            reloads: self.reloads,
        };
        let Ok(text) = page.render() else { return response };
        let (mut parts, _) = response.into_parts();
        parts
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, text.into())
    }
}
