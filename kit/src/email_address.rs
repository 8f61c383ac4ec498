//! E-mail addresses of people, wherever one is typed.

use std::{fmt, str::FromStr};

/// Characters of an address at most (RFC 5321).
const BYTES_MAX: usize = 254;

/// An address that mail could be sent to, as it was typed, without the space around it. What it
/// really is, a mail server knows. It is personal: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// The text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address such as ada@example.com")]
pub struct NotAnAddress;

impl EmailAddress {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

impl FromStr for EmailAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let text = text.trim();
        let is_shaped = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && !domain.contains('@')
        });
        let is_plain = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
        if is_shaped && is_plain && text.len() <= BYTES_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnAddress)
        }
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["ada@example.com", " a.b+c@mail.example.org "] {
            let address: EmailAddress = good.parse().expect(good);
            assert_eq!(address.as_str(), good.trim());
            assert!(!format!("{address:?}").contains('@'));
        }
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@example",
            "ada@.example.com",
            "ada@example.com.",
            "a@b@c.de",
            "ada@\n.com",
            "a\u{0}@b.org",
            &format!("{}@example.com", "a".repeat(250)),
        ] {
            assert_eq!(bad.parse::<EmailAddress>(), Err(NotAnAddress), "{bad:?}");
        }
    }
}
