//! What published shows cost whose rooms sleep: the processor time and the memory of the process
//! that serves them, with a few rooms awake beside them.

use std::time::Duration;

use admission::contract::{EntropySource, LineMethod};
use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep};
use waitroom::contract::{NewRoom, Phase, RoomChange, change_room, create_room};

use super::{
    report::Row,
    sale::{self, LANES},
    server::Served,
    setup::Bench,
};
use crate::settings::Stores;

/// Published shows, all with stock and a room.
const SHOWS: usize = 20_000;
const AWAKE: usize = 5;
const MADE_AT_ONCE: usize = 8;
/// What begins with a process is over by then.
const SETTLED: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);
const CPU_PERCENT_MAX: f64 = 3.0;
const MEGABYTES_MAX: f64 = 150.0;

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stores = &bench.env.stores;
    publish(stores).await?;
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    for number in 0..AWAKE {
        let name = format!("bench-awake-{number}");
        let sale = sale::make(stores, &name, Some(1)).await?;
        sale::open_room(stores, server.address, &sale, 100.0, Phase::Open).await?;
    }
    sleep(SETTLED).await;
    let (mut cpu, mut memory) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        let (before, began) = (server.cpu_secs()?, Instant::now());
        sleep(MINUTE).await;
        cpu.push((server.cpu_secs()? - before) / began.elapsed().as_secs_f64() * 100.0);
        memory.push(server.shared_memory_bytes()? as f64 / 1_048_576.0);
        bench.round("sleeping rooms", round, cpu.last(), memory.last());
    }
    server.stop().await?;
    let faults = |values: &[f64], most: f64, unit: &str| {
        let over = values.iter().copied().filter(|value| *value >= most);
        over.map(|value| format!("{value:.1} {unit}")).collect::<Vec<_>>()
    };
    let named = |what: &str| format!("{what}, {SHOWS} published shows, {AWAKE} awake");
    let (over_cpu, over_memory) =
        (faults(&cpu, CPU_PERCENT_MAX, "%"), faults(&memory, MEGABYTES_MAX, "MB"));
    Ok(vec![
        Row::new(named("idle processor time"), "% of a core", cpu).aim("under 3").faults(over_cpu),
        Row::new(named("memory"), "MB", memory).aim("under 150").faults(over_memory),
    ])
}

/// Publishes the shows, all on sale, with rooms that sleep.
async fn publish(stores: &Stores) -> anyhow::Result<()> {
    let made = stream::iter(0..SHOWS).map(|number| async move {
        let sale = sale::make(stores, &format!("bench-asleep-{number}"), Some(1)).await?;
        let new = NewRoom {
            room: sale.room.clone(),
            show: sale.show.clone(),
            lanes: LANES,
            rate_per_sec: 200.0,
            max_active: 2_000,
            claim_window_secs: 120,
            message: String::new(),
            method: LineMethod::FirstCome,
            entropy_source: EntropySource::None,
            joins_at: None,
            opens_at: None,
            sleeps: true,
        };
        create_room(&stores.pool, &stores.kafka, &new).await?;
        let open = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
        change_room(&stores.pool, &new.room, &open).await?;
        if number % 1_000 == 999 {
            crate::print_status(&format!("bench: {} shows are published", number + 1));
        }
        anyhow::Ok(())
    });
    let made = made.buffer_unordered(MADE_AT_ONCE);
    made.try_collect::<Vec<()>>().await.context("publishing shows")?;
    Ok(())
}
