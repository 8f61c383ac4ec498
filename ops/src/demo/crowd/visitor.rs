//! One of the crowd: what they will do, drawn beforehand, and doing it in checkout as people do,
//! with time to read.

use std::{net::Ipv4Addr, time::Duration};

use rand::Rng;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use waitroom::contract::PassBody;

use crate::rush::{
    answers::confirm_url,
    api::{Api, Call, Fault},
};

/// The longest anybody stays; more than enough for who reads everything.
pub const STAYS: Duration = Duration::from_secs(300);
const READS_SECS: std::ops::Range<f64> = 2.0..9.0;
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(8);
const TICKETS_EVERY: Duration = Duration::from_secs(2);
/// Of a hundred who are let in.
const NEVER_COME: u32 = 20;
const LOOK_ONLY: u32 = 15;
const LEAVE_HOLD: u32 = 4;
const LEAVE_ORDER: u32 = 3;
/// Of a hundred who pay, so many have their card declined at first.
const DECLINED: u32 = 7;

/// How far somebody goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goes {
    /// Does not come when it is their turn.
    Nowhere,
    /// Looks what there is, and leaves.
    In,
    /// Closes the page with tickets held.
    ToHold,
    /// Closes the page with an order unpaid.
    ToOrder,
    /// Pays.
    ToTickets,
}

/// What somebody will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Visitor {
    pub goes: Goes,
    /// Tickets they would like.
    pub wants: i32,
    /// Which of the ticket types, as a share of their list.
    pub chooses: f64,
    declined_first: bool,
    address: Ipv4Addr,
}

/// A ticket type that can be bought.
#[derive(Debug, Clone, Deserialize)]
pub struct Offer {
    pub ticket_type: Uuid,
    pub per_order_max: i32,
}

/// A place in line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Ticket {
    pub ticket: String,
    pub lane: i32,
    pub offset: i64,
}

#[derive(Deserialize)]
struct Session {
    session_token: String,
}

#[derive(Deserialize)]
struct Hold {
    hold: String,
}

#[derive(Deserialize)]
struct Order {
    order: Uuid,
    state: String,
    payment: Option<Payment>,
}

#[derive(Deserialize)]
struct Payment {
    url: Option<String>,
}

impl Visitor {
    /// Somebody, who buys only where they `may_buy`.
    pub fn draw(rng: &mut impl Rng, may_buy: bool, address: Ipv4Addr) -> Self {
        let goes = match rng.random_range(0..100) {
            roll if roll < NEVER_COME => Goes::Nowhere,
            roll if roll < NEVER_COME + LOOK_ONLY => Goes::In,
            roll if roll < NEVER_COME + LOOK_ONLY + LEAVE_HOLD => Goes::ToHold,
            roll if roll < NEVER_COME + LOOK_ONLY + LEAVE_HOLD + LEAVE_ORDER => Goes::ToOrder,
            _ => Goes::ToTickets,
        };
        Self {
            goes: if may_buy { goes } else { goes.min(Goes::In) },
            wants: rng.random_range(1..=3),
            // Most want the first on the list.
            chooses: rng.random_range(0.0..1.0f64).powi(2),
            declined_first: rng.random_range(0..100) < DECLINED,
            address,
        }
    }

    /// Comes in with a place whose turn it is, and goes as far as this visitor goes.
    ///
    /// # Errors
    /// Whatever ended the visit.
    pub async fn visit(
        &self,
        api: &Api,
        room: &str,
        place: &Ticket,
        offers: &[Offer],
    ) -> Result<(), Fault> {
        let walk = Walk { api, until: Instant::now() + STAYS, visitor: self };
        read().await;
        let claim = format!("/v1/rooms/{room}/pass");
        let pass: PassBody = walk.ask(walk.post(&claim).token(&place.ticket)).await?;
        let key = Uuid::now_v7().to_string();
        let open = walk.post("/v1/checkout/sessions").key(&key).body(json!({ "pass": pass.pass }));
        let session: Session = walk.ask(open).await?;
        read().await;
        let Some(offer) = self.chosen(offers).filter(|_| self.goes > Goes::In) else {
            return walk.leave(&session).await;
        };
        let Some(hold) = walk.hold(&session, offer).await? else {
            return walk.leave(&session).await;
        };
        read().await;
        if self.goes == Goes::ToHold {
            return Ok(());
        }
        let order = walk.order(&session, &hold).await?;
        if self.goes == Goes::ToOrder {
            return Ok(());
        }
        walk.pay(&session, order).await
    }

    fn chosen<'a>(&self, offers: &'a [Offer]) -> Option<&'a Offer> {
        offers.get((self.chooses * offers.len() as f64) as usize)
    }
}

async fn read() {
    sleep(Duration::from_secs_f64(rand::random_range(READS_SECS))).await;
}

/// Somebody on their way through checkout.
struct Walk<'a> {
    api: &'a Api,
    until: Instant,
    visitor: &'a Visitor,
}

