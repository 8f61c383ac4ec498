//! What letters are about, and which event makes which letter. Pure.

use uuid::Uuid;

/// Letters' ids are named under this, so that an event that comes again finds its letter.
const LETTERS: Uuid = Uuid::from_u128(0x7c0e_51d4_2f6b_4a19_8d33_60b1_95ea_c874);

/// What a letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An order was paid; its subject is the order.
    Ticket,
    /// An order's money went back; its subject is the order.
    Refund,
    /// An admin answered; its subject is the message.
    SupportAnswer,
    /// The links to an order were replaced; its subject is the renewal.
    OrderLink,
}

impl Kind {
    /// As in the database and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Refund => "refund",
            Self::SupportAnswer => "support_answer",
            Self::OrderLink => "order_link",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Ticket, Self::Refund, Self::SupportAnswer, Self::OrderLink]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A letter that an event asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLetter {
    pub kind: Kind,
    pub subject: Uuid,
    /// Of the request that caused the event.
    pub request_id: String,
}

impl NewLetter {
    /// The same for the same kind and subject.
    pub fn id(&self) -> Uuid {
        Uuid::new_v5(&LETTERS, format!("{}/{}", self.kind.name(), self.subject).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_one_letter_a_kind() {
        let letter = |kind, subject| NewLetter {
            kind,
            subject: Uuid::from_u128(subject),
            request_id: String::new(),
        };
        assert_eq!(letter(Kind::Ticket, 1).id(), letter(Kind::Ticket, 1).id());
        assert_ne!(letter(Kind::Ticket, 1).id(), letter(Kind::Refund, 1).id());
        assert_ne!(letter(Kind::Ticket, 1).id(), letter(Kind::Ticket, 2).id());
        for kind in [Kind::Ticket, Kind::Refund, Kind::SupportAnswer, Kind::OrderLink] {
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
    }
}
