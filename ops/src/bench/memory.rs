//! Memory of the serving process with few and with many places waiting. The waiting room keeps
//! nothing per fan, so both should be the same.

use std::time::Duration;

use tokio::time::sleep;
use waitroom::contract::Phase;

use super::{report::Row, sale, server::Served, setup::Bench};

/// Waiting at the first look.
const FEW: u64 = 1_000;
/// How many join between two words about it.
const STEP: u64 = 50_000;
const PAUSE: Duration = Duration::from_secs(1);
const MEGABYTE: f64 = 1_048_576.0;

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stores = &bench.env.stores;
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let sale = sale::make(stores, "bench-memory", None).await?;
    // Paused: everybody who joins stays.
    sale::open_room(stores, server.address, &sale, 1.0, Phase::Paused).await?;
    let many = bench.fans.max(FEW);
    sale::fill(server.address, &sale.room, FEW, bench.clients).await?;
    let few = looks(bench, &server).await?;
    let mut waiting = FEW;
    while waiting < many {
        let step = STEP.min(many - waiting);
        sale::fill(server.address, &sale.room, step, bench.clients).await?;
        waiting += step;
        let megabytes = server.memory_bytes()? as f64 / MEGABYTE;
        crate::print_status(&format!("bench: {waiting} of {many} are waiting, {megabytes:.1} MB"));
    }
    let full = looks(bench, &server).await?;
    sale::close_room(stores, &sale).await?;
    server.stop().await?;
    let name = |count: u64| format!("memory, {count} waiting");
    Ok(vec![Row::new(name(waiting), "MB", full).against(name(FEW), few)])
}

/// A look a second, for the rounds of a thing that is not repeated.
async fn looks(bench: &Bench, server: &Served) -> anyhow::Result<Vec<f64>> {
    let mut values = Vec::new();
    for _ in 0..bench.rounds {
        sleep(PAUSE).await;
        values.push(server.memory_bytes()? as f64 / MEGABYTE);
    }
    Ok(values)
}
