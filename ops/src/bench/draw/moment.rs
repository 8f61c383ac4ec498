//! From opening a room to its draw, with a cohort that stands in Kafka.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use admission::contract::{Cohort, Draw, EntropySource, HexBytes, LanePlace, LineMethod, PlaceId};
use anyhow::{Context, bail, ensure};
use chrono::Utc;
use kit::token::SealRing;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use waitroom::contract::{
    HeadDocument, NewRoom, Phase, PlaceBody, PlaceClaims, RoomChange, change_room, create_room,
};

use crate::bench::{
    client::{once, request},
    fill::{append, producer},
    report::Row,
    sale::{self, LANES, Sale},
    server::Served,
    setup::Bench,
};

/// What a large cohort is compared with.
const FEW: u64 = 1_000;
/// How fast the room lets in after the draw.
const RATE: f64 = 1_000.0;
/// Whose turns are looked at in each lane.
const LOOKED_AT: usize = 50;
const DRAWN_WITHIN: Duration = Duration::from_secs(60);
const MOVES_WITHIN: Duration = Duration::from_secs(60);

/// What was measured of one draw.
struct Measured {
    appended_per_sec: f64,
    drawn_ms: f64,
    written_bytes: f64,
    moved_ms: f64,
    faults: Vec<String>,
}

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let (mut large, mut small) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        small.push(one_draw(bench, &server, &format!("bench-few{round}"), FEW).await?);
        large.push(one_draw(bench, &server, &format!("bench-many{round}"), bench.cohort).await?);
        let drawn_ms = |measured: &[Measured]| measured.last().map(|last| last.drawn_ms);
        let (many, few) = (drawn_ms(&large), drawn_ms(&small));
        bench.round("opening to the draw (ms)", round, many.as_ref(), few.as_ref());
    }
    server.stop().await?;
    let row = |name: &str, unit, of: fn(&Measured) -> f64| {
        let values = |all: &[Measured]| all.iter().map(of).collect();
        Row::new(format!("{name}, {} entrants", bench.cohort), unit, values(&large))
            .against(format!("{FEW} entrants"), values(&small))
            .aim("flat")
    };
    let faults = large.iter().chain(&small).flat_map(|measured| measured.faults.clone()).collect();
    let appended = large.iter().map(|measured| measured.appended_per_sec).collect();
    Ok(vec![
        Row::new("entrants written to Kafka", "/s", appended),
        row("opening to the draw", "ms", |measured| measured.drawn_ms).faults(faults),
        row("rows written at the draw", "bytes", |measured| measured.written_bytes),
        row("opening to the first who are let in", "ms", |measured| measured.moved_ms),
    ])
}

async fn one_draw(
    bench: &Bench,
    server: &Served,
    name: &str,
    entrants: u64,
) -> anyhow::Result<Measured> {
    let sale = sale::make(&bench.env.stores, name, None).await?;
    gather(bench, &sale).await?;
    let began = Instant::now();
    let kafka = &bench.env.stores.kafka;
    append(kafka, &producer(kafka)?, &sale.room, entrants).await?;
    let appended_per_sec = entrants as f64 / began.elapsed().as_secs_f64();
    crate::print_status(&format!("bench: {entrants} entrants stand in the line of {name}"));

    let opened = Instant::now();
    set_phase(bench, &sale, Phase::Open).await?;
    let head = head_when(server.address, &sale, DRAWN_WITHIN, |head| {
        head.draw.as_ref().is_some_and(|draw| draw.drawn_at.is_some())
    })
    .await?;
    let drawn_ms = opened.elapsed().as_secs_f64() * 1000.0;
    head_when(server.address, &sale, MOVES_WITHIN, |head| head.admitted > 0).await?;
    let moved_ms = opened.elapsed().as_secs_f64() * 1000.0;
    let faults = look_at_turns(bench, server.address, &sale, &head, entrants).await?;
    let goal = i64::try_from(entrants.min(RATE as u64))?;
    head_when(server.address, &sale, MOVES_WITHIN, |head| head.admitted >= goal).await?;
    let written_bytes = written(bench, &sale).await?;
    sale::close_room(&bench.env.stores, &sale).await?;
    Ok(Measured { appended_per_sec, drawn_ms, written_bytes, moved_ms, faults })
}