impl<'a> Walk<'a> {
    fn post(&self, to: &'a str) -> Call<'a> {
        Call::post(to, self.visitor.address)
    }

    /// Makes a call until it is answered for good, waiting as the server asks.
    async fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Fault> {
        let mut pause = PAUSE_MIN;
        loop {
            match self.api.call(&call).await {
                Ok(answer) => return Ok(answer.body),
                Err(fault) if fault.passes && Instant::now() < self.until => {
                    sleep(fault.retry_after.unwrap_or(pause)).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// `None` where there are not enough.
    async fn hold(&self, session: &Session, offer: &Offer) -> Result<Option<Hold>, Fault> {
        let quantity = self.visitor.wants.min(offer.per_order_max);
        let (key, ticket_type) = (Uuid::now_v7().to_string(), offer.ticket_type);
        let items = json!([{ "ticket_type": ticket_type, "quantity": quantity }]);
        let call = self.post("/v1/holds").token(&session.session_token).key(&key);
        match self.ask(call.body(json!({ "items": items }))).await {
            Ok(hold) => Ok(Some(hold)),
            Err(fault) if matches!(fault.kind.as_str(), "sold-out" | "not-enough-left") => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn order(&self, session: &Session, hold: &Hold) -> Result<Order, Fault> {
        let key = Uuid::now_v7().to_string();
        let [.., a, b] = self.visitor.address.octets();
        let buyer = json!({
            "name": format!("Demo fan {a}-{b}"),
            "email": format!("fan-{a}-{b}@demo.example"),
        });
        let call = self.post("/v1/orders").token(&session.session_token).key(&key);
        self.ask(call.body(json!({ "hold": hold.hold, "buyer": buyer }))).await
    }

    /// Pays where the order says, and looks until the tickets are there.
    async fn pay(&self, session: &Session, mut order: Order) -> Result<(), Fault> {
        while Instant::now() < self.until {
            let url = order.payment.as_ref().and_then(|payment| payment.url.as_deref());
            match (order.state.as_str(), url.and_then(confirm_url)) {
                ("placed" | "awaiting_payment", Some(confirm)) => {
                    read().await;
                    let methods: &[&str] =
                        if self.visitor.declined_first { &["decline", "ok"] } else { &["ok"] };
                    for method in methods {
                        let call = Call::post(&confirm, self.visitor.address);
                        let _: Value = self.ask(call.body(json!({ "method": method }))).await?;
                    }
                    sleep(TICKETS_EVERY).await;
                }
                ("pending" | "placed" | "awaiting_payment" | "paid", _) => {
                    sleep(TICKETS_EVERY).await;
                }
                _ => return Ok(()),
            }
            let path = format!("/v1/orders/{}", order.order);
            let look = Call::get(&path, self.visitor.address).token(&session.session_token);
            order = self.ask(look).await?;
        }
        Ok(())
    }

    /// Gives the slot to the next.
    async fn leave(&self, session: &Session) -> Result<(), Fault> {
        let call = Call::delete("/v1/checkout/sessions/current", self.visitor.address);
        let _: Value = self.ask(call.token(&session.session_token)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn crowd(may_buy: bool) -> Vec<Visitor> {
        let mut rng = StdRng::seed_from_u64(7);
        let draw = |_| Visitor::draw(&mut rng, may_buy, Ipv4Addr::LOCALHOST);
        (0..10_000).map(draw).collect()
    }

    #[test]
    fn most_come_some_buy_some_leave_and_some_never_come() {
        let crowd = crowd(true);
        let share = |goes| {
            crowd.iter().filter(|visitor| visitor.goes == goes).count() as f64 / crowd.len() as f64
        };
        assert!((0.17..0.23).contains(&share(Goes::Nowhere)), "{}", share(Goes::Nowhere));
        assert!((0.50..0.65).contains(&share(Goes::ToTickets)), "{}", share(Goes::ToTickets));
        for goes in [Goes::In, Goes::ToHold, Goes::ToOrder] {
            assert!(share(goes) > 0.02, "{goes:?}");
        }
        assert!(crowd.iter().all(|visitor| (1..=3).contains(&visitor.wants)));
    }

    #[test]
    fn nobody_buys_once_enough_have() {
        assert!(self::crowd(false).iter().all(|visitor| visitor.goes <= Goes::In));
    }

    #[test]
    fn everybody_chooses_something_that_is_offered() {
        let offers: Vec<Offer> = (0..3)
            .map(|number| Offer { ticket_type: Uuid::from_u128(number), per_order_max: 4 })
            .collect();
        let crowd = crowd(true);
        let of = |number| {
            let chosen = |visitor: &&Visitor| {
                visitor.chosen(&offers).expect("an offer").ticket_type == Uuid::from_u128(number)
            };
            crowd.iter().filter(chosen).count()
        };
        assert!(of(0) > of(1) && of(1) > of(2) && of(2) > 0);
        assert!(crowd[0].chosen(&[]).is_none());
    }
}
