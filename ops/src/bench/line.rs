//! Joining and polling, each against an empty handler on the same server with the same client; and
//! joining against Kafka's own producer.

use std::sync::Arc;

use waitroom::contract::Phase;

use super::{
    client::{Each, Same, Script, load, request},
    report::Row,
    sale,
    server::{EMPTY, Served},
    setup::Bench,
};

/// Fans in the line before anything is measured.
const WAITING: u64 = 2_000;
/// Slow, so that those who poll go on waiting.
const RATE: f64 = 1.0;

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stores = &bench.env.stores;
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let sale = sale::make(stores, "bench-line", None).await?;
    sale::open_room(stores, server.address, &sale, RATE, Phase::Open).await?;
    let tickets = sale::fill(server.address, &sale.room, WAITING, bench.clients).await?;

    let room = &sale.room;
    let bearer: Vec<String> = tickets.iter().map(|ticket| format!("Bearer {ticket}")).collect();
    let with_ticket = |path: &str| -> Arc<dyn Script> {
        let each =
            bearer.iter().map(|bearer| request("GET", path, &[("authorization", bearer)], ""));
        Arc::new(Each(each.collect()))
    };
    let same = |method: &str, path: &str| -> Arc<dyn Script> {
        Arc::new(Same(request(method, path, &[], "")))
    };
    let places = format!("/v1/rooms/{room}/places");
    let pairs = [
        ("joins", "0.5", same("POST", &places), same("POST", EMPTY)),
        ("place polls", "0.8", with_ticket(&format!("/v1/rooms/{room}/place")), with_ticket(EMPTY)),
        ("head polls", "0.8", same("GET", &format!("/v1/rooms/{room}/head")), same("GET", EMPTY)),
    ];
    let mut rows = Vec::new();
    for (name, aim, ours, empty) in pairs {
        let (mut measured, mut rival) = (Vec::new(), Vec::new());
        for round in 0..bench.rounds {
            // Side by side, and in turns first, so that a noisy moment meets both.
            for side in [round % 2, (round + 1) % 2] {
                let (script, values) =
                    if side == 0 { (&ours, &mut measured) } else { (&empty, &mut rival) };
                values
                    .push(load(server.address, bench.clients, bench.lasts, script.clone()).await?);
            }
            bench.round(name, round, measured.last(), rival.last());
        }
        rows.push(Row::new(name, "/s", measured).against("empty handler", rival).aim(aim));
    }
    sale::close_room(stores, &sale).await?;
    server.stop().await?;
    Ok(rows)
}
