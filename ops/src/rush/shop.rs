//! What all fans of a rush share.

use std::{
    sync::{OnceLock, atomic::AtomicBool},
    time::Duration,
};

use admission::contract::{Cohort, Draw, PlaceId};
use chrono::Utc;
use parking_lot::Mutex;
use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};
use waitroom::contract::HeadDocument;

use super::{
    api::{Api, Call, Fault, Page, TOTAL},
    args::{RushArgs, Struck},
    attempts::Attempts,
    head::History,
    line::Line,
    plan::{self, Plan},
    refusal::{Refusal, Step},
    sale::Sale,
    tally::Tally,
};
use crate::verify::{line::Joined, snapshot};

/// Fans who stay in checkout after they were told that nothing is left, for what may come back.
/// Few: everybody who stays takes a slot.
const PATIENT_MAX: usize = 20;
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What ended a fan's way before its time.
#[derive(Debug)]
pub struct Setback {
    pub fault: Fault,
    pub step: Step,
    /// Whether the time of the fan's own hold, order or session was over.
    pub own_time_over: bool,
}

impl Setback {
    /// For `map_err`.
    pub fn at(step: Step) -> impl FnOnce(Fault) -> Self {
        move |fault| Self { fault, step, own_time_over: false }
    }
}

/// What all fans share.
pub struct Shop {
    pub api: Api,
    pub sale: Sale,
    pub args: RushArgs,
    pub seed: u64,
    pub tally: Tally,
    pub deadline: Instant,
    pub patience: Semaphore,
    pub line: Mutex<Line>,
    pub history: Mutex<History>,
    /// Once it was made.
    draw: OnceLock<Draw>,
    /// Everybody who was to come has joined.
    pub all_joined: AtomicBool,
}

impl Shop {
    pub fn new(api: Api, sale: Sale, args: RushArgs, seed: u64) -> Self {
        Self {
            api,
            sale,
            deadline: Instant::now() + Duration::from_secs(args.timeout),
            args,
            seed,
            tally: Tally::new(),
            patience: Semaphore::new(PATIENT_MAX),
            line: Mutex::default(),
            history: Mutex::default(),
            draw: OnceLock::new(),
            all_joined: AtomicBool::new(false),
        }
    }

    /// Takes in the draw, once the head document tells of it.
    pub fn follow_draw(&self, head: &HeadDocument) {
        let Some(body) = head.draw.as_ref().filter(|_| self.draw.get().is_none()) else { return };
        let (Some(ends), Some(entropy), Some(seed)) = (&body.ends, &body.entropy, &body.seed)
        else {
            return;
        };
        let cohort = Cohort::new(ends.clone());
        let draw = cohort.ok().and_then(|it| Draw::new(&head.room, it, seed, entropy).ok());
        if let Some(draw) = draw {
            let _ = self.draw.set(draw);
            self.line.lock().turn_by(|lane, offset| self.turn(lane, offset));
        }
    }

    /// When the place at `offset` of `lane` is served: lane and turn.
    pub fn turn(&self, lane: i32, offset: i64) -> (i32, i64) {
        let place = PlaceId { room: self.sale.room.clone(), lane, offset };
        let turn = self.draw.get().map_or_else(|| place.clone(), |draw| draw.turn_of(&place));
        (turn.lane, turn.offset)
    }

    /// When each turn's fan joined, by when those of each place did.
    pub fn turns(&self, joined: Joined) -> Joined {
        snapshot::turns(joined, self.draw.get().map(Draw::cohort))
    }

    /// When the draw was made, in milliseconds since 1970; 0 where none was.
    pub fn drawn_ms(&self) -> i64 {
        let history = self.history.lock();
        let made = history.last().and_then(|known| known.head.draw.as_ref()?.drawn_at);
        made.map_or(0, |at| at.timestamp_millis())
    }

    /// What fan `number` does. Those beyond the ones asked for come late, for what came back.
    pub fn plan(&self, number: u32) -> Plan {
        if number >= self.args.fans {
            return Plan::late(self.seed, number);
        }
        let arrive = Duration::from_secs_f64(self.args.arrive);
        let plan = Plan::draw(self.seed, number, &self.args.shares, arrive);
        Plan { thinks: plan.thinks.mul_f64(self.args.thinks / plan::THINKS_SECS), ..plan }
    }

