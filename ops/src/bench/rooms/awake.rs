//! Awake rooms, all moved by one process: how true their pace is, what they cost, and how soon
//! another process is ready beside them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use admission::contract::{EntropySource, HEADS, HeadsMoved, LineMethod, RoomName};
use anyhow::{Context, bail};
use chrono::Utc;
use kit::kafka::{
    Kafka,
    reader::{Read, read},
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use waitroom::contract::{NewRoom, Phase, RoomChange, change_room, create_room};

use crate::{
    bench::{
        fill::{append, producer},
        report::Row,
        sale::{self, LANES, Sale},
        server::Served,
        setup::Bench,
        steps::{Step, pace_between},
    },
    print_status,
};

/// How many wait in each.
const WAITING: u64 = 1_000;
/// So slow that the line lasts for eight minutes.
const RATE: f64 = 2.0;
/// From opening the last room until paces are looked at.
const SETTLES: Duration = Duration::from_secs(15);
const MINUTE: Duration = Duration::from_secs(60);
const MOVE_WITHIN: Duration = Duration::from_secs(120);
const ERROR_PERCENT_MAX: f64 = 1.0;
const READY_SECS_MAX: f64 = 3.0;
const MEGABYTE: f64 = 1_048_576.0;

/// How the rooms were let in, by their names.
type Steps = Arc<Mutex<HashMap<RoomName, Vec<Step>>>>;

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let idle_megabytes = server.memory_bytes()? as f64 / MEGABYTE;
    let sales = fill(bench).await?;
    let steps = Steps::default();
    let following = tokio::spawn(follow(bench.env.stores.kafka.clone(), steps.clone()));
    for sale in &sales {
        set_phase(bench, sale, Phase::Open).await?;
    }
    all_move(&sales, &steps).await?;
    sleep(SETTLES).await;

    let (mut errors, mut cores, mut megabytes) = (Vec::new(), Vec::new(), Vec::new());
    let mut faults = Vec::new();
    for round in 0..bench.rounds.min(3) {
        let (from_ms, took) = (Utc::now().timestamp_millis(), server.processor_secs()?);
        let began = Instant::now();
        sleep(MINUTE).await;
        let to_ms = Utc::now().timestamp_millis();
        cores.push((server.processor_secs()? - took) / began.elapsed().as_secs_f64());
        megabytes.push(server.memory_bytes()? as f64 / MEGABYTE);
        let paces = paces(&sales, &steps, from_ms, to_ms);
        errors.push(paces.values().map(|pace| error_percent(*pace)).fold(0.0, f64::max));
        let off = paces.iter().filter(|(_, pace)| error_percent(**pace) > ERROR_PERCENT_MAX);
        faults.extend(off.map(|(room, pace)| format!("{room} let in {pace:.3} a second")));
        bench.round("worst pace of the rooms (% off)", round, errors.last(), cores.last());
    }
    let (ready, slow) = another_is_ready(bench).await?;
    following.abort();
    server.stop().await?;
    let count = sales.len();
    let named = |what: &str| format!("{what}, {count} awake rooms");
    Ok(vec![
        Row::new(named(&format!("pace error over a minute at {RATE}/s, the worst")), "%", errors)
            .faults(faults),
        Row::new(named("processor of the one process"), "cores", cores),
        Row::new(named("memory of the one process"), "MB", megabytes)
            .against("no room", vec![idle_megabytes]),
        Row::new(named("another process is ready after"), "s", ready).faults(slow),
    ])
}

fn error_percent(pace: f64) -> f64 {
    (pace - RATE).abs() / RATE * 100.0
}

/// Makes the rooms, and fills them before they open.
async fn fill(bench: &Bench) -> anyhow::Result<Vec<Sale>> {
    let stores = &bench.env.stores;
    let producer = producer(&stores.kafka)?;
    let mut sales = Vec::new();
    for number in 0..bench.awake {
        let sale = sale::make(stores, &format!("bench-awake-{number}"), None).await?;
        let new = NewRoom {
            room: sale.room.clone(),
            show: sale.show.clone(),
            lanes: LANES,
            rate_per_sec: RATE,
            max_active: 1_000_000,
            claim_window_secs: 60,
            message: String::new(),
            method: LineMethod::FirstCome,
            entropy_source: EntropySource::None,
            joins_at: None,
            opens_at: None,
        };
        create_room(&stores.pool, &stores.kafka, &new).await?;
        append(&stores.kafka, &producer, &sale.room, WAITING).await?;
        sales.push(sale);
        if sales.len() % 50 == 0 {
            print_status(&format!("bench: {} of {} rooms are full", sales.len(), bench.awake));
        }
    }
    Ok(sales)
}

async fn set_phase(bench: &Bench, sale: &Sale, phase: Phase) -> anyhow::Result<()> {
    let change = RoomChange { phase: Some(phase), ..RoomChange::default() };
    change_room(&bench.env.stores.pool, &sale.room, &change).await
}

async fn all_move(sales: &[Sale], steps: &Steps) -> anyhow::Result<()> {
    let end = Instant::now() + MOVE_WITHIN;
    loop {
        let moving = {
            let steps = steps.lock();
            let moves = |steps: &Vec<Step>| steps.last().is_some_and(|step| step.admitted > 0);
            sales.iter().filter(|sale| steps.get(&sale.room).is_some_and(moves)).count()
        };
        if moving == sales.len() {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("{moving} of {} rooms let anybody in", sales.len());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Notes each move of all rooms' heads.
async fn follow(kafka: Kafka, steps: Steps) {
    let mut heads: HashMap<RoomName, BTreeMap<i32, i64>> = HashMap::new();
    let note = move |met: Read<HeadsMoved>| {
        let Read::Event { event: moved, at_ms } = met else { return };
        let room = heads.entry(moved.room.clone()).or_default();
        for lane in &moved.heads {
            let head = room.entry(lane.lane).or_default();
            *head = lane.head.max(*head);
        }
        let at_ms = at_ms.unwrap_or_else(|| moved.at.timestamp_millis());
        let step = Step { at_ms, admitted: room.values().sum() };
        steps.lock().entry(moved.room).or_default().push(step);
    };
    read(kafka, HEADS, CancellationToken::new(), note).await;
}

/// At how many a second each room let in; one that did not move has none.
fn paces(sales: &[Sale], steps: &Steps, from_ms: i64, to_ms: i64) -> BTreeMap<RoomName, f64> {
    let steps = steps.lock();
    let pace = |sale: &Sale| {
        let of_room = steps.get(&sale.room)?;
        pace_between(of_room, from_ms, to_ms)
    };
    sales.iter().map(|sale| (sale.room.clone(), pace(sale).unwrap_or_default())).collect()
}

/// How long another process takes from its start until it is ready, in seconds, and what was too
/// slow.
async fn another_is_ready(bench: &Bench) -> anyhow::Result<(Vec<f64>, Vec<String>)> {
    let mut took = Vec::new();
    for _ in 0..bench.rounds.min(3) {
        let began = Instant::now();
        let another = Served::start(&bench.env, bench.all_roles()).await.context("another")?;
        took.push(began.elapsed().as_secs_f64());
        another.stop().await?;
    }
    let slow = took.iter().filter(|secs| **secs > READY_SECS_MAX);
    let slow = slow.map(|secs| format!("it took {secs:.1} s")).collect();
    Ok((took, slow))
}
