//! One trial: a rush for some seconds, of which the later half counts.

use crate::{
    bench::{server::Served, setup::Bench},
    rush::{RushArgs, Shares, api},
};

/// What is tried.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    pub rate_per_sec: f64,
    /// Let in at just that rate, or at most.
    pub fixed: bool,
    /// The share of fans who never come.
    pub absent: f64,
    /// How long fans look at a page on average, in seconds.
    pub thinks_secs: f64,
    /// Sessions at once; many where `None`.
    pub max_active: Option<i32>,
    pub order_target_ms: i32,
    pub secs: u64,
    /// Enough that the line does not run dry.
    pub fans: u32,
}

/// What it came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Fans let in per second, over the later half.
    pub let_in_per_sec: f64,
    /// Sessions opened per second, over the later half.
    pub opened_per_sec: f64,
    /// How long a session lasted on average, over the later half; 0 where none ended.
    pub session_secs: f64,
    /// The slowest of a hundred orders, over the later half; of all, where those are few; infinite
    /// where none was answered.
    pub order_p99_ms: f64,
    /// What must not have happened, as the rush tells it.
    pub faults: Vec<String>,
}

impl Outcome {
    /// What must not have happened, to be put behind what was measured.
    pub fn told_faults(&self) -> String {
        if self.faults.is_empty() { String::new() } else { format!("; {}", self.faults.join("; ")) }
    }
}

/// Everybody who could be inside when a second's worth of them stays for a minute.
const CAP_SECS: f64 = 60.0;
/// Fans at once is a storm of joins; this spreads it a little.
const ARRIVE_SECS: f64 = 2.0;

pub async fn run(bench: &Bench, server: &Served, trial: Trial) -> anyhow::Result<Outcome> {
    let args = RushArgs {
        url: None,
        fans: trial.fans,
        // More than all of them want.
        tickets: i32::try_from(trial.fans)? * 5,
        rate: trial.rate_per_sec,
        fixed: trial.fixed,
        draw: false,
        entropy_after: None,
        order_target: Some(trial.order_target_ms),
        shares: Shares { absent: trial.absent, ..Shares::NONE },
        max_active: trial
            .max_active
            .or(Some(((trial.rate_per_sec * CAP_SECS) as i32).clamp(100, 100_000))),
        claim_window: 20,
        lanes: 4,
        arrive: ARRIVE_SECS,
        overtaking_max: Some(crate::verify::line::OVERTAKING_MS_BOUND),
        struck: None,
        thinks: trial.thinks_secs,
        seed: Some(1),
        json: false,
        timeout: trial.secs * 3 + 120,
        ends_after: Some(trial.secs),
    };
    let url = format!("http://{}", server.address);
    let api = api::Api::new(api::target(Some(&url))?)?;
    let summary = crate::rush::rehearse(&bench.env.stores, &args, api).await?;
    // A rate that is hopeless ends its trial before there is a later half.
    let (later, latency) = (summary.later, summary.latency_ms);
    let settled_p99 = latency.order_settled_p99.map(|ms| ms as f64);
    Ok(Outcome {
        let_in_per_sec: later.let_in_per_sec.unwrap_or_default(),
        opened_per_sec: later.opened_per_sec.unwrap_or_default(),
        session_secs: later.session_secs.unwrap_or_default(),
        order_p99_ms: settled_p99.or(latency.order.p99).unwrap_or(f64::INFINITY),
        faults: summary.faults,
    })
}
