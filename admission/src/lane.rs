//! Names and settings of the line's topics. A lane is a partition.

pub mod lease;
pub mod line_at;
pub mod merge;
pub mod turns;

/// The topic that is a room's line.
pub fn line_topic(room: &str) -> String {
    format!("line.{room}")
}

/// The consumer group whose committed offsets were a room's heads, before there was one for all
/// rooms ([`lease::ADMISSION_GROUP`]).
pub fn admission_group(room: &str) -> String {
    format!("admission.{room}")
}

/// Topic settings of a line: it keeps everything, and the broker's clock stamps each record, so
/// that within a lane later places never bear an earlier time.
pub const LINE_SETTINGS: [(&str, &str); 3] = [
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("message.timestamp.type", "LogAppendTime"),
];
