//! Joins against Kafka's own producer perf tool: records of the same size, the same lanes,
//! acks=all.

use std::{sync::Arc, time::Duration};

use admission::contract::LINE_SETTINGS;
use anyhow::{Context, bail};
use kit::settings::{Env, ProcessEnv};
use tokio::{process::Command, time::timeout};
use waitroom::contract::{LineEntry, Phase};

use super::{
    client::{Same, load},
    report::Row,
    sale::{self, LANES},
    server::Served,
    setup::Bench,
};

/// The command before the class's name.
const TOOLS: &str = "FAIRGATE_BENCH_KAFKA_TOOLS";
const TOOLS_DEFAULT: &str = "ops/stack dev kafka";
const CLASS: &str = "org.apache.kafka.tools.ProducerPerformance";
const TOPIC: &str = "bench.producer";
/// So that the tool's own start weighs little.
const RECORDS: &str = "1000000";
const LASTS_MAX: Duration = Duration::from_secs(120);

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stores = &bench.env.stores;
    let record_bytes = LineEntry::BYTES;
    stores.kafka.ensure_topic(TOPIC, LANES, &LINE_SETTINGS).await?;
    let topic = stores.kafka.name(TOPIC);
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let sale = sale::make(stores, "bench-producer", None).await?;
    sale::open_room(stores, server.address, &sale, 1.0, Phase::Open).await?;

    let join = Arc::new(Same(sale::join(&sale.room)));
    let (mut joins, mut records) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        joins.push(load(server.address, bench.clients, bench.lasts, join.clone()).await?);
        records.push(producer(&topic, record_bytes).await?);
        bench.round("joins against Kafka's producer", round, joins.last(), records.last());
    }
    sale::close_room(stores, &sale).await?;
    server.stop().await?;
    let rival = format!("Kafka's producer, {record_bytes}-byte records");
    Ok(vec![Row::new("joins", "/s", joins).against(rival, records)])
}

/// Records per second.
async fn producer(topic: &str, record_bytes: usize) -> anyhow::Result<f64> {
    let tools = ProcessEnv.get(TOOLS).unwrap_or_else(|| TOOLS_DEFAULT.to_owned());
    let mut words = tools.split_whitespace();
    let program = words.next().context("no command")?;
    let output = Command::new(program)
        .args(words)
        .args([CLASS, "--topic", topic, "--num-records", RECORDS, "--throughput", "-1"])
        .args(["--record-size", &record_bytes.to_string()])
        .args(["--command-property", "acks=all", "--command-property", "enable.idempotence=true"])
        .kill_on_drop(true)
        .output();
    let output = timeout(LASTS_MAX, output)
        .await
        .context("Kafka's producer took too long")?
        .with_context(|| {
            format!(
                "running `{tools}`; start this from the repository's root or name the command in \
            {TOOLS}"
            )
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    match records_per_sec(&text) {
        Some(rate) if output.status.success() => Ok(rate),
        _ => bail!("`{tools} {CLASS}` said: {text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// The rate of the whole run, which stands in the tool's last line.
fn records_per_sec(output: &str) -> Option<f64> {
    let line = output.lines().rev().find(|line| line.contains("records/sec"))?;
    line.split(" records/sec").next()?.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let output = "249 records sent, 49.8 records/sec (0.00 MB/sec), 2.0 ms avg latency.\n\
            500000 records sent, 225733.634312 records/sec (1.51 MB/sec), 12.4 ms avg latency, \
            99.9th.\n\n";
        assert_eq!(records_per_sec(output), Some(225_733.634_312));
        assert_eq!(records_per_sec("no broker"), None);
    }
}
