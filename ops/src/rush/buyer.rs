//! One fan's life from the pass on: session, hold, order, payment, tickets.

use std::time::Duration;

use checkout::contract::OrderId;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, sleep},
};
use waitroom::contract::PassBody;

use super::{
    answers::{ABOUT_NOW, Confirmed, Deadline, Hold, Order, Payable, Session},
    api::{Call, Fault},
    books::Taken,
    line::Waiting,
    plan::{Leaves, Plan},
    refusal::Step,
    shop::{Setback, Shop},
};

/// How often a fan asks for another pass whose pass ran out at the door.
const PASSES_MAX: u32 = 5;
/// What ran out comes back when it is noticed.
const ORDER_GRACE: chrono::Duration = chrono::Duration::seconds(5);
/// How often a fan looks again who was told that nothing is left.
const LOOKS_AGAIN: u32 = 2;
const LOOK_PAUSE_SECS: std::ops::Range<f64> = 1.0..2.0;
/// How long a paid order may take to have its tickets before the fan stops looking.
const FULFILLED_WITHIN: Duration = Duration::from_secs(120);

/// What came of a try to hold tickets.
enum Held {
    Tickets(Hold),
    NothingLeft,
}

/// What came of a hold.
enum Outcome {
    Done,
    /// The tickets are gone; others may be left.
    ChooseAnew,
}

/// Someone with a pass, from the door on.
struct Visit<'a> {
    shop: &'a Shop,
    plan: &'a Plan,
    session: Session,
    session_ends: Deadline,
    tries: u32,
    /// How long the fan looked at pages, in all.
    thought: Duration,
}

/// The fan's pass. Asking again gives one that is good for longer.
pub async fn claim(shop: &Shop, plan: &Plan, fan: &Waiting) -> Result<String, Fault> {
    let path = format!("/v1/rooms/{}/pass", shop.sale.room);
    let call = Call::post(&path, plan.address()).token(&fan.ticket);
    shop.insist::<PassBody>(Step::Claim, &call).await.map(|claimed| claimed.pass)
}

/// Goes in with a pass, and buys or leaves.
///
/// # Errors
/// Whatever ended the visit that no plan foresaw.
pub async fn buy(shop: &Shop, plan: &Plan, fan: &Waiting, pass: String) -> Result<(), Setback> {
    let session = redeem(shop, plan, fan, pass).await?;
    let thought = Duration::ZERO;
    let session_ends = Deadline::of(session.expires_at, Utc::now(), thought);
    let mut visit = Visit { shop, plan, session, session_ends, tries: 0, thought };
    visit.go().await.map_err(|(fault, step)| Setback {
        fault,
        step,
        own_time_over: visit.session_ends.is_taken_by_fan(Utc::now(), visit.thought),
    })
}

/// Trades the pass for a session. A pass that ran out at the door is traded for another one.
async fn redeem(
    shop: &Shop,
    plan: &Plan,
    fan: &Waiting,
    mut pass: String,
) -> Result<Session, Setback> {
    let key = format!("rush-{}", plan.number);
    for _ in 0..PASSES_MAX {
        let open = Call::post("/v1/checkout/sessions", plan.address())
            .key(&key)
            .body(json!({ "pass": pass }));
        match shop.insist(Step::Redeem, &open).await {
            Err(fault) if fault.kind == "pass-expired" => {
                shop.tally.count(|counts| counts.passes_run_out += 1);
                pass = claim(shop, plan, fan).await.map_err(Setback::at(Step::Claim))?;
            }
            outcome => return outcome.map_err(Setback::at(Step::Redeem)),
        }
    }
    Err(Setback::at(Step::Redeem)(Fault::of("pass-expired", false)))
}

/// What ended a visit, and at which step.
type Broken = (Fault, Step);

fn at(step: Step) -> impl FnOnce(Fault) -> Broken {
    move |fault| (fault, step)
}

impl<'a> Visit<'a> {
    async fn go(&mut self) -> Result<(), Broken> {
        loop {
            let Some(hold) = self.choose().await? else { return self.leave().await };
            if self.plan.leaves == Some(Leaves::WithHold) {
                self.comes_back(hold.expires_at, hold.tickets());
                return Ok(());
            }
            match self.order(&hold).await? {
                Outcome::Done => return Ok(()),
                Outcome::ChooseAnew => self.comes_back(Utc::now(), hold.tickets()),
            }
        }
    }

