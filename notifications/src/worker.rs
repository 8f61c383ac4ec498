//! What notifications does by itself.

use kit::{kafka::Kafka, serve::Tasks};

use crate::{
    App,
    email::{consumer, sender},
};

/// Turns events into emails and sends them until the process ends.
pub fn run(app: &App, kafka: &Kafka, tasks: &Tasks) {
    consumer::start(app, kafka, tasks);
    sender::start(app, tasks);
}
