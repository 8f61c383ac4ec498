//! Forms: their fields, the page around them, and that page once more with what was wrong.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

pub mod page;

/// What was wrong with a form that is shown again, field by field.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Faults(Vec<(String, String)>);

impl Faults {
    /// One fault.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(field, detail);
        faults
    }

    pub fn add(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.0.push((field.into(), detail.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with its field.
    pub fn iter(&self) -> std::slice::Iter<'_, (String, String)> {
        self.0.iter()
    }

    /// What is wrong with a field.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, detail)| detail.as_str())
    }
}

/// A page with the form that did not fit. Answers 422.
pub fn shown_again(page: Response) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

/// How a field is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone)]
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

    /// The `type` of its input.
    pub fn input_type(&self) -> &'static str {
        match self.kind {
            Kind::Email => "email",
            Kind::Password => "password",
            Kind::LocalTime => "datetime-local",
            _ => "text",
        }
    }

    /// The `inputmode` of its input.
    pub fn mode(&self) -> &'static str {
        match self.kind {
            Kind::Email => "email",
            Kind::Number => "numeric",
            _ => "text",
        }
    }

    /// Ids of what describes the field, for screen readers.
    pub fn described_by(&self) -> String {
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
