//! How many of those who were let in will still come, from how long after their turn others came.
//!
//! The time since a fan's turn is cut into [`AGES`] ages. Of each is counted how many came in it,
//! and how much time fans spent in it without having come (as Kaplan and Meier do, by the piece):
//! those whose window still runs count as what they are, undecided. Old counts fade, so that a
//! crowd that changes is followed.

/// How many ages there are.
pub const AGES: usize = 8;
/// Where each age but the last ends, in milliseconds of the door clock. Most come at once, so that
/// the first are short: of a long one, nobody knows who is at its beginning.
pub const AGE_ENDS_MS: [i64; AGES - 1] = [500, 1_000, 2_000, 5_000, 15_000, 30_000, 60_000];

/// Before anything was seen: of those who did not come before, so many come at each age. Hardly
/// anybody at once: a fan looks once a second or so whose turn it is.
const PRIOR: [f64; AGES] = [0.05, 0.2, 0.47, 0.3, 0.2, 0.1, 0.1, 0.05];
/// The prior counts as much as so many fans who were seen.
const PRIOR_FANS: f64 = 20.0;
/// So many fans must have come, or not come, before the prior is doubted as a whole.
const AGAINST_FANS: f64 = 5.0;
/// What was seen counts half after so long.
const HALF_LIFE_MS: f64 = 120_000.0;
/// Whoever was let in less than so long ago, or comes within so long, is kept a ticket of those
/// that are free.
const SOON_MS: f64 = 5_000.0;
/// Counters are looked at more often than this while anybody is awaited.
const LOOK_MS_MAX: i64 = 1_000;

/// How many came at each age since the gate began, and who has not come at the moment, by age.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GrantCounts {
    pub came: [i64; AGES],
    pub unclaimed: [i64; AGES],
}

/// The chance of coming, by age, as seen lately.
#[derive(Debug, Clone, Default)]
pub struct Shows {
    last: Option<(i64, GrantCounts)>,
    came: [f64; AGES],
    /// How many milliseconds fans were of each age, all together.
    waited_ms: [f64; AGES],
}

/// How long each age lasts; the last one ends when few are left.
fn width_ms(age: usize) -> f64 {
    let begins_ms = age.checked_sub(1).map_or(0, |before| AGE_ENDS_MS[before]);
    let ends_ms = AGE_ENDS_MS.get(age).copied().unwrap_or(2 * begins_ms);
    (ends_ms - begins_ms) as f64
}

/// The share of those of an age who come in a millisecond, by the prior.
fn prior_per_ms(age: usize) -> f64 {
    -(1.0 - PRIOR[age]).ln() / width_ms(age)
}

/// How much of what was seen still counts after a time.
fn fading(after_ms: i64, half_life_ms: f64) -> f64 {
    0.5f64.powf(after_ms.max(0) as f64 / half_life_ms)
}

impl Shows {
    /// Takes in a gate's counters, by the door clock. After `anew`, the gate's counters began
    /// again.
    pub fn observe(&mut self, counts: &GrantCounts, now_ms: i64, anew: bool) {
        if let Some((at_ms, last)) = self.last.filter(|_| !anew) {
            let fading = fading(now_ms - at_ms, HALF_LIFE_MS);
            // Who was where while nobody looked is not known.
            let waited_ms = (now_ms - at_ms).clamp(0, LOOK_MS_MAX) as f64;
            for age in 0..AGES {
                let came = (counts.came[age] - last.came[age]).max(0);
                self.came[age] = self.came[age] * fading + came as f64;
                self.waited_ms[age] =
                    self.waited_ms[age] * fading + last.unclaimed[age] as f64 * waited_ms;
            }
        }
        self.last = Some((now_ms, *counts));
    }

    /// How many came in all, as a multiple of those whom the prior would have expected: a crowd
    /// that comes less at the ages that were seen will come less at the others.
    fn against_prior(&self) -> f64 {
        let expected = (0..AGES).map(|age| self.waited_ms[age] * prior_per_ms(age)).sum::<f64>();
        (self.came.iter().sum::<f64>() + AGAINST_FANS) / (expected + AGAINST_FANS)
    }

    /// Of those who reach an age without having come, the share that comes at it.
    fn hazard(&self, age: usize) -> f64 {
        let prior_per_ms = prior_per_ms(age) * self.against_prior();
        let prior_came = PRIOR_FANS * PRIOR[age];
        let per_ms =
            (self.came[age] + prior_came) / (self.waited_ms[age] + prior_came / prior_per_ms);
        1.0 - (-per_ms * width_ms(age)).exp()
    }

