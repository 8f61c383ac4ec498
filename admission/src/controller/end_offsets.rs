//! Where the lanes of a room end, looked up beside the fetching: a question about an end waits
//! behind a long poll on the same connection, and the gate must not wait with it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kit::kafka::{Kafka, ReaderContext};
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_millis(1000);
const CALL: Duration = Duration::from_secs(5);

/// The ends of a room's lanes, up to a second old.
#[derive(Clone, Default)]
pub struct EndOffsets(Arc<Mutex<BTreeMap<i32, i64>>>);

impl EndOffsets {
    /// Takes what was found since the last time.
    pub fn take(&self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut *self.0.lock())
    }

    /// Looks until `stop`. Kafka being away is waited out.
    ///
    /// # Errors
    /// When the Kafka client cannot be made.
    pub fn watch(
        &self,
        kafka: &Kafka,
        topic: String,
        lanes: i32,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let reader: Arc<BaseConsumer<ReaderContext>> = Arc::new(kafka.reader()?);
        let found = self.0.clone();
        tokio::spawn(async move {
            while !stop.is_cancelled() {
                let (reader, topic, found) = (reader.clone(), topic.clone(), found.clone());
                let look = tokio::task::spawn_blocking(move || {
                    for lane in 0..lanes {
                        if let Ok((_, tail)) = reader.fetch_watermarks(&topic, lane, CALL) {
                            found.lock().insert(lane, tail);
                        }
                    }
                });
                let _ = look.await;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        });
        Ok(())
    }
}
