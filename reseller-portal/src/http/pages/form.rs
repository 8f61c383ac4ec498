//! One template for all plain forms: labelled fields with hints and errors.

use askama::Template;
use axum::response::{IntoResponse, Response};

pub use identity::form::{Field, Kind};

use super::frame::Frame;
use crate::error::Error;
use identity::form::shown_again;

/// A page that is a form.
#[derive(Template)]
#[template(path = "portal/form.html")]
pub struct FormPage {
    /// `None` for visitors.
    pub frame: Option<Frame>,
    pub csrf: String,
    pub title: String,
    pub lead: String,
    /// Where the page came from: address and words.
    pub back: Option<(String, String)>,
    /// What is wrong with the whole.
    pub fault: Option<String>,
    pub action: String,
    pub fields: Vec<Field>,
    pub button: &'static str,
    /// What else one could want: words before, address, words of the link.
    pub aside: Option<(&'static str, &'static str, &'static str)>,
}

impl FormPage {
    /// A form of somebody who is signed in.
    pub fn of(
        frame: Frame,
        title: impl Into<String>,
        action: impl Into<String>,
        fields: Vec<Field>,
    ) -> Self {
        Self {
            csrf: frame.csrf.clone(),
            frame: Some(frame),
            title: title.into(),
            lead: String::new(),
            back: None,
            fault: None,
            action: action.into(),
            fields,
            button: "Save",
            aside: None,
        }
    }

    pub fn lead(self, lead: impl Into<String>) -> Self {
        Self { lead: lead.into(), ..self }
    }

    pub fn back(self, address: impl Into<String>, words: impl Into<String>) -> Self {
        Self { back: Some((address.into(), words.into())), ..self }
    }

    pub fn button(self, button: &'static str) -> Self {
        Self { button, ..self }
    }

    fn has_errors(&self) -> bool {
        self.fields.iter().any(|field| field.error.is_some())
    }

    /// The page as an answer.
    pub fn answer(self) -> Response {
        kit::page::html(&self)
    }

    /// The same page with what did not fit, beside its fields where it names one. Answers 422.
    pub fn refused(mut self, faults: &[(&str, String)]) -> Response {
        for (name, detail) in faults {
            match self.fields.iter_mut().find(|field| field.name == *name) {
                Some(field) => field.error = Some(detail.clone()),
                None => self.fault = Some(detail.clone()),
            }
        }
        shown_again(self.answer())
    }

    /// The page with a fault of a field, or the fault's own answer.
    pub fn refused_by(self, fault: Error) -> Response {
        match fault {
            Error::Field { field, detail } => self.refused(&[(field.as_str(), detail)]),
            other => other.into_response(),
        }
    }
}
