//! A record of the order log, as it is handed from reading to writing.

use chrono::{DateTime, Utc};

use crate::order::{OrderId, command::QueuedCommand, command_log::DeadLetter};

/// A record of the log.
#[derive(Debug, Clone)]
pub struct Record {
    pub offset: i64,
    /// When it was sent, by the sender's clock.
    pub sent_at: DateTime<Utc>,
    pub content: RecordContent,
}

/// What a record holds.
#[derive(Debug, Clone)]
pub enum RecordContent {
    Command(QueuedCommand),
    /// A command of this kind, which only a later version than this one knows.
    Unknown(String),
    /// Nobody can read or write it; it goes to the dead letters.
    Dead(DeadLetter),
}

impl Record {
    /// The order it is about, where that can be told.
    pub fn order(&self) -> Option<OrderId> {
        match &self.content {
            RecordContent::Command(queued) => Some(queued.command.order()),
            RecordContent::Unknown(_) => None,
            RecordContent::Dead(letter) => letter.order(),
        }
    }
}

/// Where a dead letter was found.
pub fn origin(partition: i32, offset: i64) -> String {
    format!("{partition}@{offset}")
}

impl Record {
    pub fn is_command(&self) -> bool {
        matches!(self.content, RecordContent::Command(_))
    }

    pub fn command(&self) -> Option<QueuedCommand> {
        match &self.content {
            RecordContent::Command(queued) => Some(queued.clone()),
            RecordContent::Unknown(_) | RecordContent::Dead(_) => None,
        }
    }
}
