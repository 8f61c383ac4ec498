//! A few fans look at their own place by the call that fans use, and compare it with what the head
//! document tells.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use tokio::time::{Instant, sleep};
use waitroom::contract::{PlaceBody, PlaceState};

use super::{
    api::Call,
    head::{self, Told},
    line::Waiting,
    plan,
    refusal::Step,
    score::Watched,
    shop::Shop,
};

/// Asking more often would tell no more.
const PAUSE_MIN: Duration = Duration::from_secs(2);

/// One instance may hear of the heads so much later than another.
const HEARS_WITHIN_MS: i64 = 2_000;

/// Looks until the place no longer waits, or the rush is over.
pub async fn watch(shop: Arc<Shop>, fan: Waiting) {
    let path = format!("/v1/rooms/{}/place", shop.sale.room);
    let mut told: Vec<(i64, Told)> = Vec::new();
    while Instant::now() < shop.deadline {
        let heard_ms = Utc::now().timestamp_millis() - HEARS_WITHIN_MS;
        let before = shop.history.lock().at(heard_ms).cloned();
        let call = Call::get(&path, plan::address(fan.number)).token(&fan.ticket);
        let Ok(place) = shop.insist::<PlaceBody>(Step::Look, &call).await else { break };
        let pause = Duration::from_millis(place.poll_after_ms.into()).max(PAUSE_MIN);
        if place.state == PlaceState::InDraw {
            sleep(pause).await;
            continue;
        }
        let Some(ahead) = place.ahead.filter(|_| place.state == PlaceState::Waiting) else { break };
        let (lane, offset) = shop.turn(fan.lane, fan.offset);
        let rose = told.last().is_some_and(|(_, before)| before.ahead < ahead);
        // What the head document told before must not have been less. Before the draw it told of
        // other places.
        let before = before.filter(|head| !shop.args.draw || head.phase.has_opened());
        let more = before.is_some_and(|head| head::told(&head, lane, offset).ahead < ahead);
        if rose || more {
            shop.tally.count(|counts| counts.places_differ += 1);
        }
        let wait_secs = place.wait_secs_min.zip(place.wait_secs_max);
        let now_ms = Utc::now().timestamp_millis();
        let chance = place.chances.first().map(|chance| f64::from(chance.percent) / 100.0);
        told.push((now_ms, Told { ahead, wait_secs, chance }));
        sleep(pause).await;
    }
    let (lane, offset) = shop.turn(fan.lane, fan.offset);
    shop.tally.watched(Watched { lane, offset, told });
}