    /// Tickets that this fan has no more from a moment on.
    fn comes_back(&self, at: DateTime<Utc>, tickets: i64) {
        self.shop.tally.changed_hands(at.timestamp_millis(), tickets);
    }

    /// Looks at a page for a while.
    async fn think(&mut self, time: Duration) {
        sleep(time).await;
        self.thought += time;
    }

    fn key(&mut self, what: &str) -> String {
        self.tries += 1;
        format!("{}-{what}-{}-{}", self.shop.sale.show, self.plan.number, self.tries)
    }

    fn time_left(&self) -> bool {
        // A hold that could no longer be ordered helps nobody.
        Utc::now() + ABOUT_NOW < self.session.expires_at
    }

    /// Holds tickets; looks again for a while where nothing is left. `None` when the fan gives up.
    async fn choose(&mut self) -> Result<Option<Hold>, Broken> {
        let mut looks = 0;
        let mut patience: Option<SemaphorePermit<'a>> = None;
        loop {
            self.think(self.plan.thinks).await;
            match self.hold().await? {
                Held::Tickets(hold) => return Ok(Some(hold)),
                Held::NothingLeft if looks == 0 => {
                    self.shop.tally.count(|counts| counts.sold_out_seen += 1)
                }
                Held::NothingLeft => {}
            }
            looks += 1;
            let stays = self.plan.patient || patience.is_some();
            if looks > LOOKS_AGAIN && !stays {
                // Somebody who would not buy after all only keeps others waiting.
                patience = self
                    .plan
                    .leaves
                    .is_none()
                    .then(|| self.shop.patience.try_acquire().ok())
                    .flatten();
                if patience.is_none() {
                    return Ok(None);
                }
            }
            if self.shop.is_over() || !self.time_left() {
                return Ok(None);
            }
            self.think(Duration::from_secs_f64(rand::random_range(LOOK_PAUSE_SECS))).await;
        }
    }

    /// Tries to hold as many as wanted, or as many as are left.
    async fn hold(&mut self) -> Result<Held, Broken> {
        let mut quantity = self.plan.wants;
        loop {
            let key = self.key("hold");
            let items =
                json!([{ "ticket_type": self.shop.sale.ticket_type, "quantity": quantity }]);
            let call = Call::post("/v1/holds", self.plan.address())
                .token(&self.session.session_token)
                .key(&key)
                .body(json!({ "items": items }));
            let asked = self.shop.tally.asks_for(quantity.into());
            let outcome = self.shop.insist::<Hold>(Step::Hold, &call).await;
            self.shop.tally.taken(asked, taken(&outcome));
            match outcome {
                Ok(hold) => {
                    self.shop.tally.count(|counts| counts.held += 1);
                    return Ok(Held::Tickets(hold));
                }
                Err(fault) if fault.kind == "sold-out" => {
                    self.shop.tally.denied(1);
                    return Ok(Held::NothingLeft);
                }
                Err(fault) if fault.kind == "not-enough-left" => {
                    self.shop.tally.denied(i64::from(quantity));
                    let left =
                        fault.field_detail.split(' ').next().and_then(|number| number.parse().ok());
                    quantity = left.unwrap_or(1).clamp(1, (quantity - 1).max(1));
                }
                Err(fault) => return Err(at(Step::Hold)(fault)),
            }
        }
    }

    /// Orders what is held, pays, and waits for the tickets.
    async fn order(&mut self, hold: &Hold) -> Result<Outcome, Broken> {
        let hold_ends = Deadline::of(hold.expires_at, Utc::now(), self.thought);
        self.think(self.plan.thinks).await;
        let order = match self.submit(hold).await {
            Ok(order) => order,
            Err(fault) if is_lost_hold(&fault) => {
                let own_time_over = hold_ends.is_taken_by_fan(Utc::now(), self.thought);
                self.shop.refused(&fault.kind, Step::Order, false, own_time_over);
                return Ok(Outcome::ChooseAnew);
            }
            Err(fault) => return Err(at(Step::Order)(fault)),
        };
        self.shop.tally.count(|counts| counts.ordered += 1);
        let payable = self.payable(order).await.map_err(at(Step::Pay))?;
        let Some(payable) = payable else { return Ok(Outcome::ChooseAnew) };
        if self.plan.leaves == Some(Leaves::WithOrder) {
            self.comes_back(payable.expires_at + ORDER_GRACE, hold.tickets());
            return Ok(Outcome::Done);
        }
        self.think(self.plan.thinks).await;
        self.pay(&payable).await.map_err(at(Step::Pay))?;
        Ok(Outcome::Done)
    }

