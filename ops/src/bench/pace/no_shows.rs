//! What no-shows cost: a checkout that stays full, with fans of whom so many never come, beside the
//! sessions that its cap takes, each as long as they were.

use super::trial::{Trial, run};
use crate::{
    bench::{report::Row, server::Served, setup::Bench},
    print_status,
};

const SHARES: [f64; 3] = [0.0, 0.3, 0.9];
/// So few, for so long, that the cap is what limits, far below what the machine can do; and so
/// long that the second in which a fan hears of the turn is little of it.
const MAX_ACTIVE: i32 = 600;
/// Fans look at three pages.
const THINKS_SECS: f64 = 6.0;
/// Sessions that such a cap takes per second at most.
const OPENED_PER_SEC_MAX: f64 = 600.0 / (3.0 * 6.0);
const SECS: u64 = 100;

pub async fn rows(bench: &Bench, server: &Served) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for share in SHARES {
        let let_in_per_sec = OPENED_PER_SEC_MAX / (1.0 - share);
        let trial = Trial {
            rate_per_sec: let_in_per_sec * 2.0,
            fixed: false,
            absent: share,
            thinks_secs: THINKS_SECS,
            max_active: Some(MAX_ACTIVE),
            order_target_ms: 5000,
            secs: SECS,
            fans: (let_in_per_sec * SECS as f64 * 1.2) as u32,
        };
        let outcome = run(bench, server, trial).await?;
        let takes_per_sec = takes_per_sec(MAX_ACTIVE, outcome.session_secs);
        print_status(&format!(
            "bench: {:.0} % never come: {:.1}/s let in, {:.1}/s came of {takes_per_sec:.1}/s{}",
            share * 100.0,
            outcome.let_in_per_sec,
            outcome.opened_per_sec,
            outcome.told_faults()
        ));
        let name = format!("sessions with {:.0} % no-shows", share * 100.0);
        let row = Row::new(name, "/s", vec![outcome.opened_per_sec])
            .against("cap ÷ mean session", vec![takes_per_sec]);
        rows.push(row.aim("0.95").faults(outcome.faults));
    }
    Ok(rows)
}

/// Sessions per second that a cap takes when it is always full; 0 where none ended.
fn takes_per_sec(max_active: i32, session_secs: f64) -> f64 {
    if session_secs > 0.0 { f64::from(max_active) / session_secs } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_cap_takes_as_many_as_leave() {
        assert_eq!([2.0, 0.0].map(|secs| takes_per_sec(40, secs)), [20.0, 0.0]);
    }
}
