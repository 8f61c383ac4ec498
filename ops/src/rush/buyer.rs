//! One fan's life inside: session, hold, order, payment, tickets.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::{
    api::{Call, Fault},
    plan::{Leaves, Plan},
    shop::Shop,
    tally::Timed,
};

/// How often a fan looks again who was told that nothing is left.
const LOOKS_AGAIN: u32 = 2;
const LOOK_PAUSE_SECS: std::ops::Range<f64> = 1.0..2.0;
/// How long a paid order may take to have its tickets before the fan stops looking.
const FULFILLED_WITHIN: Duration = Duration::from_secs(120);
const SANDBOX_PAGE: &str = "/sandbox/pay/";

#[derive(Debug, Deserialize)]
struct Session {
    session_token: String,
    expires_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
struct Hold {
    hold: String,
}

#[derive(Debug, Deserialize)]
struct Order {
    order: Uuid,
    state: String,
    #[serde(default)]
    payment: Option<Payment>,
    #[serde(default)]
    tickets: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Payment {
    #[serde(default)]
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Confirmed {
    state: String,
}

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
    tries: u32,
}

/// Goes in with a pass, and buys or leaves.
///
/// # Errors
/// Whatever ended the visit that no plan foresaw.
pub async fn buy(shop: &Shop, plan: &Plan, pass: &str) -> Result<(), Fault> {
    let key = format!("rush-{}", plan.number);
    let open =
        Call::post("/v1/checkout/sessions", plan.address()).key(&key).body(json!({ "pass": pass }));
    let session: Session = shop.insist(None, &open).await?;
    let mut visit = Visit { shop, plan, session, tries: 0 };
    loop {
        let Some(hold) = visit.choose().await? else { return visit.leave().await };
        if plan.leaves == Some(Leaves::WithHold) {
            return Ok(());
        }
        match visit.order(&hold).await? {
            Outcome::Done => return Ok(()),
            Outcome::ChooseAnew => {}
        }
    }
}

impl<'a> Visit<'a> {
    fn key(&mut self, what: &str) -> String {
        self.tries += 1;
        format!("{}-{what}-{}-{}", self.shop.sale.show, self.plan.number, self.tries)
    }

    fn time_left(&self) -> bool {
        // A hold that could no longer be ordered helps nobody.
        Utc::now() + chrono::Duration::seconds(2) < self.session.expires_at
    }

    /// Holds tickets; looks again for a while where nothing is left. `None` when the fan gives up.
    async fn choose(&mut self) -> Result<Option<Hold>, Fault> {
        let mut looks = 0;
        let mut patience: Option<SemaphorePermit<'a>> = None;
        loop {
            sleep(self.plan.thinks).await;
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
            sleep(Duration::from_secs_f64(rand::random_range(LOOK_PAUSE_SECS))).await;
        }
    }

