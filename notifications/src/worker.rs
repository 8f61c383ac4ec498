//! What notifications does by itself.

use kit::{kafka::Kafka, serve::Tasks};

use crate::{
    App,
    email::{consumer, near_turns, sender},
};

/// Turns events, and turns that are near, into emails and sends them until the process ends.
pub fn run(app: &App, kafka: &Kafka, tasks: &Tasks) {
    consumer::start(app, kafka, tasks);
    near_turns::start(app, tasks);
    sender::start(app, tasks);
}