    /// The chance that a fan of each age, who did not come yet, still comes. Those of an age are
    /// spread over it, so that half of it is behind them; but the youngest were let in just now.
    pub fn chances(&self) -> [f64; AGES] {
        let mut stays_away_after = 1.0;
        let mut chances = [0.0; AGES];
        for age in (0..AGES).rev() {
            let stays_away = 1.0 - self.hazard(age);
            let still: f64 = if age == 0 { stays_away } else { stays_away.sqrt() };
            chances[age] = 1.0 - stays_away_after * still;
            stays_away_after *= stays_away;
        }
        chances
    }

    /// The chance that a fan of each age comes; of those who were let in longer ago, that they come
    /// within the next seconds. So many tickets are kept free for them: what is free now waits for
    /// nobody who stayed away and may come in a minute.
    pub fn soon(&self) -> [f64; AGES] {
        let mut stays_away = self.chances().map(|chance| 1.0 - chance);
        let young = AGE_ENDS_MS.iter().filter(|end_ms| **end_ms as f64 <= SOON_MS).count();
        for (age, stays_away) in stays_away.iter_mut().enumerate().skip(young) {
            *stays_away = 1.0;
            let mut left_ms = SOON_MS;
            for at in age..AGES {
                let here_ms = width_ms(at).min(left_ms);
                *stays_away *= (1.0 - self.hazard(at)).powf(here_ms / width_ms(at));
                left_ms -= here_ms;
            }
        }
        stays_away.map(|stays_away| 1.0 - stays_away)
    }

    /// How long those who come take to, in milliseconds, on average.
    pub fn takes_ms(&self) -> f64 {
        let came = |age: usize| self.came[age] + PRIOR[age];
        let middle_ms = |age: usize| {
            AGE_ENDS_MS[..age].last().copied().unwrap_or(0) as f64 + width_ms(age) / 2.0
        };
        let all: f64 = (0..AGES).map(came).sum();
        (0..AGES).map(|age| came(age) * middle_ms(age)).sum::<f64>() / all
    }

    /// The share of those let in who come.
    pub fn show_share(&self) -> f64 {
        self.chances()[0]
    }
}

/// How many of those inside leave while one comes, lately: what those who are on their way need not
/// wait for.
#[derive(Debug, Clone, Default)]
pub struct Turnover {
    last: Option<(i64, i64, i64)>,
    came: f64,
    left: f64,
    /// Over how long that was, in milliseconds.
    watched_ms: f64,
}

/// What was seen of comings and goings counts half after so long.
const TURNOVER_HALF_LIFE_MS: f64 = 3_000.0;
/// So much of the turnover is counted on; the rest is for chance.
const TURNOVER_TRUST: f64 = 0.9;
/// Some take longer to come than others: so many times those who leave in the mean time do until
/// the last of them is there.
const TURNOVER_ROOM: f64 = 1.3;
/// As much as so many comings speak against it: of a few, the next one may stay long.
const TURNOVER_DOUBT: f64 = 15.0;

impl Turnover {
    /// Takes in how many sessions were opened since the gate began, and how many are open.
    pub fn observe(&mut self, opened: i64, active: i64, now_ms: i64, anew: bool) {
        if let Some((opened_before, active_before, at_ms)) = self.last.filter(|_| !anew) {
            let fading = fading(now_ms - at_ms, TURNOVER_HALF_LIFE_MS);
            let came = opened - opened_before;
            let left = (came - (active - active_before)).max(0);
            self.came = self.came * fading + came.max(0) as f64;
            self.left = self.left * fading + left as f64;
            self.watched_ms = self.watched_ms * fading + (now_ms - at_ms).max(0) as f64;
        }
        self.last = Some((opened, active, now_ms));
    }

    /// The share, from 0 to below 1, of those on their way who will find that another has left.
    pub fn share(&self) -> f64 {
        TURNOVER_TRUST * (self.left / (self.came + TURNOVER_DOUBT)).min(1.0)
    }

    /// How many will have left by the time that one who was let in now has come, who takes so long.
    /// No more than those find a place in the place of another, however many are on their way.
    pub fn leavers(&self, takes_ms: f64) -> f64 {
        let left_per_ms = self.left / self.watched_ms.max(TURNOVER_HALF_LIFE_MS);
        TURNOVER_ROOM * left_per_ms * takes_ms
    }
}

#[cfg(test)]
mod tests;
