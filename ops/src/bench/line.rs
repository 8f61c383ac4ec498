//! Joining and polling, each against an empty handler on the same server with the same client, one
//! behind our layers and a bare one.

use std::sync::Arc;

use admission::contract::RoomName;
use waitroom::contract::Phase;

use super::{
    client::{Each, Same, Script, load, request},
    report::Row,
    sale,
    server::{BARE, EMPTY, Served},
    setup::Bench,
};

/// Fans in the line before anything is measured.
const WAITING: u64 = 2_000;
/// Slow, so that those who poll go on waiting.
const RATE: f64 = 1.0;
/// As browsers send it.
const ACCEPTED: (&str, &str) = ("accept-encoding", "gzip, deflate, br, zstd");

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stores = &bench.env.stores;
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let sale = sale::make(stores, "bench-line", None).await?;
    sale::open_room(stores, server.address, &sale, RATE, Phase::Open).await?;
    let tickets = sale::fill(server.address, &sale.room, WAITING, bench.clients).await?;

    let pairs = pairs(&sale.room, &tickets);
    let mut rows = Vec::new();
    for (name, aim, sides) in pairs {
        let mut measured = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..bench.rounds {
            // Side by side, and in turns first, so that a noisy moment meets all.
            for side in (0..sides.len()).map(|side| (round + side) % sides.len()) {
                let script = sides[side].clone();
                let value = load(server.address, bench.clients, bench.lasts, script).await?;
                measured[side].push(value);
            }
            bench.round(name, round, measured[0].last(), measured[1].last());
        }
        let [ours, empty, bare] = measured;
        rows.push(Row::new(name, "/s", ours.clone()).against("empty handler", empty).aim(aim));
        rows.push(Row::new(name, "/s", ours).against("bare handler", bare));
    }
    sale::close_room(stores, &sale).await?;
    server.stop().await?;
    Ok(rows)
}

/// What is measured, its aim, and its sides: ours, the same without anything to do, and without
/// anything of ours around that.
type Pair = (&'static str, &'static str, [Arc<dyn Script>; 3]);

fn pairs(room: &RoomName, tickets: &[String]) -> [Pair; 3] {
    let same = |method: &str, path: &str| -> Arc<dyn Script> {
        Arc::new(Same(request(method, path, &[ACCEPTED], "")))
    };
    let with_ticket = |path: &str| -> Arc<dyn Script> {
        let each = tickets.iter().map(|ticket| {
            let bearer = format!("Bearer {ticket}");
            request("GET", path, &[ACCEPTED, ("authorization", &bearer)], "")
        });
        Arc::new(Each(each.collect()))
    };
    let of = |path: &str| format!("/v1/rooms/{room}/{path}");
    let (joins, place, head) = (of("places"), of("place"), of("head"));
    let each = |path: &str| [with_ticket(path), with_ticket(EMPTY), with_ticket(BARE)];
    let all = |method: &str, path: &str| [path, EMPTY, BARE].map(|path| same(method, path));
    [
        ("joins", "0.6", all("POST", &joins)),
        ("place polls", "0.85", each(&place)),
        ("head polls", "0.95", all("GET", &head)),
    ]
}
