//! One fan's life, up to the door of checkout.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{
    api::{Api, Call, Fault},
    buyer,
    plan::{Leaves, Plan},
    sale::Sale,
    tally::{Tally, Timed},
};

/// Fans who stay in checkout after they were told that nothing is left, for what may come back.
/// Few: everybody who stays takes a slot.
const PATIENT_MAX: usize = 20;
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What all fans share.
pub struct Shop {
    pub api: Api,
    pub sale: Sale,
    pub tally: Tally,
    pub deadline: Instant,
    pub patience: Semaphore,
}

impl Shop {
    pub fn new(api: Api, sale: Sale, deadline: Instant) -> Self {
        let patience = Semaphore::new(PATIENT_MAX);
        Self { api, sale, tally: Tally::new(), deadline, patience }
    }

    /// Tickets that no fan has on a paid order yet.
    pub fn left(&self) -> i32 {
        let sold = i32::try_from(self.tally.counts().tickets).unwrap_or(i32::MAX);
        self.sale.tickets.saturating_sub(sold)
    }

    pub fn is_over(&self) -> bool {
        self.left() <= 0 || Instant::now() >= self.deadline
    }

    /// Makes a call until it is answered for good. What passes by itself is waited out, as the
    /// server asks or longer from time to time, and counted by kind.
    ///
    /// # Errors
    /// An answer that asking again would not change, or the end of the rush.
    pub async fn insist<T: DeserializeOwned>(
        &self,
        timed: Option<Timed>,
        call: &Call<'_>,
    ) -> Result<T, Fault> {
        let mut pause = PAUSE_MIN;
        loop {
            match self.api.call(call).await {
                Ok(answer) => {
                    if let Some(timed) = timed {
                        self.tally.took(timed, answer.time);
                    }
                    return Ok(answer.body);
                }
                Err(fault) if fault.passes && Instant::now() < self.deadline => {
                    self.tally.fault(&fault.kind);
                    sleep(fault.retry_after.unwrap_or(pause).mul_f64(rand::random_range(1.0..1.5)))
                        .await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(fault) => return Err(fault),
            }
        }
    }
}

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
