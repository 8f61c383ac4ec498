//! One template for all plain forms: labelled fields with hints and errors.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::frame::Frame;
use crate::error::Error;

/// How a field is entered.
pub enum Kind {
    Text,
    Email,
    Password,
    Area,
    Number,
    /// A date and a time of day, without a zone.
    LocalTime,
    /// Values and their words.
    Choice(Vec<(String, String)>),
}

/// One labelled field.
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub kind: Kind,
    pub value: String,
    pub error: Option<String>,
    pub autocomplete: &'static str,
    pub required: bool,
}

impl Field {
    pub fn new(name: &'static str, label: &'static str, value: &str) -> Self {
        Self {
            name,
            label,
            hint: "",
            kind: Kind::Text,
            value: value.to_owned(),
            error: None,
            autocomplete: "off",
            required: true,
        }
    }

    pub fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    pub fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    pub fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    fn input_type(&self) -> &'static str {
        match self.kind {
            Kind::Email => "email",
            Kind::Password => "password",
            Kind::LocalTime => "datetime-local",
            _ => "text",
        }
    }

    fn mode(&self) -> &'static str {
        match self.kind {
            Kind::Email => "email",
            Kind::Number => "numeric",
            _ => "text",
        }
    }

    /// Ids of what describes the field, for screen readers.
    fn described_by(&self) -> String {
        let mut ids = Vec::new();
        if !self.hint.is_empty() {
            ids.push(format!("{}-hint", self.name));
        }
        if self.error.is_some() {
            ids.push(format!("{}-error", self.name));
        }
        ids.join(" ")
    }
}

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
        (StatusCode::UNPROCESSABLE_ENTITY, self.answer()).into_response()
    }

    /// The page with a fault of a field, or the fault's own answer.
    pub fn refused_by(self, fault: Error) -> Response {
        match fault {
            Error::Field { field, detail } => self.refused(&[(field.as_str(), detail)]),
            other => other.into_response(),
        }
    }
}
