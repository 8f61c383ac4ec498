//! From a change of the rate to its effect, and how true the pace stays over a minute.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use admission::contract::{HEADS, HeadsMoved, RoomName};
use anyhow::bail;
use chrono::Utc;
use kit::kafka::{
    Kafka,
    reader::{Read, read},
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use waitroom::contract::{Phase, RoomChange, change_room};

use super::{
    report::Row,
    sale::{self, Sale},
    server::Served,
    setup::Bench,
    steps::{Step, effect_ms, pace_error_percent},
};

const SLOW: f64 = 10.0;
const FAST: f64 = 200.0;
const STEADY: f64 = 100.0;
const SETTLES: Duration = Duration::from_secs(3);
const EFFECT_WITHIN: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

type Steps = Arc<Mutex<Vec<Step>>>;

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stores = &bench.env.stores;
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let sale = sale::make(stores, "bench-pace", None).await?;
    sale::open_room(stores, server.address, &sale, SLOW, Phase::Open).await?;
    // Enough that the line never runs dry.
    let fans = bench.rounds as u64
        * (STEADY as u64 * (MINUTE.as_secs() + 6) + FAST as u64 * EFFECT_WITHIN.as_secs());
    sale::fill(server.address, &sale.room, fans, bench.clients).await?;
    let steps = Steps::default();
    let following = tokio::spawn(follow(stores.kafka.clone(), sale.room.clone(), steps.clone()));

    let (mut documents, mut paces, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        set_rate(bench, &sale, SLOW).await?;
        sleep(SETTLES).await;
        let (document, pace) = change(bench, server.address, &sale, &steps).await?;
        documents.push(document);
        paces.push(pace);
        bench.round("rate change to its effect (ms)", round, paces.last(), documents.last());
    }
    set_rate(bench, &sale, STEADY).await?;
    for round in 0..bench.rounds {
        sleep(SETTLES).await;
        let from_ms = Utc::now().timestamp_millis();
        sleep(MINUTE).await;
        errors.push(pace_error_percent(
            &seen(&steps),
            from_ms,
            from_ms + MINUTE.as_millis() as i64,
            STEADY,
        ));
        bench.round("pace error over a minute (%)", round, errors.last(), None);
    }
    following.abort();
    sale::close_room(stores, &sale).await?;
    server.stop().await?;
    Ok(vec![
        Row::new("rate change to the head document", "ms", documents),
        Row::new("rate change to the pace", "ms", paces),
        Row::new(format!("pace error over a minute at {STEADY}/s"), "%", errors),
    ])
}

async fn set_rate(bench: &Bench, sale: &Sale, rate: f64) -> anyhow::Result<()> {
    let change = RoomChange { rate_per_sec: Some(rate), ..RoomChange::default() };
    change_room(&bench.env.stores.pool, &sale.room, &change).await?;
    Ok(())
}

/// Raises the rate; the milliseconds until the head document says so and until the line moves so.
async fn change(
    bench: &Bench,
    address: SocketAddr,
    sale: &Sale,
    steps: &Steps,
) -> anyhow::Result<(f64, f64)> {
    let (changed_ms, began) = (Utc::now().timestamp_millis(), Instant::now());
    set_rate(bench, sale, FAST).await?;
    let (mut document, mut pace) = (None, None);
    while began.elapsed() < EFFECT_WITHIN {
        if document.is_none()
            && (sale::head(address, &sale.room).await?.rate_per_sec - FAST).abs() < 0.01
        {
            document = Some(began.elapsed().as_secs_f64() * 1000.0);
        }
        pace = pace.or_else(|| effect_ms(&seen(steps), changed_ms, SLOW, FAST));
        if let (Some(document), Some(pace)) = (document, pace) {
            return Ok((document, pace));
        }
        sleep(Duration::from_millis(10)).await;
    }
    bail!("a change of the rate had no effect within {} s", EFFECT_WITHIN.as_secs())
}

fn seen(steps: &Steps) -> Vec<Step> {
    steps.lock().clone()
}

/// Notes each move of the room's heads.
async fn follow(kafka: Kafka, room: RoomName, steps: Steps) {
    let mut heads: BTreeMap<i32, i64> = BTreeMap::new();
    let note = move |met: Read<HeadsMoved>| {
        let Read::Event { event: moved, at_ms } = met else { return };
        if *moved.room != *room {
            return;
        }
        for lane in &moved.heads {
            let head = heads.entry(lane.lane).or_default();
            *head = lane.head.max(*head);
        }
        let at_ms = at_ms.unwrap_or_else(|| moved.at.timestamp_millis());
        steps.lock().push(Step { at_ms, admitted: heads.values().sum() });
    };
    read(kafka, HEADS, CancellationToken::new(), note).await;
}
