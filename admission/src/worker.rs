//! Starts a controller for every gate and keeps their settings current.

use std::{collections::HashMap, sync::Arc, time::Duration};

use kit::{
    kafka::{Kafka, Producer, ProducerBounds},
    serve::Tasks,
};
use sqlx::PgPool;
use tokio::sync::watch;

use crate::{
    controller::Controller,
    gate::{GateSettings, GateState, redis::Gate},
    head::ensure_heads_topic,
    place::RoomName,
    store,
};

/// How soon a change of settings is seen.
const SETTINGS_EVERY: Duration = Duration::from_millis(300);

/// Runs the admission role until the tasks are told to stop.
///
/// # Errors
/// When a Kafka client cannot be made; Kafka and Postgres being away is waited out.
pub fn run(pool: PgPool, kafka: Kafka, gate: Gate, tasks: &Tasks) -> anyhow::Result<()> {
    let bounds = ProducerBounds { queue_messages_max: 10_000, delivery_ms_max: 5000, linger_ms: 0 };
    let producer = Arc::new(Producer::new(kafka.clone(), bounds)?);
    let mut supervisor = Supervisor {
        kafka,
        gate,
        producer,
        tasks: tasks.clone(),
        rooms: HashMap::new(),
        ready: false,
    };
    let stop = tasks.stop();
    tasks.spawn(async move {
        let mut failing = false;
        while !stop.is_cancelled() {
            match store::open_gates(&pool).await {
                Ok(gates) => {
                    failing = false;
                    supervisor.follow(gates).await;
                }
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "gate settings cannot be read; the known ones go on");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(SETTINGS_EVERY) => {}
            }
        }
    });
    Ok(())
}

struct Supervisor {
    kafka: Kafka,
    gate: Gate,
    producer: Arc<Producer>,
    tasks: Tasks,
    rooms: HashMap<RoomName, watch::Sender<GateSettings>>,
    ready: bool,
}

impl Supervisor {
    async fn follow(&mut self, gates: Vec<GateSettings>) {
        if !self.ready {
            match ensure_heads_topic(&self.kafka).await {
                Ok(()) => self.ready = true,
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "waiting for Kafka");
                    return;
                }
            }
        }
        // A gate that is no longer listed was closed; its controller ends itself.
        // One that slept meanwhile has another line, which another controller reads.
        self.rooms.retain(|room, sender| {
            let line = &sender.borrow().line.clone();
            let open = gates.iter().any(|gate| gate.room == *room && gate.line == *line);
            if !open {
                sender.send_modify(|gate| gate.state = GateState::Closed);
            }
            open && !sender.is_closed()
        });
        for gate in gates {
            match self.rooms.get(&gate.room) {
                Some(sender) => {
                    sender.send_if_modified(|known| {
                        let changed = *known != gate;
                        if changed {
                            tracing::info!(
                                room = %gate.room,
                                rate_per_sec = gate.rate_per_sec,
                                max_active = gate.max_active,
                                state = ?gate.state,
                                "gate settings changed"
                            );
                            *known = gate;
                        }
                        changed
                    });
                }
                None => self.start(gate),
            }
        }
    }

    fn start(&mut self, gate: GateSettings) {
        let room = gate.room.clone();
        let (sender, receiver) = watch::channel(gate);
        match Controller::new(&self.kafka, self.gate.clone(), self.producer.clone(), receiver) {
            Ok(controller) => {
                self.tasks.spawn(controller.run(self.tasks.stop()));
                self.rooms.insert(room, sender);
            }
            Err(error) => {
                tracing::error!(%room, error = format!("{error:#}"), "no controller for this room")
            }
        }
    }
}