/// Makes a room that draws, in which fans can join.
async fn gather(bench: &Bench, sale: &Sale) -> anyhow::Result<()> {
    let new = NewRoom {
        room: sale.room.clone(),
        show: sale.show.clone(),
        lanes: LANES,
        rate_per_sec: RATE,
        max_active: 1_000_000,
        claim_window_secs: 60,
        message: String::new(),
        method: LineMethod::Draw,
        entropy_source: EntropySource::None,
        joins_at: None,
        opens_at: None,
        sleeps: false,
    };
    create_room(&bench.env.stores.pool, &bench.env.stores.kafka, &new).await?;
    set_phase(bench, sale, Phase::PreQueue).await
}

async fn set_phase(bench: &Bench, sale: &Sale, phase: Phase) -> anyhow::Result<()> {
    let change = RoomChange { phase: Some(phase), ..RoomChange::default() };
    change_room(&bench.env.stores.pool, &sale.room, &change).await
}

async fn head_when(
    address: SocketAddr,
    sale: &Sale,
    within: Duration,
    fits: impl Fn(&HeadDocument) -> bool,
) -> anyhow::Result<HeadDocument> {
    let end = Instant::now() + within;
    loop {
        // Not known to the server yet, or there.
        if let Ok(head) = sale::head(address, &sale.room).await
            && fits(&head)
        {
            return Ok(head);
        }
        if Instant::now() >= end {
            bail!("the head of {} was not as it should be in time", sale.room);
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// What the draw wrote: the room's own row, its draw's and its gate's, as they are stored.
async fn written(bench: &Bench, sale: &Sale) -> anyhow::Result<f64> {
    let bytes: i32 = sqlx::query_scalar(
        "SELECT pg_column_size(r) + pg_column_size(d) + pg_column_size(g)
         FROM waitroom.rooms r JOIN waitroom.draws d USING (room)
             JOIN admission.gates g USING (room)
         WHERE room = $1",
    )
    .bind(&*sale.room)
    .fetch_one(&bench.env.stores.pool)
    .await?;
    Ok(f64::from(bytes))
}

/// Asks for places of every lane, as their fans would, and compares what they are told with the
/// draw as a stranger computes it.
async fn look_at_turns(
    bench: &Bench,
    address: SocketAddr,
    sale: &Sale,
    head: &HeadDocument,
    entrants: u64,
) -> anyhow::Result<Vec<String>> {
    let public = head.draw.as_ref().context("there is no draw")?;
    let ends = public.ends.clone().context("the draw has no ends")?;
    let (Some(seed), Some(entropy)) = (&public.seed, &public.entropy) else {
        bail!("the draw's secret is not told");
    };
    let cohort = Cohort::new(ends)?;
    let mut faults = Vec::new();
    if cohort.size() != entrants {
        faults.push(format!("{} of {entrants} entrants took part", cohort.size()));
    }
    let draw = Draw::new(&sale.room, cohort, seed, entropy)?;
    let keys = bench.env.settings.get("FAIRGATE_PLACE_KEYS").context("there are no place keys")?;
    let ring = SealRing::from_paserk(keys, "fairgate.place.v1").map_err(anyhow::Error::msg)?;
    let mut random = StdRng::seed_from_u64(3);
    let mut asked = JoinSet::new();
    let mut expected = BTreeMap::new();
    for lane in 0..draw.cohort().lanes() {
        for _ in 0..LOOKED_AT {
            let offset = random.random_range(0..draw.cohort().end(lane).max(1));
            let place = LanePlace { lane, offset };
            expected.insert(place, draw.position(place).map(|position| position + 1));
            let ticket = ticket(&ring, sale, place)?;
            let room = sale.room.clone();
            asked.spawn(async move {
                let bearer = format!("Bearer {ticket}");
                let path = format!("/v1/rooms/{room}/place");
                let request = request("GET", &path, &[("authorization", &bearer)], "");
                let answer = once(address, &request).await?;
                ensure!(answer.status == 200, "a place was answered {}", answer.status);
                anyhow::Ok((place, serde_json::from_slice::<PlaceBody>(&answer.body)?))
            });
        }
    }
    while let Some(told) = asked.join_next().await {
        let (place, body) = told??;
        let wanted = expected.get(&place).copied().flatten();
        if body.place.map(i64::unsigned_abs) != wanted {
            faults.push(format!("{place} was told {:?} instead of {wanted:?}", body.place));
        }
    }
    Ok(faults)
}

/// The ticket of whoever has this place.
fn ticket(ring: &SealRing, sale: &Sale, place: LanePlace) -> anyhow::Result<String> {
    let place = PlaceId {
        room: sale.room.clone(),
        lane: place.lane.try_into()?,
        offset: place.offset.try_into()?,
    };
    let joined_ms = Utc::now().timestamp_millis();
    ring.seal(&PlaceClaims { place, joined_ms, nonce: HexBytes([0; 16]), ahead_at_join: 0 })
}
