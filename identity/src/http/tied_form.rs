//! Forms that are tied to whom they were made for.

use std::{collections::HashMap, str::FromStr};

use axum::extract::{FromRequest, Request};
use kit::form::Form;
use serde::{Deserialize, de::DeserializeOwned};

use crate::error::Error;

#[derive(Deserialize)]
struct Tied<T> {
    #[serde(default)]
    csrf: String,
    #[serde(flatten)]
    form: T,
}

/// The form of a request, where it carries the token made from `secret`.
pub(super) async fn read<T: DeserializeOwned, S: Send + Sync>(
    secret: &str,
    request: Request,
    state: &S,
) -> Result<T, Error> {
    let Form(tied) = Form::<Tied<T>>::from_request(request, state)
        .await
        .map_err(|problem| Error::Form(Box::new(problem)))?;
    if kit::secret::csrf_holds(secret, tied.csrf.trim()) {
        Ok(tied.form)
    } else {
        Err(Error::FormForeign)
    }
}

/// A form without fields of its own.
#[derive(Debug, Deserialize)]
pub struct NoFields {}

/// A form's fields as they came.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub HashMap<String, String>);

/// A field that has a text but no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotANumber {
    pub field: String,
}

impl Fields {
    /// The trimmed text of a field; empty where it is absent.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// The field as it was typed, for passwords.
    pub fn raw(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A number, or `None` where the field is empty.
    ///
    /// # Errors
    /// Another text stands there.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, NotANumber> {
        match self.text(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| NotANumber { field: name.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn sent<T: DeserializeOwned>(body: String) -> Result<T, Error> {
        let request = Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .expect("a request");
        read("a secret", request, &()).await
    }

    #[tokio::test]
    async fn a_form_is_read_where_it_carries_the_right_token_only() {
        let token = kit::secret::csrf("a secret");
        let fields: Fields = sent(format!("csrf={token}&name=+Ada+&age=x")).await.expect("a form");
        assert_eq!((fields.text("name"), fields.raw("name")), ("Ada", " Ada "));
        assert_eq!(fields.number::<i32>("none"), Ok(None));
        assert_eq!(fields.number::<i32>("age"), Err(NotANumber { field: "age".to_owned() }));
        sent::<NoFields>(format!("csrf={token}")).await.expect("a form");
        let other = kit::secret::csrf("another secret");
        for body in [String::new(), "name=Ada".to_owned(), format!("csrf={other}")] {
            let refused = sent::<NoFields>(body.clone()).await;
            assert!(matches!(refused, Err(Error::FormForeign)), "{body}");
        }
    }
}
