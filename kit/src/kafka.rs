//! Kafka: topics under a namespace, an idempotent producer, consumers that commit by hand.

mod client;
pub mod consumer;
mod durability;
mod former_group;
mod headers;
mod members;
mod producer;
pub mod reader;
mod topic;
mod topic_id;
mod wire;

pub use client::{Kafka, ProducerBounds, ReaderContext, is_queue_full};
pub use durability::Weak;
pub use headers::{headers, request_id};
pub use producer::Producer;
pub use topic::Topic;
