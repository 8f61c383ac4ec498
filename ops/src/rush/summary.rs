//! How the rush went.

use std::collections::BTreeMap;

use admission::contract::RoomName;
use catalog::contract::ShowId;
use serde::Serialize;

use super::{
    check::{Found, Lost, Scores},
    course::Course,
    measure::{HeldByCap, Later, Settled},
    refusal::Step,
    shop::Shop,
    tally::Quantiles,
    usage::Usage,
    verdict::{Evidence, faults},
};

#[derive(Debug, Clone, Serialize)]
pub struct Latencies {
    pub join: Quantiles,
    pub claim: Quantiles,
    pub redeem: Quantiles,
    pub hold: Quantiles,
    pub order: Quantiles,
    /// All but the slowest of a hundred orders, once the pace had found its place and nothing else
    /// held the line; null where they were too few to say.
    pub order_settled_p99: Option<i64>,
    /// What the bots themselves kept their calls waiting, which is in none of the others.
    pub queued: Quantiles,
}

#[derive(Debug, Clone, Serialize)]
pub struct AdmitRate {
    pub asked: f64,
    /// Over the longest stretch in which somebody waited; null where that was too short to say.
    pub measured: Option<f64>,
    /// Beside what was told, while nothing but the pace held the line; null where it never did so
    /// for long enough.
    pub settled: Option<Settled>,
    /// How full checkout was while only the cap held the line; null where it never did so for long
    /// enough.
    pub held_by_cap: Option<HeldByCap>,
}

/// The summary; one JSON object.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub ok: bool,
    /// Why it is not ok, in sentences.
    pub faults: Vec<String>,
    pub show: ShowId,
    pub room: RoomName,
    pub seed: u64,
    pub fans: u32,
    pub late_fans: u64,
    pub joined: u64,
    pub admitted: i64,
    pub claimed: u64,
    /// Fans who were there and were told that their turn had passed.
    pub turns_lost: u64,
    pub absent: u64,
    pub left_line: u64,
    pub sold_out_in_line: u64,
    pub passes_run_out: u64,
    /// Fans with a pass who were asked to wait at the door, and the longest that one waited.
    pub turned_away: u64,
    pub door_ms_max: u64,
    pub held: u64,
    pub ordered: u64,
    pub paid: u64,
    pub tickets: i64,
    pub tickets_asked: i32,
    pub sold_out_seen: u64,
    pub latency_ms: Latencies,
    pub admit_rate: AdmitRate,
    pub later: Later,
    pub overtaking_ms_max: i64,
    pub cap: i32,
    pub cap_exceeded: usize,
    /// Answers that were not what a fan hoped for, those that asking again mended included, by
    /// problem id.
    pub errors: BTreeMap<String, u64>,
    /// Those of them that no rule explains, with what the fans were doing.
    pub unexplained: BTreeMap<String, u64>,
    pub lost: Lost,
    pub orders_refused_later: usize,
    pub scores: Scores,
    pub bots: Usage,
    pub wall_seconds: f64,
}

impl Summary {
    pub fn new(shop: &Shop, found: &Found, course: &Course) -> Self {
        let (args, counts) = (&shop.args, shop.tally.counts());
        let latency = |step| shop.tally.quantiles(step);
        let unexplained = shop.tally.unexplained();
        let faults = faults(&Evidence { args, found, course, counts, unexplained: &unexplained });
        Self {
            ok: faults.is_empty(),
            faults,
            show: shop.sale.show.clone(),
            room: shop.sale.room.clone(),
            seed: course.seed,
            fans: args.fans,
            late_fans: course.late_fans,
            joined: counts.joined,
            admitted: found.admitted,
            claimed: counts.claimed,
            turns_lost: counts.turns_lost,
            absent: counts.absent,
            left_line: counts.left_line,
            sold_out_in_line: counts.sold_out_in_line,
            passes_run_out: counts.passes_run_out,
            turned_away: counts.turned_away,
            door_ms_max: counts.door_ms_max,
            held: counts.held,
            ordered: counts.ordered,
            paid: counts.paid,
            tickets: found.tickets,
            tickets_asked: args.tickets,
            sold_out_seen: counts.sold_out_seen,
            latency_ms: Latencies {
                join: latency(Step::Join),
                claim: latency(Step::Claim),
                redeem: latency(Step::Redeem),
                hold: latency(Step::Hold),
                order: latency(Step::Order),
                order_settled_p99: found.order_p99_ms,
                queued: shop.tally.queued_quantiles(),
            },
            admit_rate: AdmitRate {
                asked: args.rate,
                measured: found.rate_measured.map(hundredths),
                settled: found.settled,
                held_by_cap: found.held_by_cap,
            },
            later: found.later,
            overtaking_ms_max: found.overtaking_ms_max,
            cap: args.cap(),
            cap_exceeded: found.cap_exceeded,
            errors: shop.tally.refusals(),
            unexplained,
            lost: found.lost,
            orders_refused_later: found.orders_refused,
            scores: found.scores,
            bots: Usage::now(),
            wall_seconds: hundredths(course.wall.as_secs_f64()),
        }
    }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
