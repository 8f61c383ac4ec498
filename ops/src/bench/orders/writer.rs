//! Orders through the log and the batch writer. A client knows that its order is committed when the
//! writer's offset, which moves in the same transaction, has passed its command.

use std::time::Duration;

use anyhow::{Context, bail};
use checkout::contract::{COMMANDS_TOPIC, Command};
use kit::{http::RequestId, kafka::ProducerBounds};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::PgPool;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::hot::{Hot, Orders, PARTITIONS};
use crate::bench::setup::Bench;

/// As checkout's own producer of commands.
const BOUNDS: ProducerBounds =
    ProducerBounds { queue_messages_max: 20_000, delivery_ms_max: 3_000, linger_ms: 2 };
/// One look serves all clients.
const LOOK: Duration = Duration::from_millis(2);
const WRITTEN_WITHIN: Duration = Duration::from_secs(30);

pub async fn round(bench: &Bench, hot: &Hot, clients: usize) -> anyhow::Result<Orders> {
    let stores = &bench.env.stores;
    let producer = stores.kafka.producer(BOUNDS)?;
    let topic = stores.kafka.name(COMMANDS_TOPIC);
    let (tell, offsets) = watch::channel(vec![0i64; PARTITIONS as usize]);
    let looking = tokio::spawn(look(stores.pool.clone(), tell));
    // An order beforehand, for none of those that count is to pay for connecting.
    place(&producer, &topic, hot, 0, &mut offsets.clone()).await?;
    let began = Instant::now();
    let end = began + bench.lasts;
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let (producer, topic, hot, mut offsets) =
            (producer.clone(), topic.clone(), hot.clone(), offsets.clone());
        tasks.spawn(async move {
            let mut written = 0usize;
            while Instant::now() < end {
                place(&producer, &topic, &hot, client + written, &mut offsets).await?;
                written += 1;
            }
            anyhow::Ok(written)
        });
    }
    let mut written = 0;
    while let Some(done) = tasks.join_next().await {
        written += done??;
    }
    let secs = began.elapsed().as_secs_f64();
    looking.abort();
    Ok(Orders { written: i64::try_from(written + 1)?, per_sec: written as f64 / secs })
}

/// Sends an order and waits until it is committed.
async fn place(
    producer: &FutureProducer,
    topic: &str,
    hot: &Hot,
    turn: usize,
    offsets: &mut watch::Receiver<Vec<i64>>,
) -> anyhow::Result<()> {
    let (partition, offset) = send(producer, topic, hot, turn).await?;
    let passed = |next: &Vec<i64>| next.get(partition as usize).is_some_and(|next| *next > offset);
    timeout(WRITTEN_WITHIN, offsets.wait_for(passed))
        .await
        .context("the writer did not write an order in time")??;
    Ok(())
}

async fn send(
    producer: &FutureProducer,
    topic: &str,
    hot: &Hot,
    turn: usize,
) -> anyhow::Result<(i32, i64)> {
    let (place, partition) = hot.order(turn)?;
    let key = place.order.to_string();
    let payload = serde_json::to_vec(&Command::Submit(Box::new(place)))?;
    let record = FutureRecord::to(topic)
        .partition(partition)
        .key(&key)
        .payload(&payload)
        .headers(kit::kafka::headers(&RequestId::fresh()));
    match producer.send(record, Duration::ZERO).await {
        Ok(delivery) => Ok((delivery.partition, delivery.offset)),
        Err((error, _)) => bail!("sending an order command: {error}"),
    }
}

/// Tells the next offset of each partition, again and again.
async fn look(pool: PgPool, tell: watch::Sender<Vec<i64>>) -> sqlx::Result<()> {
    loop {
        let rows: Vec<(i32, i64)> =
            sqlx::query_as("SELECT partition, next_offset FROM checkout.writer_offsets")
                .fetch_all(&pool)
                .await?;
        tell.send_if_modified(|next| {
            let mut moved = false;
            for (partition, offset) in &rows {
                if let Some(known) =
                    usize::try_from(*partition).ok().and_then(|index| next.get_mut(index))
                {
                    moved |= *known != *offset;
                    *known = *offset;
                }
            }
            moved
        });
        sleep(LOOK).await;
    }
}
