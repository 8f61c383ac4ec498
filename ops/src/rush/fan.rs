//! One fan's life, up to the door of checkout.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    api::{Call, Fault},
    buyer,
    plan::{Leaves, Plan},
    shop::Shop,
    tally::Timed,
};

/// The part of a place ticket's answer that a fan needs.
#[derive(Debug, Deserialize)]
struct Ticket {
    ticket: String,
    lane: i32,
    offset: i64,
}

#[derive(Debug, Deserialize)]
struct Place {
    state: String,
    poll_after_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Pass {
    pass: String,
}

/// Joins, waits, comes in and buys, or leaves where the plan says so.
pub async fn live(shop: std::sync::Arc<Shop>, plan: Plan) {
    sleep(plan.arrives_after).await;
    match wait_in_line(&shop, &plan).await {
        Ok(Some(pass)) => {
            if let Err(fault) = buyer::buy(&shop, &plan, &pass).await {
                shop.tally.fault(&fault.kind);
            }
        }
        Ok(None) => {}
        Err(fault) => shop.tally.fault(&fault.kind),
    }
}

/// The fan's pass, or `None` for one who left or missed the turn.
async fn wait_in_line(shop: &Shop, plan: &Plan) -> Result<Option<String>, Fault> {
    let (room, from) = (&shop.sale.room, plan.address());
    let [places, place, pass] =
        ["places", "place", "pass"].map(|last| format!("/v1/rooms/{room}/{last}"));
    let ticket: Ticket = shop.insist(Some(Timed::Join), &Call::post(&places, from)).await?;
    shop.tally.count(|counts| counts.joined += 1);
    shop.tally.acked(|acked| acked.joins.push((ticket.lane, ticket.offset)));
    loop {
        let Place { state, poll_after_ms } =
            shop.insist(None, &Call::get(&place, from).token(&ticket.ticket)).await?;
        match state.as_str() {
            "your_turn" => break,
            "waiting" if Instant::now() < shop.deadline => {
                sleep(Duration::from_millis(poll_after_ms).mul_f64(rand::random_range(0.9..1.3)))
                    .await;
            }
            "waiting" => return Ok(None),
            _ => return Ok(missed(shop)),
        }
    }
    if plan.leaves == Some(Leaves::InLine) {
        return Ok(None);
    }
    let claim = Call::post(&pass, from).token(&ticket.ticket);
    match shop.insist::<Pass>(Some(Timed::Claim), &claim).await {
        Ok(Pass { pass }) => {
            shop.tally.count(|counts| counts.claimed += 1);
            Ok(Some(pass))
        }
        Err(fault) if fault.kind == "claim-window-missed" => Ok(missed(shop)),
        Err(fault) => Err(fault),
    }
}

fn missed(shop: &Shop) -> Option<String> {
    shop.tally.count(|counts| counts.window_missed += 1);
    None
}
