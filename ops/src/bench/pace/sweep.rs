//! The best fixed rate that keeps orders under the target, and the pace that following finds.

use super::trial::{Outcome, Trial, run};
use crate::{
    bench::{report::Row, server::Served, setup::Bench},
    print_status,
    rush::plan::THINKS_SECS,
};

const ORDER_TARGET_MS: i32 = 1000;
const SLOWEST_PER_SEC: f64 = 25.0;
/// From one rate to the next, until one is too fast; then between the last two.
const STEP: f64 = 1.5;
const RATES_MAX: usize = 9;
const BETWEEN: usize = 2;
const FIXED_SECS: u64 = 16;
/// The pace that follows starts carefully and needs time to find its place.
const FOLLOWING_SECS: u64 = 60;
/// What a line that is let in at a fixed rate must reach of it.
const KEPT: f64 = 0.95;

pub async fn rows(bench: &Bench, server: &Served) -> anyhow::Result<Vec<Row>> {
    let mut search = Search::default();
    while let Some(rate_per_sec) = search.next() {
        let outcome = run(bench, server, fixed(rate_per_sec)).await?;
        print_status(&format!("bench: at {rate_per_sec:.0}/s {}", told(&outcome)));
        search.note(rate_per_sec, &outcome);
    }
    let best = search.best;
    let most = (best * 4.0).max(SLOWEST_PER_SEC);
    let following = Trial {
        rate_per_sec: most,
        fixed: false,
        secs: FOLLOWING_SECS,
        fans: fans(best * 1.5, FOLLOWING_SECS),
        ..fixed(most)
    };
    let (mut settled, mut faults) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds.min(ROUNDS_MAX) {
        let outcome = run(bench, server, following).await?;
        print_status(&format!("bench: following, at most {most:.0}/s: {}", told(&outcome)));
        faults.extend(outcome.faults.iter().cloned());
        settled.push(outcome);
    }
    let of = |value: fn(&Outcome) -> f64| settled.iter().map(value).collect::<Vec<_>>();
    Ok(vec![
        Row::new("pace that follows checkout", "/s", of(|outcome| outcome.let_in_per_sec))
            .against(format!("best fixed rate, order p99 ≤ {ORDER_TARGET_MS} ms"), vec![best])
            .aim("0.9")
            .faults(faults),
        Row::new("order p99 meanwhile", "ms", of(|outcome| outcome.order_p99_ms))
            .against("the target", vec![f64::from(ORDER_TARGET_MS)])
            .aim("≤ 1"),
    ])
}

/// A following trial lasts a minute; more of them would not say more.
const ROUNDS_MAX: usize = 2;

fn fixed(rate_per_sec: f64) -> Trial {
    Trial {
        rate_per_sec,
        fixed: true,
        absent: 0.0,
        thinks_secs: THINKS_SECS,
        max_active: None,
        order_target_ms: ORDER_TARGET_MS,
        secs: FIXED_SECS,
        fans: fans(rate_per_sec, FIXED_SECS),
    }
}

/// As many as come in at that rate, and as many again as half of them.
fn fans(rate_per_sec: f64, secs: u64) -> u32 {
    (rate_per_sec * secs as f64 * 1.5) as u32
}

fn told(outcome: &Outcome) -> String {
    format!(
        "{:.1}/s let in, {:.1}/s came, order p99 {:.0} ms{}",
        outcome.let_in_per_sec,
        outcome.opened_per_sec,
        outcome.order_p99_ms,
        outcome.told_faults()
    )
}

/// Which rate is tried next. Pure.
#[derive(Debug, Default)]
struct Search {
    tried: usize,
    between: usize,
    /// The highest pace that kept the target.
    best: f64,
    good: Option<f64>,
    bad: Option<f64>,
}

impl Search {
    fn next(&self) -> Option<f64> {
        match (self.good, self.bad) {
            (Some(good), Some(bad)) if self.between < BETWEEN => Some((good * bad).sqrt()),
            (Some(good), None) if self.tried < RATES_MAX => Some(good * STEP),
            (None, None) => Some(SLOWEST_PER_SEC),
            (None, Some(bad)) if self.tried < BETWEEN => Some(bad / STEP / STEP),
            _ => None,
        }
    }

    fn note(&mut self, rate_per_sec: f64, outcome: &Outcome) {
        self.tried += 1;
        if self.good.is_some() && self.bad.is_some() {
            self.between += 1;
        }
        let kept = outcome.order_p99_ms <= f64::from(ORDER_TARGET_MS)
            && outcome.opened_per_sec >= rate_per_sec * KEPT;
        if kept {
            self.good = Some(rate_per_sec);
            self.best = self.best.max(outcome.let_in_per_sec);
        } else {
            self.bad = Some(rate_per_sec);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout that takes so many a second.
    fn search(takes_per_sec: f64) -> Search {
        let mut search = Search::default();
        while let Some(rate) = search.next() {
            let order_p99_ms = if rate <= takes_per_sec { 80.0 } else { 4000.0 };
            let pace = rate.min(takes_per_sec);
            let outcome = Outcome {
                let_in_per_sec: pace,
                opened_per_sec: pace,
                session_secs: 2.0,
                order_p99_ms,
                faults: Vec::new(),
            };
            search.note(rate, &outcome);
        }
        search
    }

    #[test]
    fn the_best_rate_is_found_within_a_tenth_and_in_few_trials() {
        for takes in [40.0, 100.0, 180.0, 400.0] {
            let found = search(takes);
            assert!(found.best <= takes && found.best > takes * 0.88, "{takes}: {found:?}");
            assert!(found.tried <= RATES_MAX + BETWEEN, "{found:?}");
        }
    }

    #[test]
    fn a_checkout_that_takes_nobody_ends_the_search() {
        assert_eq!(search(0.5).best, 0.0);
    }
}
