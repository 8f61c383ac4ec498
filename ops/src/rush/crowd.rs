//! The crowd: lets fans join as they arrive, follows the line for all who wait, and sends each
//! whose turn it is on their way.
//!
//! A waiting fan costs a line's entry and no task. One look a second at the head document is
//! everybody's; where each stands follows from it, as in their browsers.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use waitroom::contract::HeadDocument;

use super::{
    api::Call,
    course::Ended,
    fan,
    head::is_sold_out,
    line::Waiting,
    plan::{Leaves, Plan},
    refusal::Step,
    sale::OBSERVER,
    shop::Shop,
    watch,
};
use crate::signal::told_to_end;

/// Joins under way at once.
const JOINERS: usize = 192;
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Fans whose own place is looked at as well, by the call that fans use.
const WATCHED_MAX: u32 = 64;
/// When fans leave the line who leave it on purpose, after they joined.
const LEAVES_AFTER_SECS: std::ops::Range<f64> = 2.0..30.0;
/// So many tell that they leave at once.
const LEAVERS: usize = 32;

/// Fans who will leave the line at a moment, by lane and offset.
type Leaving = Mutex<BinaryHeap<Reverse<(Instant, i32, i64)>>>;

/// Lets fans live their lives, until all are done or the time is over.
pub async fn send(shop: &Arc<Shop>, numbers: std::ops::Range<u32>) -> Ended {
    let mut crowd = Crowd::of(shop, numbers);
    tokio::select! {
        ended = crowd.live() => ended,
        () = sleep_until(shop.deadline) => Ended::TimedOut,
        () = told_to_end() => Ended::Interrupted,
    }
}

struct Crowd {
    shop: Arc<Shop>,
    joiners: JoinSet<()>,
    /// Those who are past the line.
    fans: JoinSet<()>,
    leaving: Arc<Leaving>,
    first_in: Option<Instant>,
    /// How many had joined when those who wait were told that it is sold out, while it is.
    asked_to_stay: Option<u64>,
}

impl Crowd {
    fn of(shop: &Arc<Shop>, numbers: std::ops::Range<u32>) -> Self {
        let began = Instant::now();
        let mut arrivals: Vec<(Instant, u32)> =
            numbers.map(|number| (began + shop.plan(number).arrives_after, number)).collect();
        arrivals.sort_unstable();
        let (arrivals, next) = (Arc::new(arrivals), Arc::new(AtomicUsize::new(0)));
        let leaving = Arc::new(Leaving::default());
        let mut joiners = JoinSet::new();
        for _ in 0..JOINERS.min(arrivals.len()) {
            let (shop, arrivals, next) = (shop.clone(), arrivals.clone(), next.clone());
            let leaving = leaving.clone();
            joiners.spawn(async move {
                while let Some((at, number)) = arrivals.get(next.fetch_add(1, Ordering::Relaxed)) {
                    sleep_until(*at).await;
                    join(&shop, *number, &leaving).await;
                }
            });
        }
        Self {
            shop: shop.clone(),
            joiners,
            fans: JoinSet::new(),
            leaving,
            first_in: None,
            asked_to_stay: None,
        }
    }

