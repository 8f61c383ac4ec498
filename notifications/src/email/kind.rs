//! What emails are about, and which event makes which email. Pure.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Emails' ids are named under this, so that an event that comes again finds its email.
const EMAILS: Uuid = Uuid::from_u128(0x7c0e_51d4_2f6b_4a19_8d33_60b1_95ea_c874);

/// What an email is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailKind {
    /// An order was paid; its subject is the order.
    Ticket,
    /// An order's money went back; its subject is the order.
    Refund,
    /// An admin answered; its subject is the message.
    SupportAnswer,
    /// The links to an order were replaced; its subject is the renewal.
    OrderLink,
    /// A turn in a line is near whose fan asked for a mail then; its subject is that wish.
    NearTurn,
}

impl EmailKind {
    const ALL: [Self; 5] =
        [Self::Ticket, Self::Refund, Self::SupportAnswer, Self::OrderLink, Self::NearTurn];
}

/// As in the database and in metrics.
impl fmt::Display for EmailKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ticket => "ticket",
            Self::Refund => "refund",
            Self::SupportAnswer => "support_answer",
            Self::OrderLink => "order_link",
            Self::NearTurn => "near_turn",
        })
    }
}

/// A name that no kind of email has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no kind of email")]
pub struct UnknownKind;

impl FromStr for EmailKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.to_string() == name).ok_or(UnknownKind)
    }
}

/// An email that an event or a turn asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEmail {
    pub kind: EmailKind,
    pub subject: Uuid,
    /// Of the request that caused the event; of its own where none did.
    pub request_id: String,
}

impl NewEmail {
    /// The same for the same kind and subject.
    pub fn id(&self) -> Uuid {
        Uuid::new_v5(&EMAILS, format!("{}/{}", self.kind, self.subject).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_one_email_a_kind() {
        let email = |kind, subject| NewEmail {
            kind,
            subject: Uuid::from_u128(subject),
            request_id: String::new(),
        };
        assert_eq!(email(EmailKind::Ticket, 1).id(), email(EmailKind::Ticket, 1).id());
        assert_ne!(email(EmailKind::Ticket, 1).id(), email(EmailKind::Refund, 1).id());
        assert_ne!(email(EmailKind::Ticket, 1).id(), email(EmailKind::Ticket, 2).id());
        for kind in EmailKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
    }
}
