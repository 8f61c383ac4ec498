//! A crowd in the demo's sale that behaves like people: most come when it is their turn, some buy,
//! some leave, some never come. Small, slow and bounded, so that a laptop hardly notices.

mod visitor;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use admission::contract::RoomName;
use futures::{StreamExt, stream};
use serde::Deserialize;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use self::visitor::{Goes, Offer, STAYS, Ticket, Visitor};
use super::program::{self, WAIT_SECS};
use crate::{
    print_status,
    rush::api::{Api, Call, Fault, target},
    signal::told_to_end,
};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const BACK_OFF_MAX: Duration = Duration::from_secs(15);
/// However fast the room is set, the crowd stays small.
const CROWD_MAX: i64 = 2000;
/// Joins under way at once.
const JOINS_AT_ONCE: usize = 16;
/// Visitors in checkout at once. Others whose turn it is do not come.
const INSIDE_MAX: usize = 150;
/// Who looks first sees a sale, and who looks an hour later sees it go on.
const BUYERS_AT_FIRST: u64 = 120;
const ONE_MORE_EVERY_SECS: u64 = 5;
/// What is sold one by one is for few, and is left for whoever tries it.
const FOR_ONE: i32 = 1;

#[derive(Debug, Clone, clap::Args)]
pub struct CrowdArgs {
    /// Where the system is; FAIRGATE_PUBLIC_URL by default. Only this machine's own addresses are
    /// accepted.
    #[arg(long)]
    url: Option<String>,
    /// End after so many hours.
    #[arg(long, default_value_t = 6.0)]
    hours: f64,
    /// End after so many joins.
    #[arg(long, default_value_t = 100_000)]
    joins: u64,
    /// Let so many buy, then none, so that tickets are left for whoever looks around.
    #[arg(long, default_value_t = 1_000)]
    buyers: u64,
}

/// The part of the head document that the crowd reads.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Head {
    phase: String,
    waiting: i64,
    rate_per_sec: f64,
    lanes: Vec<Lane>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Lane {
    lane: i32,
    head: i64,
}

/// The part of a show that the crowd reads.
#[derive(Deserialize)]
struct Show {
    ticket_types: Vec<Offer>,
}

struct Crowd {
    api: Arc<Api>,
    room: RoomName,
    offers: Vec<Offer>,
    joins: u64,
    joins_max: u64,
    began: Instant,
    buyers: u64,
    buyers_max: u64,
    /// Who waits and will come, with their place.
    waiting: Vec<(Visitor, Ticket)>,
    inside: JoinSet<()>,
    slots: Arc<Semaphore>,
}

/// Keeps the crowd up until its time or its joins are used up, or it is told to end.
pub async fn run(args: &CrowdArgs) -> anyhow::Result<()> {
    let url = target(args.url.as_deref())?;
    // Its room has its name.
    let room: RoomName = program::sale()?.parse()?;
    print_status(&format!("crowd: keeping about {WAIT_SECS} seconds of line in {room} at {url}"));
    let mut crowd = Crowd {
        api: Arc::new(Api::new(url.clone())?),
        room,
        offers: Vec::new(),
        joins: 0,
        joins_max: args.joins,
        began: Instant::now(),
        buyers: 0,
        buyers_max: args.buyers,
        waiting: Vec::new(),
        inside: JoinSet::new(),
        slots: Arc::new(Semaphore::new(INSIDE_MAX)),
    };
    let patience = Duration::from_secs_f64(args.hours.clamp(0.0, 1000.0) * 3600.0);
    tokio::select! {
        () = crowd.stay() => {
            print_status(&format!("crowd: all {} joins are used up", crowd.joins_max));
        }
        () = sleep(patience) => print_status("crowd: its time is over"),
        () = told_to_end() => print_status("crowd: told to end"),
    }
    Ok(())
}

impl Crowd {
    async fn stay(&mut self) {
        let (mut pause, mut away) = (LOOK_EVERY, false);
        while self.joins < self.joins_max {
            let began = Instant::now();
            match self.round().await {
                Ok(()) => {
                    if away {
                        print_status("crowd: the system answers again");
                    }
                    (pause, away) = (LOOK_EVERY, false);
                }
                Err(fault) => {
                    if !away {
                        print_status(&format!("crowd: waiting for the system ({})", fault.kind));
                    }
                    away = true;
                    pause =
                        (pause * 2).max(fault.retry_after.unwrap_or_default()).min(BACK_OFF_MAX);
                }
            }
            sleep(pause.saturating_sub(began.elapsed())).await;
        }
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        Ok(self.api.call(&Call::get(path, address(0))).await?.body)
    }

