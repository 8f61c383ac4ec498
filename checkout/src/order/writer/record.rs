//! A record of the order log, as it is handed from reading to writing.

use rdkafka::Message;
use uuid::Uuid;

use crate::order::{command::Asked, command_log::Letter};

/// A record of the log.
#[derive(Debug, Clone)]
pub struct Entry {
    pub offset: i64,
    pub content: Content,
}

/// What a record holds.
#[derive(Debug, Clone)]
pub enum Content {
    Command(Asked),
    /// A command of this kind, which only a later version than this one knows.
    Unknown(String),
    /// Nobody can read or write it; it goes to the dead letters.
    Dead(Letter),
}

impl Entry {
    /// The order it is about, where that can be told.
    pub fn order(&self) -> Option<Uuid> {
        match &self.content {
            Content::Command(asked) => Some(asked.command.order()),
            Content::Unknown(_) => None,
            Content::Dead(letter) => letter.order(),
        }
    }
}

/// Where a dead letter was found.
pub fn origin(partition: i32, offset: i64) -> String {
    format!("{partition}@{offset}")
}

impl Entry {
    pub fn is_command(&self) -> bool {
        matches!(self.content, Content::Command(_))
    }

    pub fn command(&self) -> Option<Asked> {
        match &self.content {
            Content::Command(asked) => Some(asked.clone()),
            Content::Unknown(_) | Content::Dead(_) => None,
        }
    }
}