    /// Tickets that no fan has on a paid order yet.
    pub fn left(&self) -> i32 {
        let sold = i32::try_from(self.tally.counts().tickets).unwrap_or(i32::MAX);
        self.sale.tickets.saturating_sub(sold)
    }

    pub fn is_over(&self) -> bool {
        self.left() <= 0 || Instant::now() >= self.deadline
    }

    /// Whether a bench at a fixed rate cannot end well any more: more orders were slower than the
    /// target than one in a hundred of all that it can come to.
    pub fn is_hopeless(&self) -> bool {
        let RushArgs { fixed: true, ends_after: Some(secs), order_target: Some(target), .. } =
            self.args
        else {
            return false;
        };
        let orders_max = self.args.rate * secs as f64;
        self.tally.orders_slower_than(target.into()) as f64 > orders_max / 100.0
    }

    /// What the line was told last.
    pub fn head(&self) -> Option<HeadDocument> {
        self.history.lock().last().map(|known| known.head.clone())
    }

    pub fn note_head(&self, head: HeadDocument) {
        self.history.lock().note(Utc::now().timestamp_millis(), head);
    }

    pub fn set_back(&self, setback: &Setback) {
        self.refused(&setback.fault.kind, setback.step, false, setback.own_time_over);
    }

    /// Counts an answer that was not what the fan hoped for.
    pub fn refused(&self, kind: &str, step: Step, mended: bool, own_time_over: bool) {
        let struck = self.args.struck;
        self.tally.refused(&Refusal { kind, step, mended, struck, own_time_over });
    }

    /// Makes a call until it is answered for good. What passes by itself is waited out, as the
    /// server asks or longer from time to time, and counted once it is known whether that helped.
    ///
    /// # Errors
    /// An answer that asking again would not change, or the end of the rush. It is not counted yet.
    pub async fn insist<T: DeserializeOwned>(
        &self,
        step: Step,
        call: &Call<'_>,
    ) -> Result<T, Fault> {
        let (outcome, attempts) = self.until_answered(step, || self.api.send(call)).await;
        match &outcome {
            Ok(_) => self.tally.took(step, attempts.lasted()),
            // Never answered for good: no faster than the slowest that is waited for.
            Err(fault) if fault.passes => self.tally.took(step, attempts.lasted().max(TOTAL)),
            Err(_) => {}
        }
        if step == Step::Redeem {
            self.tally.turned_away(attempts.after("checkout-full"));
        }
        outcome.map(|answer| answer.body)
    }

    /// The same with a page.
    pub async fn insist_on_page(&self, step: Step, call: &Call<'_>) -> Result<Page, Fault> {
        let is_join = step == Step::Join && call.method == Method::POST;
        let (outcome, attempts) = self.until_answered(step, || self.api.page(call)).await;
        // A form has no key: each time its answer was lost, a place may have been left behind.
        let left_behind = if is_join { attempts.answers_lost() } else { 0 };
        self.tally.count(|counts| counts.places_unknown += left_behind);
        outcome
    }

    async fn until_answered<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        step: Step,
        call: impl Fn() -> F,
    ) -> (Result<T, Fault>, Attempts) {
        let mut pause = PAUSE_MIN;
        let mut attempts = Attempts::default();
        let outcome = loop {
            let asked = Instant::now();
            let permit = self.api.turn().await;
            self.tally.queued(asked.elapsed());
            attempts.sent(Instant::now(), asked.elapsed());
            let answer = call().await;
            drop(permit);
            match answer {
                Err(fault) if fault.passes && Instant::now() < self.deadline => {
                    let wait = fault.retry_after.unwrap_or(pause);
                    self.note_away(&fault);
                    attempts.passed(Instant::now(), fault);
                    sleep(wait.mul_f64(rand::random_range(1.0..1.5))).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                outcome => break outcome,
            }
        };
        attempts.answered(Instant::now());
        // An answer that settles the matter, such as "sold out", is one that asking again brought.
        let mended = outcome.as_ref().err().is_none_or(|fault| !fault.passes);
        for kind in attempts.kinds() {
            self.refused(kind, step, mended, false);
        }
        (outcome, attempts)
    }

    /// Takes note that a server was away just now: where Redis is taken away, that is when.
    fn note_away(&self, fault: &Fault) {
        let away = fault.is_lost_answer() || fault.kind == "try-again-soon";
        if away && self.args.struck == Some(Struck::Redis) {
            self.tally.away(Utc::now().timestamp_millis());
        }
    }
}