    /// Tries to hold as many as wanted, or as many as are left.
    async fn hold(&mut self) -> Result<Held, Fault> {
        let mut quantity = self.plan.wants;
        loop {
            let key = self.key("hold");
            let items =
                json!([{ "ticket_type": self.shop.sale.ticket_type, "quantity": quantity }]);
            let call = Call::post("/v1/holds", self.plan.address())
                .token(&self.session.session_token)
                .key(&key)
                .body(json!({ "items": items }));
            match self.shop.insist(Some(Timed::Hold), &call).await {
                Ok(hold) => {
                    self.shop.tally.count(|counts| counts.held += 1);
                    return Ok(Held::Tickets(hold));
                }
                Err(fault) if fault.kind == "sold-out" => return Ok(Held::NothingLeft),
                Err(fault) if fault.kind == "not-enough-left" => {
                    let left =
                        fault.field_detail.split(' ').next().and_then(|number| number.parse().ok());
                    quantity = left.unwrap_or(1).clamp(1, (quantity - 1).max(1));
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Orders what is held, pays, and waits for the tickets.
    async fn order(&mut self, hold: &Hold) -> Result<Outcome, Fault> {
        sleep(self.plan.thinks).await;
        let order = match self.place(hold).await {
            Ok(order) => order,
            Err(fault) if is_lost_hold(&fault) => {
                self.shop.tally.fault(&fault.kind);
                return Ok(Outcome::ChooseAnew);
            }
            Err(fault) => return Err(fault),
        };
        self.shop.tally.count(|counts| counts.ordered += 1);
        let Some(payable) = self.payable(order).await? else { return Ok(Outcome::ChooseAnew) };
        if self.plan.leaves == Some(Leaves::WithOrder) {
            return Ok(Outcome::Done);
        }
        sleep(self.plan.thinks).await;
        self.pay(&payable).await?;
        Ok(Outcome::Done)
    }

    /// Places the order. One that is in the log and not written yet is asked for until it is.
    async fn place(&mut self, hold: &Hold) -> Result<Order, Fault> {
        let key = self.key("order");
        let number = self.plan.number;
        let buyer = json!({ "name": format!("Fan {number}"), "email": format!("fan-{number}@rush.example") });
        let call = Call::post("/v1/orders", self.plan.address())
            .token(&self.session.session_token)
            .key(&key)
            .body(json!({ "hold": hold.hold, "buyer": buyer }));
        let mut order: Order = self.shop.insist(Some(Timed::Order), &call).await?;
        self.shop.tally.acked(|acked| acked.orders.extend([order.order]));
        while order.state == "pending" {
            self.shop.tally.fault("order-pending");
            sleep(Duration::from_secs(1)).await;
            order = match self.look(order.order).await {
                // Nobody remembers that it waits: the same call with the same key finds out.
                Err(fault) if fault.kind == "order-unknown" => {
                    self.shop.insist(None, &call).await?
                }
                found => found?,
            };
        }
        Ok(order)
    }

    /// Where an order is paid, once that is known; `None` when the order is gone.
    async fn payable(&self, mut order: Order) -> Result<Option<Payable>, Fault> {
        loop {
            match (order.state.as_str(), order.payment.and_then(|payment| payment.url)) {
                ("placed" | "awaiting_payment", Some(url)) => {
                    return Payable::of(order.order, &url).map(Some);
                }
                ("placed" | "awaiting_payment", None) => {}
                (state, _) => {
                    self.shop.tally.fault(&format!("order-{state}-before-payment"));
                    return Ok(None);
                }
            }
            sleep(Duration::from_millis(400)).await;
            order = self.look(order.order).await?;
        }
    }

    async fn look(&self, order: Uuid) -> Result<Order, Fault> {
        let path = format!("/v1/orders/{order}");
        self.shop
            .insist(None, &Call::get(&path, self.plan.address()).token(&self.session.session_token))
            .await
    }

    /// Pays as the plan says, and waits until the tickets are there.
    async fn pay(&self, payable: &Payable) -> Result<(), Fault> {
        let mut paid = false;
        for method in self.plan.pays {
            let call =
                Call::post(&payable.confirm, self.plan.address()).body(json!({ "method": method }));
            let Confirmed { state } = self.shop.insist(None, &call).await?;
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
                    self.shop.tally.fault(&format!("order-{state}-after-payment"));
                    return Ok(());
                }
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Gives the slot to the next fan.
    async fn leave(&self) -> Result<(), Fault> {
        let call = Call::delete("/v1/checkout/sessions/current", self.plan.address())
            .token(&self.session.session_token);
        let _: Value = self.shop.insist(None, &call).await?;
        Ok(())
    }
}

/// An order and where it is paid.
struct Payable {
    order: Uuid,
    confirm: String,
}

impl Payable {
    /// The sandbox provider's call behind its page at `url`.
    fn of(order: Uuid, url: &str) -> Result<Self, Fault> {
        confirm_url(url)
            .map(|confirm| Self { order, confirm })
            .ok_or_else(|| Fault::of("payment-not-by-the-sandbox", false))
    }
}

fn confirm_url(page: &str) -> Option<String> {
    let mut url = Url::parse(page).ok()?;
    let intent = url.path().strip_prefix(SANDBOX_PAGE)?.to_owned();
    url.set_path(&format!("/sandbox/v1/intents/{intent}/confirm"));
    url.set_query(None);
    Some(url.into())
}

/// Refusals after which a fan chooses tickets anew.
fn is_lost_hold(fault: &Fault) -> bool {
    matches!(fault.kind.as_str(), "hold-expired" | "hold-lost" | "sold-out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_that_pays_lies_behind_the_page() {
        let found = confirm_url("http://127.0.0.1:8080/sandbox/pay/pi_1?x=y");
        assert_eq!(found.as_deref(), Some("http://127.0.0.1:8080/sandbox/v1/intents/pi_1/confirm"));
        assert_eq!(confirm_url("http://127.0.0.1:8080/elsewhere/pi_1"), None);
    }
}
