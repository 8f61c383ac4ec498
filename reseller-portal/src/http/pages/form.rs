//! The page of all plain forms: labelled fields with hints and errors, as `identity` has them.

use askama::Template;
use axum::response::Response;
use identity::form::page::FormFrame;
pub use identity::form::{Field, Kind};

use super::frame::Frame;
use crate::error::Error;

/// A page that is a form.
pub type FormPage = identity::form::page::FormPage<Frame>;

#[derive(Template)]
#[template(path = "portal/form.html")]
struct Page {
    form: FormPage,
}

impl FormFrame for Frame {
    type Error = Error;

    fn page(form: FormPage) -> Response {
        kit::page::html(&Page { form })
    }

    fn fault(error: Error) -> Result<(String, String), Error> {
        match error {
            Error::Field { field, detail } => Ok((field, detail)),
            other => Err(other),
        }
    }
}
