//! One fan: joining, leaving the line, and the turn.

use std::{sync::Arc, time::Duration};

use admission::contract::DIRECT_LANE;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use waitroom::contract::{PlaceBody, PlaceState};

use super::{
    api::{Call, Fault},
    buyer::{buy, claim},
    line::Waiting,
    pages,
    plan::{Leaves, Plan},
    refusal::Step,
    shop::{Setback, Shop},
};

/// The part of a place ticket's answer that a fan needs.
#[derive(Debug, Deserialize)]
struct Ticket {
    ticket: Box<str>,
    lane: i32,
    offset: i64,
}

/// Another instance may hear of a turn so much later.
const HEARS_WITHIN: Duration = Duration::from_secs(5);

/// Joins the line.
///
/// # Errors
/// A refusal that asking again does not change.
pub async fn join(shop: &Shop, plan: &Plan) -> Result<Waiting, Fault> {
    // Until it is answered, it may have brought a place that no fan knows of.
    shop.tally.count(|counts| counts.places_unknown += 1);
    let joined = try_to_join(shop, plan).await;
    if joined.as_ref().err().is_none_or(|fault| !fault.passes) {
        shop.tally.count(|counts| counts.places_unknown -= 1);
    }
    let fan = joined?;
    shop.tally.count(|counts| counts.joined += 1);
    // Who came straight in stands in no line.
    if fan.lane != DIRECT_LANE {
        shop.tally.acked(|acked| acked.joins.push((fan.lane, fan.offset)));
    }
    Ok(fan)
}

async fn try_to_join(shop: &Shop, plan: &Plan) -> Result<Waiting, Fault> {
    if plan.keeps_cookies {
        // Asked again with the same key, where an answer was lost. Whoever knows it has the place.
        let key = Uuid::new_v4().to_string();
        let path = format!("/v1/rooms/{}/places", shop.sale.room);
        let join = Call::post(&path, plan.address()).key(&key);
        let ticket: Ticket = shop.insist(Step::Join, &join).await?;
        let Ticket { ticket, lane, offset } = ticket;
        Ok(Waiting { number: plan.number, lane, offset, ticket })
    } else {
        shop.tally.count(|counts| counts.by_pages += 1);
        pages::join(shop, plan).await
    }
}

/// Tells that these leave the line.
pub async fn leave_line(shop: Arc<Shop>, fans: Vec<Waiting>) {
    let path = format!("/v1/rooms/{}/place", shop.sale.room);
    for fan in fans {
        let call = Call::delete(&path, super::plan::address(fan.number)).token(&fan.ticket);
        match shop.insist::<Value>(Step::Leave, &call).await {
            Ok(_) => shop.tally.count(|counts| counts.left_line += 1),
            Err(fault) => shop.refused(&fault.kind, Step::Leave, false, false),
        }
    }
}

/// A fan's turn, which the head document told: comes in and buys, or does not, as planned.
pub async fn turn(shop: Arc<Shop>, fan: Waiting, passed: Instant) {
    let mut plan = shop.plan(fan.number);
    // Whoever waited for what others gave back does not give it back in turn: a sale ends.
    if shop.history.lock().has_run_out() {
        plan.leaves = plan.leaves.filter(|leaves| *leaves == Leaves::TheLine);
    }
    // Each browser looks at its own moment of the second.
    sleep(plan.phase).await;
    if !plan.is_present() {
        return match plan.leaves {
            // The turn was sooner than the wish to leave.
            Some(Leaves::TheLine) => leave_line(shop, vec![fan]).await,
            _ => shop.tally.count(|counts| counts.absent += 1),
        };
    }
    if let Err(setback) = come_in(&shop, &plan, &fan, passed).await {
        shop.set_back(&setback);
    }
}

async fn come_in(shop: &Shop, plan: &Plan, fan: &Waiting, passed: Instant) -> Result<(), Setback> {
    let window = Duration::from_secs(shop.args.claim_window.unsigned_abs().into());
    // What the fan's own browser needed to come; how often it is then asked to wait is not its
    // doing.
    let mut came_after = passed.elapsed();
    let told = see_turn(shop, plan, fan).await.map_err(Setback::at(Step::Look))?;
    let Some(until) = told else {
        lost_turn(shop, came_after, window);
        return Ok(());
    };
    if plan.comes_at > 0.0 {
        sleep(window.mul_f64(plan.comes_at).saturating_sub(passed.elapsed())).await;
        came_after = passed.elapsed();
        let now = see_turn(shop, plan, fan).await.map_err(Setback::at(Step::Look))?;
        let Some(now) = now else {
            lost_turn(shop, came_after, window);
            return Ok(());
        };
        // What was promised is kept, give or take how times are rounded.
        if now < until - chrono::Duration::seconds(1) {
            shop.tally.count(|counts| counts.windows_shortened += 1);
        }
    }
    if !plan.keeps_cookies {
        pages::try_to_enter(shop, plan, fan).await.map_err(Setback::at(Step::Claim))?;
    }
    let claims = async {
        if plan.two_tabs {
            let (one, other) = tokio::join!(claim(shop, plan, fan), claim(shop, plan, fan));
            one.and(other)
        } else {
            claim(shop, plan, fan).await
        }
    };
    let pass = match claims.await {
        Ok(pass) => pass,
        Err(fault) if fault.kind == "claim-window-missed" => {
            lost_turn(shop, came_after, window);
            return Ok(());
        }
        Err(fault) => return Err(Setback::at(Step::Claim)(fault)),
    };
    shop.tally.count(|counts| counts.claimed += 1);
    buy(shop, plan, fan, pass).await
}

/// Looks at the place until it is known to be this fan's turn. Gives until when, or `None` where
/// the turn is over.
async fn see_turn(shop: &Shop, plan: &Plan, fan: &Waiting) -> Result<Option<DateTime<Utc>>, Fault> {
    let path = format!("/v1/rooms/{}/place", shop.sale.room);
    let end = Instant::now() + HEARS_WITHIN;
    loop {
        let call = Call::get(&path, plan.address()).token(&fan.ticket);
        let place: PlaceBody = shop.insist(Step::Look, &call).await?;
        match place.state {
            PlaceState::YourTurn => return Ok(Some(place.claim_until.unwrap_or_else(Utc::now))),
            PlaceState::Waiting | PlaceState::InDraw if Instant::now() < end => {
                sleep(Duration::from_millis(500)).await
            }
            PlaceState::Waiting | PlaceState::InDraw => {
                return Err(Fault::of("still-waiting-after-the-head", false));
            }
            PlaceState::WindowMissed | PlaceState::Left => return Ok(None),
        }
    }
}

/// Someone was there and is told that the turn has passed.
fn lost_turn(shop: &Shop, came_after: Duration, window: Duration) {
    let late = came_after >= window;
    shop.tally.count(|counts| {
        counts.turns_lost += 1;
        counts.bots_late += u64::from(late);
    });
}
