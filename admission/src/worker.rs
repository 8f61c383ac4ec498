//! Starts a controller for every gate and keeps their settings current.

use std::{collections::HashMap, sync::Arc, time::Duration};

use kit::{
    kafka::{Kafka, Producer, ProducerBounds},
    serve::Tasks,
};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::{
    controller::{Controller, shared::Shared},
    gate::{GateSettings, GateState, redis::Gate},
    head::{ensure_heads_topic, snapshot::SNAPSHOTS},
    lane::{lease::LEASES, line_at::LineAt},
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
        shared: None,
        controllers: TaskTracker::new(),
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
        supervisor.leave().await;
    });
    Ok(())
}

struct Supervisor {
    kafka: Kafka,
    gate: Gate,
    producer: Arc<Producer>,
    tasks: Tasks,
    rooms: HashMap<RoomName, watch::Sender<GateSettings>>,
    /// What all controllers share, once Kafka's topics are there.
    shared: Option<Arc<Shared>>,
    controllers: TaskTracker,
}

impl Supervisor {
    async fn follow(&mut self, gates: Vec<GateSettings>) {
        let shared = match self.share().await {
            Ok(shared) => shared,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "waiting for Kafka");
                return;
            }
        };
        if let Err(error) = shared.see_to_sight() {
            tracing::warn!(error = format!("{error:#}"), "asking for leases again");
        }
        // A gate that is no longer listed was closed, or its room sleeps; one that slept meanwhile
        // has another line. Its controller ends itself, and another may begin once it has.
        let open: HashMap<&RoomName, &LineAt> =
            gates.iter().map(|gate| (&gate.room, &gate.line)).collect();
        self.rooms.retain(|room, sender| {
            let is_open = open.get(room).is_some_and(|line| **line == sender.borrow().line);
            if !is_open {
                sender.send_if_modified(|gate| {
                    let was_open = gate.state != GateState::Closed;
                    gate.state = GateState::Closed;
                    was_open
                });
            }
            !sender.is_closed()
        });
        for gate in gates {
            match self.rooms.get(&gate.room) {
                Some(sender) if sender.borrow().state == GateState::Closed => {}
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
                None => self.start(gate, shared.clone()),
            }
        }
    }

    async fn share(&mut self) -> anyhow::Result<Arc<Shared>> {
        if let Some(shared) = &self.shared {
            return Ok(shared.clone());
        }
        ensure_heads_topic(&self.kafka).await?;
        self.kafka.ensure(&SNAPSHOTS).await?;
        self.kafka.ensure(&LEASES).await?;
        let shared = Arc::new(Shared::start(&self.kafka, self.gate.signal_board())?);
        self.shared = Some(shared.clone());
        Ok(shared)
    }

    /// Once all controllers have ended, their leases are handed over.
    async fn leave(mut self) {
        self.controllers.close();
        self.controllers.wait().await;
        if let Some(shared) = self.shared.take().and_then(Arc::into_inner) {
            shared.leave().await;
        }
    }

    fn start(&mut self, gate: GateSettings, shared: Arc<Shared>) {
        let room = gate.room.clone();
        let (sender, receiver) = watch::channel(gate);
        let controller =
            Controller::new(shared, self.gate.clone(), self.producer.clone(), receiver);
        self.controllers.spawn(controller.run(self.tasks.stop()));
        self.rooms.insert(room, sender);
    }
}
