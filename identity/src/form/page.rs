//! The page that is a form: the same for every kind of account, but for what stands around it.

use std::ops::Deref;

use axum::response::{IntoResponse, Response};

use super::{Field, shown_again};
use crate::page::Frame;

/// What stands around the forms of one kind of pages, and what is wrong with a form there.
pub trait FormFrame: Sized {
    type Error: IntoResponse;

    /// The page with the form in it.
    fn page(form: FormPage<Self>) -> Response;

    /// The field that an error is about and what is wrong with it.
    ///
    /// # Errors
    /// The error itself, where it is about no field.
    fn fault(error: Self::Error) -> Result<(String, String), Self::Error>;
}

/// A page that is a form, for the templates `identity/form_head.html` and
/// `identity/form_fields.html`, which know it as `form`.
#[derive(Debug, Clone)]
pub struct FormPage<F> {
    /// `None` where nothing stands around it, or what does is not its matter.
    pub frame: Option<F>,
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
    /// What is good to know; empty where there is nothing.
    pub note: &'static str,
}

impl<F> FormPage<F> {
    /// A form that brings no frame with it: a visitor's, or part of a larger page. `csrf` ties it
    /// to whom it was made for.
    pub fn new(
        csrf: String,
        title: impl Into<String>,
        action: impl Into<String>,
        fields: Vec<Field>,
    ) -> Self {
        Self {
            frame: None,
            csrf,
            title: title.into(),
            lead: String::new(),
            back: None,
            fault: None,
            action: action.into(),
            fields,
            button: "Save",
            aside: None,
            note: "",
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

    pub fn aside(self, before: &'static str, address: &'static str, words: &'static str) -> Self {
        Self { aside: Some((before, address, words)), ..self }
    }

    pub fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    pub fn has_errors(&self) -> bool {
        self.fields.iter().any(|field| field.error.is_some())
    }

    /// The same form with what did not fit, beside its fields where it names one.
    pub fn with_faults<'a, S: AsRef<str> + 'a>(
        mut self,
        faults: impl IntoIterator<Item = &'a (S, String)>,
    ) -> Self {
        for (name, detail) in faults {
            match self.fields.iter_mut().find(|field| field.name == name.as_ref()) {
                Some(field) => field.error = Some(detail.clone()),
                None => self.fault = Some(detail.clone()),
            }
        }
        self
    }
}

impl<F: FormFrame + Deref<Target = Frame>> FormPage<F> {
    /// A form of somebody who is signed in.
    pub fn of(
        frame: F,
        title: impl Into<String>,
        action: impl Into<String>,
        fields: Vec<Field>,
    ) -> Self {
        let csrf = frame.csrf.clone();
        Self { frame: Some(frame), ..Self::new(csrf, title, action, fields) }
    }

    /// The page as an answer.
    pub fn answer(self) -> Response {
        F::page(self)
    }

    /// The page with what did not fit. Answers 422.
    pub fn refused<'a, S: AsRef<str> + 'a>(
        self,
        faults: impl IntoIterator<Item = &'a (S, String)>,
    ) -> Response {
        shown_again(self.with_faults(faults).answer())
    }

    /// The page with a fault of a field, or the fault's own answer.
    pub fn refused_by(self, error: F::Error) -> Response {
        match F::fault(error) {
            Ok(fault) => self.refused(&[fault]),
            Err(error) => error.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Faults;

    #[test]
    fn a_fault_stands_beside_its_field_or_above_all() {
        let fields = vec![Field::new("name", "Name", "Ada"), Field::new("email", "Email", "")];
        let form = FormPage::<()>::new("token".to_owned(), "Sign up", "/sign-up", fields);
        assert!(!form.has_errors());
        let mut faults = Faults::new("email", "Enter an address.");
        faults.add("", "Try again later.");
        let form = form.with_faults(faults.iter());
        let beside: Vec<_> = form.fields.iter().map(|field| field.error.as_deref()).collect();
        assert_eq!(beside, [None, Some("Enter an address.")]);
        assert!(form.has_errors());
        assert_eq!(form.fault.as_deref(), Some("Try again later."));
    }
}