    async fn live(&mut self) -> Ended {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.reap();
            let Some(head) = look(&self.shop).await else { continue };
            self.shop.note_head(head.clone());
            if self.joiners.is_empty() {
                self.shop.all_joined.store(true, Ordering::Relaxed);
            }
            if self.shop.args.draw && !head.phase.has_opened() {
                continue;
            }
            self.shop.follow_draw(&head);
            self.leave_on_purpose();
            let passed = self.shop.line.lock().passed(&head.lanes);
            if !passed.is_empty() {
                self.first_in.get_or_insert_with(Instant::now);
            }
            for fan in passed {
                self.fans.spawn(fan::turn(self.shop.clone(), fan, Instant::now()));
            }
            self.hear_of_stock(&head);
            if let Some(ended) = self.has_ended(&head) {
                return ended;
            }
        }
    }

    /// Takes note of those who are done.
    fn reap(&mut self) {
        for set in [&mut self.joiners, &mut self.fans] {
            while let Some(done) = set.try_join_next() {
                if let Err(error) = done {
                    self.shop.refused("bot-failed", Step::Look, false, false);
                    tracing::error!(%error, "a bot failed");
                }
            }
        }
    }

    fn has_ended(&self, head: &HeadDocument) -> Option<Ended> {
        let limit = self.shop.args.ends_after.map(Duration::from_secs);
        if self.shop.is_hopeless() {
            return Some(Ended::All);
        }
        if limit.zip(self.first_in).is_some_and(|(limit, first)| first.elapsed() >= limit) {
            return Some(Ended::All);
        }
        if !self.joiners.is_empty() || !self.fans.is_empty() {
            return None;
        }
        // Whoever still stays for returns does so in vain: nobody inside has anything.
        let in_vain = is_sold_out(head);
        (in_vain || self.shop.line.lock().is_empty()).then_some(Ended::All)
    }

    /// Those whose moment to leave the line has come.
    fn leave_on_purpose(&mut self) {
        let now = Instant::now();
        let mut leaving = self.leaving.lock();
        while let Some(Reverse((at, lane, offset))) = leaving.peek().copied() {
            if at > now {
                return;
            }
            leaving.pop();
            let (lane, offset) = self.shop.turn(lane, offset);
            if let Some(fan) = self.shop.line.lock().leave(lane, offset) {
                self.fans.spawn(fan::leave_line(self.shop.clone(), vec![fan]));
            }
        }
    }

    /// All who wait are asked once whether they stay, and then only those who joined since.
    fn hear_of_stock(&mut self, head: &HeadDocument) {
        let joined = self.shop.tally.counts().joined;
        let before = self.asked_to_stay.take();
        if is_sold_out(head) {
            if before != Some(joined) {
                self.leave_sold_out();
            }
            self.asked_to_stay = Some(joined);
        }
    }

    /// Those who do not stay when they are told that it is sold out. Half of them say so; the
    /// others close the page.
    fn leave_sold_out(&mut self) {
        let stays = |number| self.shop.plan(number).stays;
        let left = self.shop.line.lock().leave_unless(stays);
        let gone = left.len() as u64;
        self.shop.tally.count(|counts| counts.sold_out_in_line += gone);
        let mut told: Vec<Vec<Waiting>> = (0..LEAVERS).map(|_| Vec::new()).collect();
        for (index, fan) in left.into_iter().filter(|fan| fan.number % 2 == 0).enumerate() {
            told[index % LEAVERS].push(fan);
        }
        for fans in told.into_iter().filter(|fans| !fans.is_empty()) {
            self.fans.spawn(fan::leave_line(self.shop.clone(), fans));
        }
    }
}

/// Everybody's look at the line.
async fn look(shop: &Shop) -> Option<HeadDocument> {
    let path = format!("/v1/rooms/{}/head", shop.sale.room);
    match shop.api.call::<HeadDocument>(&Call::get(&path, OBSERVER)).await {
        Ok(answer) => {
            shop.tally.took(Step::Look, answer.time);
            Some(answer.body)
        }
        // The next look comes in a second: a page says so, and keeps trying.
        Err(fault) => {
            shop.refused(&fault.kind, Step::Look, fault.passes, false);
            None
        }
    }
}

async fn join(shop: &Arc<Shop>, number: u32, leaving: &Leaving) {
    let plan: Plan = shop.plan(number);
    let fan = match fan::join(shop, &plan).await {
        Ok(fan) => fan,
        Err(fault) => return shop.refused(&fault.kind, Step::Join, false, false),
    };
    if plan.leaves == Some(Leaves::TheLine) {
        let after = Duration::from_secs_f64(rand::random_range(LEAVES_AFTER_SECS));
        leaving.lock().push(Reverse((Instant::now() + after, fan.lane, fan.offset)));
    }
    if number.is_multiple_of((shop.args.fans / WATCHED_MAX).max(1)) {
        tokio::spawn(watch::watch(shop.clone(), fan.clone()));
    }
    shop.line.lock().join(fan);
}
