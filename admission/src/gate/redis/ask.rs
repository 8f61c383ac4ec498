//! A controller's question to the gate, and its answer.

use redis::RedisResult;

use super::{Gate, OVERTAKING_MS_MAX};
use crate::{
    gate::{
        GateSettings, grant_lasts_ms,
        no_show::{AGES, GrantCounts},
        stock_limit::StockLimit,
    },
    lane::merge::{Candidate, Front},
    pace::PaceMode,
};

/// So late may whoever is due be asked for, and no time is lost. At a fan or two a second, half a
/// second's worth leaves no room for that.
const LATE_SECS: f64 = 0.25;
/// How much of a second's rate may be let in at once after a pause. Small, so that any minute stays
/// within 1 % of the rate.
const BURST_SECS: f64 = 0.5;
/// So many times the cap may be let in without having come, whatever was seen of no-shows. Where
/// nine in ten stay away for three minutes, it takes some fifty times the cap to fill checkout.
const UNCLAIMED_PER_ACTIVE: i64 = 100;
/// Chance is allowed for with so many standard deviations of those who will come.
const CAUTION: f64 = 1.25;
/// A lane of which nothing was heard for so long is not known.
const STALE_MS: i64 = 1000;

/// What a controller asks with.
pub(crate) struct Ask<'a> {
    pub settings: &'a GateSettings,
    /// The epoch in which the caller has put back its grants.
    pub epoch: &'a str,
    /// The latest door clock that the caller knows of.
    pub door_ms: i64,
    pub door_open: bool,
    /// Whether anybody may be let in: the door lets in, and what is left was heard of, or not
    /// waited for any more.
    pub grants: bool,
    /// The chance of coming, by age.
    pub chances: [f64; AGES],
    /// The chance of coming soon, by age.
    pub soon: [f64; AGES],
    /// The share of those on their way who will find that another has left.
    pub turnover: f64,
    /// How many will have left by the time that one who is let in now has come.
    pub leavers: f64,
    pub stock: Option<StockLimit>,
    pub pace: Option<NewPace>,
    /// Whether other controllers have lanes of the room: nobody passes their fronts then.
    pub is_shared: bool,
    /// Of all lanes where they are shared; otherwise of the candidates', and where heads were
    /// published since that was told.
    pub fronts: &'a [Front],
    pub candidates: &'a [Candidate],
}

/// A pace to be set, unless another controller was faster.
pub(crate) struct NewPace {
    /// The version it was made from.
    pub after: String,
    pub per_sec: f64,
    /// How it came to be, for all controllers.
    pub state: String,
}

/// What the gate answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    /// The heads pass so many of the candidates, from the first.
    pub passed: usize,
    /// So many of those were granted.
    pub granted: usize,
    /// Which of the passed, from 0, had left: nothing was granted to them.
    pub left: Vec<usize>,
    /// Changes when the gate begins anew.
    pub epoch: String,
    /// Whether the gate knows who is inside.
    pub ready: bool,
    /// Whether the gate counts on what the caller told of its lanes.
    pub known: bool,
    pub active: i64,
    pub unclaimed: i64,
    /// How many of the unclaimed will still come.
    pub expected: f64,
    pub door_ms: i64,
    pub opened_total: i64,
    /// Places that heads passed over because their fans had left, since the gate began.
    pub left_total: i64,
    pub counts: GrantCounts,
    /// Lanes of other controllers of which too little is known.
    pub unknown_lanes: i64,
    /// The pace's version and how it came to be.
    pub paced: String,
    pub pacing: String,
    pub stopped: Stopped,
    /// In how many milliseconds the next may come by the pace.
    pub next_ms: i64,
}

/// How long ago, in milliseconds, a controller's asking was ended by each of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub pace: Option<i64>,
    pub cap: Option<i64>,
    pub stock: Option<i64>,
    pub lanes: Option<i64>,
}

type Raw = (usize, usize, Vec<usize>, String, String, String, String, Vec<i64>);

impl Gate {
    /// Asks how many of the candidates may come in now, and reports the fronts of the caller's
    /// lanes.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> RedisResult<Answer> {
        let settings = ask.settings;
        let room: &str = &settings.room;
        let mut call = self.ask.prepare_invoke();
        for key in self.keys(room) {
            call.key(key);
        }
        for front in ask.fronts {
            call.key(self.left_key(room, front.lane));
        }
        let follows = settings.pacing.mode == PaceMode::Follow;
        call.arg(self.seen.of(room)).arg(ask.epoch).arg(ask.door_ms).arg(i64::from(ask.door_open));
        call.arg(i64::from(ask.grants));
        call.arg(settings.rate_per_sec).arg(i64::from(follows)).arg(BURST_SECS).arg(LATE_SECS);
        call.arg(settings.max_active)
            .arg(i64::from(settings.max_active) * UNCLAIMED_PER_ACTIVE)
            .arg(ask.turnover)
            .arg(ask.leavers)
            .arg(CAUTION);
        call.arg(ask.stock.map_or(-1, |stock| stock.servable))
            .arg(ask.stock.map_or(0, |stock| stock.served));
        call.arg(grant_lasts_ms(settings.claim_window_secs))
            .arg(OVERTAKING_MS_MAX)
            .arg(STALE_MS)
            .arg(if ask.is_shared { settings.lanes } else { 0 });
        for chance in ask.chances.into_iter().chain(ask.soon) {
            call.arg(chance);
        }
        match &ask.pace {
            Some(pace) => call.arg(&pace.after).arg(pace.per_sec).arg(&pace.state),
            None => call.arg("-").arg(0).arg(""),
        };
        call.arg(ask.fronts.len());
        for front in ask.fronts {
            call.arg(front.lane)
                .arg(front.at_least_ms)
                .arg(i64::from(front.is_empty))
                .arg(front.published);
        }
        for candidate in ask.candidates {
            call.arg(candidate.lane).arg(candidate.record.offset).arg(candidate.record.joined_ms);
        }
        let raw: Raw = call.invoke_async(&mut self.redis.connection()).await?;
        let (answer, sequence) = Answer::parse(raw);
        self.seen.note(room, sequence);
        Ok(answer)
    }
}

impl Answer {
    /// An answer, and the gate's sequence.
    fn parse((passed, granted, left, epoch, paced, pacing, expected, numbers): Raw) -> (Self, i64) {
        let number = |index: usize| numbers.get(index).copied().unwrap_or_default();
        let ages = |from: usize| std::array::from_fn(|age| number(from + age));
        let ago = |index| Some(number(index)).filter(|ms| *ms >= 0);
        let answer = Self {
            passed,
            granted,
            left,
            epoch,
            ready: number(0) == 1,
            known: number(1) == 1,
            active: number(2),
            unclaimed: number(3),
            expected: expected.parse().unwrap_or_default(),
            door_ms: number(4),
            unknown_lanes: number(6),
            opened_total: number(7),
            left_total: number(12 + 2 * AGES),
            next_ms: number(13 + 2 * AGES),
            counts: GrantCounts { unclaimed: ages(12), came: ages(12 + AGES) },
            paced,
            pacing,
            stopped: Stopped { pace: ago(8), cap: ago(9), stock: ago(10), lanes: ago(11) },
        };
        (answer, number(5))
    }
}