    /// Looks at the line, sends in those whose turn it is, and lets others join until the line is
    /// as long as it should be.
    async fn round(&mut self) -> Result<(), Fault> {
        if self.offers.is_empty() {
            let show: Show = self.get(&format!("/v1/shows/{}", self.room)).await?;
            self.offers = show.ticket_types;
            self.offers.retain(|offer| offer.per_order_max > FOR_ONE);
        }
        let head: Head = self.get(&format!("/v1/rooms/{}/head", self.room)).await?;
        while self.inside.try_join_next().is_some() {}
        self.send_in(&head);
        let wanted =
            u64::try_from(missing(&head)).unwrap_or_default().min(self.joins_max - self.joins);
        let path = format!("/v1/rooms/{}/places", self.room);
        let numbers = self.joins..self.joins + wanted;
        self.joins += wanted;
        let (api, path) = (&self.api, path.as_str());
        let joined: Vec<_> = stream::iter(numbers)
            .map(|number| async move {
                let from = address(number);
                let ticket = api.call::<Ticket>(&Call::post(path, from)).await;
                (from, ticket.map(|answer| answer.body))
            })
            .buffer_unordered(JOINS_AT_ONCE)
            .collect()
            .await;
        let (joined, fault) = sorted(joined);
        for (from, ticket) in joined {
            let may_buy = self.buyers < buyers_by(self.began.elapsed()).min(self.buyers_max);
            let visitor = Visitor::draw(&mut rand::rng(), may_buy, from);
            self.buyers += u64::from(visitor.goes == Goes::ToTickets);
            if visitor.goes > Goes::Nowhere {
                self.waiting.push((visitor, ticket));
            }
        }
        fault.map_or(Ok(()), Err)
    }

    /// Lets those come whose turn it is. What comes of a visit is seen in the console.
    fn send_in(&mut self, head: &Head) {
        let turn = self.waiting.extract_if(.., |(_, place)| is_turn(place, head));
        for (visitor, place) in turn {
            let Ok(slot) = self.slots.clone().try_acquire_owned() else { continue };
            let (api, room) = (self.api.clone(), self.room.clone());
            let offers = self.offers.clone();
            self.inside.spawn(async move {
                let visit = visitor.visit(&api, &room, &place, &offers);
                if let Ok(Err(fault)) = timeout(STAYS, visit).await {
                    tracing::debug!(fault = fault.kind, "a visit ended");
                }
                drop(slot);
            });
        }
    }
}

/// Those who joined, and the first fault of the others: they take no place from those who have one.
fn sorted(
    joins: Vec<(Ipv4Addr, Result<Ticket, Fault>)>,
) -> (Vec<(Ipv4Addr, Ticket)>, Option<Fault>) {
    let (mut joined, mut first) = (Vec::with_capacity(joins.len()), None);
    for (from, ticket) in joins {
        match ticket {
            Ok(ticket) => joined.push((from, ticket)),
            Err(fault) => first = first.or(Some(fault)),
        }
    }
    (joined, first)
}

/// How many may have bought by then: a rush at first, and always a few.
fn buyers_by(passed: Duration) -> u64 {
    BUYERS_AT_FIRST + passed.as_secs() / ONE_MORE_EVERY_SECS
}

/// How many bots the line lacks. While nobody is let in it only grows by real fans.
fn missing(head: &Head) -> i64 {
    if head.phase != "open" {
        return 0;
    }
    let wanted = ((head.rate_per_sec * WAIT_SECS).round() as i64).clamp(0, CROWD_MAX);
    (wanted - head.waiting).max(0)
}

fn is_turn(place: &Ticket, head: &Head) -> bool {
    head.lanes.iter().any(|lane| lane.lane == place.lane && lane.head > place.offset)
}

/// An address of the bot's own, apart from those of `fairgate rush`.
fn address(number: u64) -> Ipv4Addr {
    let [.., a, b] = number.to_be_bytes();
    Ipv4Addr::new(10, 254, a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(phase: &str, waiting: i64, rate_per_sec: f64) -> Head {
        Head {
            phase: phase.to_owned(),
            waiting,
            rate_per_sec,
            lanes: vec![Lane { lane: 1, head: 5 }],
        }
    }

    #[test]
    fn the_line_is_filled_up_to_half_a_minute() {
        assert_eq!(missing(&head("open", 0, 4.0)), 120);
        assert_eq!(missing(&head("open", 100, 4.0)), 20);
        assert_eq!(missing(&head("open", 500, 4.0)), 0);
        assert_eq!(missing(&head("paused", 0, 4.0)), 0);
        assert_eq!(missing(&head("open", 0, 1e9)), CROWD_MAX);
    }

    #[test]
    fn some_buy_at_once_and_then_one_every_few_seconds() {
        assert_eq!(buyers_by(Duration::ZERO), 120);
        assert_eq!(buyers_by(Duration::from_secs(3600)), 840);
    }

    #[test]
    fn one_join_that_fails_takes_no_place_from_the_others() {
        let place = |offset| Ticket { ticket: String::new(), lane: 0, offset };
        let fault = Fault::of("join-timeout", true);
        let joins = vec![
            (address(0), Ok(place(1))),
            (address(1), Err(fault.clone())),
            (address(2), Ok(place(2))),
            (address(3), Err(Fault::of("timeout", true))),
        ];
        let places = vec![(address(0), place(1)), (address(2), place(2))];
        assert_eq!(sorted(joins), (places, Some(fault)));
    }

    #[test]
    fn a_place_has_its_turn_when_its_lane_has_passed_it() {
        let place = |lane, offset| Ticket { ticket: String::new(), lane, offset };
        assert!(is_turn(&place(1, 4), &head("open", 0, 4.0)));
        assert!(!is_turn(&place(1, 5), &head("open", 0, 4.0)));
        assert!(!is_turn(&place(0, 0), &head("open", 0, 4.0)));
    }
}
