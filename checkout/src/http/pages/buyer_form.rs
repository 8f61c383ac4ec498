//! Who is buying: the two fields and what can be wrong with them. Pure.

/// The fields as typed, and what does not fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuyerForm {
    pub name: String,
    pub email: String,
    pub name_error: Option<&'static str>,
    pub email_error: Option<&'static str>,
}

const NAME_CHARS_MAX: usize = 100;
const EMAIL_CHARS_MAX: usize = 200;

impl BuyerForm {
    /// Takes what was typed, without spaces around it, and checks it.
    pub fn checked(name: &str, email: &str) -> Self {
        let (name, email) = (name.trim().to_owned(), email.trim().to_owned());
        let name_error = if name.is_empty() {
            Some("Enter your name.")
        } else if name.chars().count() > NAME_CHARS_MAX {
            Some("Use at most 100 characters.")
        } else if name.chars().any(char::is_control) {
            Some("Use letters only, without line breaks.")
        } else {
            None
        };
        let email_error = if email.is_empty() {
            Some("Enter your email address.")
        } else if !is_address(&email) {
            Some("Enter an address like name@example.com.")
        } else {
            None
        };
        Self { name, email, name_error, email_error }
    }

    pub fn fits(&self) -> bool {
        self.name_error.is_none() && self.email_error.is_none()
    }
}

/// Something before one @, a dotted name after it. Only a mail that arrives proves more.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain = text.chars().all(|character| !character.is_whitespace() && !character.is_control());
    let dotted = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
    plain
        && text.chars().count() <= EMAIL_CHARS_MAX
        && !local.is_empty()
        && !domain.contains('@')
        && dotted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_taken_as_they_are() {
        for (name, email) in [
            ("Ayşe Öztürk", "a@b.co"),
            ("X", "first.last+tag@mail.example.org"),
            ("李", "li@例え.jp"),
        ] {
            assert!(BuyerForm::checked(name, email).fits(), "{name} {email}");
        }
    }

    #[test]
    fn each_fault_is_told_at_its_field_and_what_was_typed_is_kept() {
        let form = BuyerForm::checked("  ", " someone at example ");
        assert!(form.name_error.is_some() && form.email_error.is_some());
        assert_eq!(form.email, "someone at example");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for email in ["", "a", "a@b", "@b.co", "a@.co", "a@b.", "a@b@c.co", "a b@c.co"] {
            assert!(BuyerForm::checked("X", email).email_error.is_some(), "{email}");
        }
        assert!(
            BuyerForm::checked("X", &format!("{}@b.co", "a".repeat(200))).email_error.is_some()
        );
    }
}
