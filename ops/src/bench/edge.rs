//! What those who wait cost the origin, with nginx before it as an edge.

use waitroom::contract::{Phase, RoomChange, change_room};

use super::{report::Row, sale, server::Served, setup::Bench};
use crate::edge::{
    Edge,
    crowd::{Crowd, Seen},
};

const FANS: u64 = 100_000;
/// Let in per second: an hour and a half for all of them. Whoever was let in waits no more.
const RATE: f64 = 20.0;
const CLAIM_WINDOW_SECS: i32 = 120;
/// A page far back looks once in half a minute: what is shorter measures only some of them.
const LONGER: u32 = 10;
const ORIGIN_PER_SEC_MAX: f64 = 10.0;

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let (stores, fans) = (&bench.env.stores, bench.fans.min(FANS));
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let sale = sale::make(stores, "bench-edge", None).await?;
    sale::open_room(stores, server.address, &sale, RATE, Phase::Open).await?;
    let window = Some(CLAIM_WINDOW_SECS);
    let change = RoomChange { claim_window_secs: window, ..RoomChange::default() };
    change_room(&stores.pool, &sale.room, &change).await?;
    let tickets = sale::fill(server.address, &sale.room, fans, bench.clients).await?;
    let head = sale::head(server.address, &sale.room).await?;
    let in_line = |place: u64| {
        let lanes = head.lanes.len().max(1) as u64;
        ((place % lanes) as i32, (place / lanes) as i64)
    };
    let crowd = Crowd {
        room: sale.room.clone(),
        pages: fans as usize,
        places: (0..fans).map(in_line).collect(),
        ticket: tickets.into_iter().next().unwrap_or_default(),
    };
    let edge = Edge::start(server.address, false).await?;
    let (mut origin, mut looks, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        let before = server.requests().await?;
        let round_seen = crowd.clone().wait(edge.address, bench.lasts * LONGER).await?;
        origin.push((server.requests().await? - before) / round_seen.lasted.as_secs_f64());
        looks.push(round_seen.looks_per_sec());
        bench.round("an edge", round, origin.last(), looks.last());
        seen.push(round_seen);
    }
    drop(edge);
    sale::close_room(stores, &sale).await?;
    server.stop().await?;
    Ok(told(fans, origin, looks, &seen))
}

fn told(fans: u64, origin: Vec<f64>, looks: Vec<f64>, seen: &[Seen]) -> Vec<Row> {
    let of = |value: fn(&Seen) -> f64| seen.iter().map(value).collect::<Vec<f64>>();
    let mut faults = Vec::new();
    if let Some(most) =
        origin.iter().copied().reduce(f64::max).filter(|at| *at >= ORIGIN_PER_SEC_MAX)
    {
        faults.push(format!("the origin was asked {most:.1} times a second"));
    }
    let failures: u64 = seen.iter().map(|seen| seen.failures).sum();
    if failures > 0 {
        faults.push(format!("{failures} looks were not answered"));
    }
    vec![
        Row::new(format!("origin, {fans} fans wait"), "requests/s", origin)
            .against("the edge, for the same fans", looks)
            .aim("under 10/s")
            .faults(faults),
        Row::new(
            "head as sent",
            "bytes",
            of(|seen| seen.body_bytes as f64 / seen.looks.max(1) as f64),
        ),
        Row::new(
            "age of what a page reads, p99",
            "ms",
            of(|seen| seen.age_ms.value_at_quantile(0.99) as f64),
        ),
        Row::new(
            "most looks in a tenth of a second",
            "looks",
            of(|seen| seen.looks_at_once as f64),
        ),
    ]
}
