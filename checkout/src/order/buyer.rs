//! Who buys, and whether that can be written to. Pure.

use kit::{email_address::EmailAddress, language};
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Error;

/// Who buys. Personal: never logged, which is why `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Buyer {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    pub name: String,
    /// Where the tickets go; 3 to 254 characters.
    #[schema(min_length = 3, max_length = 254, format = "email", example = "ada@fairgate.example")]
    pub email: String,
    /// BCP 47, for what is written to the buyer; `en` where it is absent or not one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "de-CH")]
    pub language: Option<String>,
}

impl fmt::Debug for Buyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buyer(…)")
    }
}

pub fn checked(buyer: Buyer) -> Result<Buyer, Error> {
    let field = |field: &str, detail: &str| {
        Err(Error::Field { field: field.to_owned(), detail: detail.to_owned() })
    };
    let (name, email) = (buyer.name.trim(), buyer.email.trim());
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return field("buyer.name", "must be 1 to 200 characters");
    }
    let Ok(email) = email.parse::<EmailAddress>() else {
        return field("buyer.email", "must be an email address");
    };
    let language = Some(language::tag(buyer.language.as_deref()));
    Ok(Buyer { name: name.to_owned(), email: email.to_string(), language })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buyer(name: &str, email: &str) -> Buyer {
        Buyer { name: name.to_owned(), email: email.to_string(), language: None }
    }

    #[test]
    fn a_buyer_needs_a_name_and_an_address() {
        assert_eq!(
            checked(buyer(" Ada ", " ada@example.com ")).expect("fits"),
            Buyer { language: Some("en".to_owned()), ..buyer("Ada", "ada@example.com") }
        );
        for wrong in [
            ("", "a@b.c"),
            ("A", "a"),
            ("A", "@b.c"),
            ("A", "a@b"),
            ("A", "a b@c.d"),
            ("A\n", "a@b.c\r\n.d"),
        ] {
            assert!(checked(buyer(wrong.0, wrong.1)).is_err(), "{wrong:?}");
        }
    }
}
