//! A small crowd in the demo's line. Its bots hold nothing but their place; most never come in.

use std::{collections::VecDeque, net::Ipv4Addr, time::Duration};

use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};

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
/// One of so many comes in when it is its turn, and leaves again.
const COMES_IN_ONE_OF: u64 = 10;
const KEPT_PLACES_MAX: usize = 500;

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

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Ticket {
    ticket: String,
    lane: i32,
    offset: i64,
}

struct Crowd {
    api: Api,
    room: String,
    joins: u64,
    joins_max: u64,
    /// Places of bots that will come in, the oldest first.
    places: VecDeque<Ticket>,
}

/// Keeps the crowd up until its time or its joins are used up, or it is told to end.
pub async fn run(args: &CrowdArgs) -> anyhow::Result<()> {
    let url = target(args.url.as_deref())?;
    let api = Api::new(url.clone())?;
    let room = program::sale()?;
    print_status(&format!("crowd: keeping about {WAIT_SECS} seconds of line in {room} at {url}"));
    let mut crowd = Crowd { api, room, joins: 0, joins_max: args.joins, places: VecDeque::new() };
    tokio::select! {
        () = crowd.stay() => {
            print_status(&format!("crowd: all {} joins are used up", crowd.joins_max));
        }
        () = sleep(Duration::from_secs_f64(args.hours.clamp(0.0, 1000.0) * 3600.0)) => print_status("crowd: its time is over"),
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

    /// Looks at the line, and lets bots join until it is as long as it should be.
    async fn round(&mut self) -> Result<(), Fault> {
        let head: Head = self
            .api
            .call(&Call::get(&format!("/v1/rooms/{}/head", self.room), address(0)))
            .await?
            .body;
        self.come_in(&head).await?;
        let wanted =
            u64::try_from(missing(&head)).unwrap_or_default().min(self.joins_max - self.joins);
        let path = format!("/v1/rooms/{}/places", self.room);
        let numbers = self.joins..self.joins + wanted;
        self.joins += wanted;
        let (api, path) = (&self.api, path.as_str());
        let joined: Vec<_> = stream::iter(numbers)
            .map(|number| async move {
                (number, api.call::<Ticket>(&Call::post(path, address(number))).await)
            })
            .buffer_unordered(JOINS_AT_ONCE)
            .collect()
            .await;
        for (number, ticket) in joined {
            let ticket = ticket?.body;
            if number.is_multiple_of(COMES_IN_ONE_OF) && self.places.len() < KEPT_PLACES_MAX {
                self.places.push_back(ticket);
            }
        }
        Ok(())
    }

    /// Claims the passes of kept places whose turn it is. What comes of it does not matter.
    async fn come_in(&mut self, head: &Head) -> Result<(), Fault> {
        let (turn, waiting): (VecDeque<Ticket>, VecDeque<Ticket>) =
            self.places.drain(..).partition(|place| is_turn(place, head));
        self.places = waiting;
        let path = format!("/v1/rooms/{}/pass", self.room);
        for place in turn {
            match self
                .api
                .call::<Value>(
                    &Call::post(&path, address(place.offset.unsigned_abs())).token(&place.ticket),
                )
                .await
            {
                Err(fault) if fault.passes => return Err(fault),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }
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
    fn a_place_has_its_turn_when_its_lane_has_passed_it() {
        let place = |lane, offset| Ticket { ticket: String::new(), lane, offset };
        assert!(is_turn(&place(1, 4), &head("open", 0, 4.0)));
        assert!(!is_turn(&place(1, 5), &head("open", 0, 4.0)));
        assert!(!is_turn(&place(0, 0), &head("open", 0, 4.0)));
    }
}
