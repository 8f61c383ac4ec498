//! Typed ids: an order's id cannot be passed for a session's. The crate that owns a thing makes its
//! id with one of these macros; it is parsed at the door, carried whole, printed by `Display`,
//! bound by sqlx.

/// A text that cannot be an id of the kind that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a {0}")]
pub struct InvalidId(
    /// What was expected, as people say it: `show's id`.
    pub &'static str,
);

/// An id that is a UUID: `uuid_id!(/// An order. OrderId)`.
#[macro_export]
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize, ::sqlx::Type, ::utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(::uuid::Uuid);

        impl $name {
            /// The UUID behind it, for what is derived from its bytes.
            pub const fn uuid(self) -> ::uuid::Uuid {
                self.0
            }
        }

        impl ::std::convert::From<::uuid::Uuid> for $name {
            fn from(id: ::uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

/// An id that people read, a slug: `slug_id!("show's id", /// A show. ShowId)`. Lower-case letters,
/// digits and `-`, not `-` first, 63 characters at most.
#[macro_export]
macro_rules! slug_id {
    ($what:literal, $(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize, ::sqlx::Type, ::utoipa::ToSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        #[sqlx(transparent)]
        #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,62}$", max_length = 63)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl ::std::convert::AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl ::std::convert::TryFrom<String> for $name {
            type Error = $crate::id::InvalidId;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                if $crate::id::is_slug(&text) {
                    Ok(Self(text))
                } else {
                    Err($crate::id::InvalidId($what))
                }
            }
        }

        impl ::std::convert::From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::id::InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_from(text.to_owned())
            }
        }
    };
}

/// Characters of a slug, at most.
pub const SLUG_LEN_MAX: usize = 63;

/// Whether `text` is a slug: lower-case letters, digits and `-`, not `-` first, 63 characters at
/// most.
pub fn is_slug(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= SLUG_LEN_MAX
        && text.bytes().next().is_some_and(fits)
        && text.bytes().all(|byte| fits(byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    uuid_id!(
        /// A parcel.
        ParcelId
    );
    slug_id!(
        "shelf's name",
        /// A shelf.
        ShelfName
    );

    #[test]
    fn ids_are_parsed_printed_and_carried_as_what_they_are() {
        let parcel: ParcelId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().expect("an id");
        assert_eq!(parcel.to_string(), "0190163d-8694-739b-aea5-966c26f8ad91");
        assert_eq!(serde_json::to_value(parcel).expect("JSON"), parcel.uuid().to_string());
        let shelf: ShelfName = serde_json::from_str("\"upper-3\"").expect("a name");
        assert_eq!((shelf.to_string(), &*shelf), ("upper-3".to_owned(), "upper-3"));
        let refused = serde_json::from_str::<ShelfName>("\"Upper 3\"").expect_err("not a name");
        assert!(refused.to_string().starts_with("this is not a shelf's name"), "{refused}");
    }
}