    /// Submits the order. One that is in the log and not written yet is asked for until it is.
    async fn submit(&mut self, hold: &Hold) -> Result<Order, Fault> {
        let key = self.key("order");
        let number = self.plan.number;
        let (name, email) = (format!("Fan {number}"), format!("fan-{number}@rush.example"));
        let buyer = json!({ "name": name, "email": email });
        let call = Call::post("/v1/orders", self.plan.address())
            .token(&self.session.session_token)
            .key(&key)
            .body(json!({ "hold": hold.hold, "buyer": buyer }));
        let mut order: Order = self.shop.insist(Step::Order, &call).await?;
        self.shop.tally.acked(|acked| acked.orders.extend([order.order]));
        while order.state == "pending" {
            self.shop.refused("order-pending", Step::Order, true, false);
            sleep(Duration::from_secs(1)).await;
            order = match self.look(order.order).await {
                // Nobody remembers that it waits: the same call with the same key finds out.
                Err(fault) if fault.kind == "order-unknown" => {
                    self.shop.insist(Step::Order, &call).await?
                }
                found => found?,
            };
        }
        Ok(order)
    }

    /// Where an order is paid, once that is known; `None` when the order is gone.
    async fn payable(&self, mut order: Order) -> Result<Option<Payable>, Fault> {
        loop {
            let expires_at = order.expires_at.unwrap_or_default();
            match (order.state.as_str(), order.payment.and_then(|payment| payment.url)) {
                ("placed" | "awaiting_payment", Some(url)) => {
                    return Payable::of(order.order, expires_at, &url).map(Some);
                }
                ("placed" | "awaiting_payment", None) => {}
                (state, _) => {
                    let kind = format!("order-{state}-before-payment");
                    // Nobody thinks between an order and the page where it is paid.
                    self.shop.refused(&kind, Step::Pay, false, false);
                    return Ok(None);
                }
            }
            // As the page does.
            sleep(Duration::from_secs(1)).await;
            order = self.look(order.order).await?;
        }
    }

    async fn look(&self, order: OrderId) -> Result<Order, Fault> {
        let path = format!("/v1/orders/{order}");
        self.shop
            .insist(
                Step::Pay,
                &Call::get(&path, self.plan.address()).token(&self.session.session_token),
            )
            .await
    }

    /// Pays as the plan says, and waits until the tickets are there.
    async fn pay(&self, payable: &Payable) -> Result<(), Fault> {
        let mut paid = false;
        for method in self.plan.pays {
            let call =
                Call::post(&payable.confirm, self.plan.address()).body(json!({ "method": method }));
            let Confirmed { state } = self.shop.insist(Step::Pay, &call).await?;
            paid = state == "succeeded";
        }
        if paid {
            self.shop.tally.acked(|acked| acked.payments.extend([payable.order]));
        }
        let end = Instant::now() + FULFILLED_WITHIN;
        let mut pause = Duration::from_millis(250);
        loop {
            let order = self.look(payable.order).await?;
            match order.state.as_str() {
                "fulfilled" => {
                    let tickets = order.tickets.len() as i64;
                    self.shop.tally.count(|counts| {
                        counts.paid += 1;
                        counts.tickets += tickets;
                    });
                    return Ok(());
                }
                "placed" | "awaiting_payment" | "paid" if Instant::now() < end => {
                    sleep(pause).await
                }
                state => {
                    let kind = format!("order-{state}-after-payment");
                    self.shop.refused(&kind, Step::Pay, false, false);
                    return Ok(());
                }
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Gives the slot to the next fan.
    async fn leave(&self) -> Result<(), Broken> {
        let call = Call::delete("/v1/checkout/sessions/current", self.plan.address())
            .token(&self.session.session_token);
        let _: Value = self.shop.insist(Step::Leave, &call).await.map_err(at(Step::Leave))?;
        Ok(())
    }
}

/// What a call for tickets came to.
fn taken(outcome: &Result<Hold, Fault>) -> Taken {
    match outcome {
        Ok(hold) => Taken::Until(hold.expires_at.timestamp_millis()),
        Err(fault) if fault.passes => Taken::Unknown,
        Err(_) => Taken::Nothing,
    }
}

/// Refusals after which a fan chooses tickets anew.
fn is_lost_hold(fault: &Fault) -> bool {
    matches!(fault.kind.as_str(), "hold-expired" | "hold-lost" | "sold-out")
}
