//! What the order writer is told to do: the records of `orders.commands`.

use catalog::contract::{Money, ShowId, TicketTypeId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    hold::HoldId,
    order::{OrderId, amount, buyer::Buyer},
    session::SessionId,
};

/// A record of `orders.commands`, as JSON. The partition is the order's home partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Command {
    #[serde(rename = "place.v1")]
    Submit(Box<SubmitOrder>),
    /// The fan gave the order up.
    #[serde(rename = "cancel.v1")]
    Cancel(EndOrder),
    /// The time to pay is over.
    #[serde(rename = "expire.v1")]
    Expire(EndOrder),
    /// An admin gives a paid order's money back.
    #[serde(rename = "refund.v1")]
    Refund(EndOrder),
}

impl Command {
    /// The kinds that this version knows, as `type` says them.
    pub const KINDS: [&str; 4] = ["place.v1", "cancel.v1", "expire.v1", "refund.v1"];

    /// The order that it is about.
    pub fn order(&self) -> OrderId {
        match self {
            Self::Submit(submit) => submit.order,
            Self::Cancel(end) | Self::Expire(end) | Self::Refund(end) => end.order,
        }
    }
}

/// Makes a hold an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubmitOrder {
    pub order: OrderId,
    pub session: SessionId,
    pub show: ShowId,
    pub hold: HoldId,
    pub lines: Vec<SubmitLine>,
    #[serde(flatten, with = "amount")]
    pub amount: Money,
    pub buyer: Buyer,
    /// SHA-256 over what was asked, in hexadecimal.
    pub request_hash: String,
    pub placed_at: DateTime<Utc>,
    /// Until when it may be paid.
    pub expires_at: DateTime<Utc>,
}

/// Tickets of one type from one shard, taken under `epoch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubmitLine {
    pub ticket_type: TicketTypeId,
    pub shard: i32,
    pub quantity: i32,
    pub unit_price_minor: i64,
    pub epoch: i64,
}

/// Ends an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndOrder {
    pub order: OrderId,
}

/// A command and the request that caused it.
#[derive(Debug, Clone)]
pub struct QueuedCommand {
    pub command: Command,
    pub request_id: String,
}

/// What a record of the log says.
#[derive(Debug, PartialEq)]
pub enum ParsedCommand {
    Command(Box<Command>),
    /// A command of this kind, which only a later version than this one knows.
    Unknown(String),
    Unreadable,
}

/// Reads a record of the log.
pub fn parse(payload: &[u8]) -> ParsedCommand {
    #[derive(Deserialize)]
    struct Tag {
        r#type: String,
    }
    if let Ok(command) = serde_json::from_slice(payload) {
        return ParsedCommand::Command(Box::new(command));
    }
    match serde_json::from_slice::<Tag>(payload) {
        Ok(tag) if is_kind(&tag.r#type) && !Command::KINDS.contains(&tag.r#type.as_str()) => {
            ParsedCommand::Unknown(tag.r#type)
        }
        _ => ParsedCommand::Unreadable,
    }
}

/// Whether it is spelled as kinds of commands are: `word.v1`.
fn is_kind(text: &str) -> bool {
    text.len() <= 40
        && text.split_once(".v").is_some_and(|(word, version)| {
            !word.is_empty()
                && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                && version.parse::<u16>().is_ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::command::EndOrder;
    use uuid::Uuid;

    #[test]
    fn what_is_for_a_later_version_is_told_from_what_nobody_can_read() {
        let cancel = Command::Cancel(EndOrder { order: Uuid::nil().into() });
        let known = serde_json::to_vec(&cancel).expect("JSON");
        assert_eq!(parse(&known), ParsedCommand::Command(Box::new(cancel)));
        for kind in ["place.v2", "swap.v1"] {
            assert_eq!(
                parse(format!("{{\"type\":\"{kind}\",\"x\":1}}").as_bytes()),
                ParsedCommand::Unknown(kind.to_owned())
            );
        }
        let unreadable = [
            "",
            "{",
            "[]",
            "{}",
            "{\"type\":3}",
            "{\"type\":\"cancel.v1\"}",
            "{\"type\":\"Hello.v1\"}",
        ];
        for text in unreadable {
            assert_eq!(parse(text.as_bytes()), ParsedCommand::Unreadable, "{text}");
        }
        for kind in Command::KINDS {
            assert!(is_kind(kind));
            assert_eq!(
                parse(format!("{{\"type\":\"{kind}\"}}").as_bytes()),
                ParsedCommand::Unreadable,
                "{kind} is known"
            );
        }
    }
}
