//! How hard checkout is pressed: the worst of what it says, as a share of what it may be.

use crate::{
    pace::{HoldBack, Pacing, throughput::Serves},
    signal::{CALLS_MIN, CallSignal, Signals},
};

/// Fewer calls say something when they are so many times too slow.
const CLEARLY: f64 = 1.5;
/// So many of a thousand calls may fail.
const FAILING_PER_MILLE_MAX: f64 = 20.0;

/// What checkout says, put into one number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pressure {
    /// 1 is as much as may be; 2 is twice as slow, or twice as many failures.
    pub share: f64,
    /// What is over its bound.
    pub reasons: Vec<HoldBack>,
    /// What presses most, be it within its bound.
    pub worst: Option<HoldBack>,
    /// What checkout serves, by what it answers; `None` where that is not known.
    pub serves: Option<Serves>,
    /// How many of those let in a second come to order now; `None` where nobody orders here.
    pub ordering_per_sec: Option<f64>,
}

/// How hard checkout is pressed, by the operator's target.
pub fn pressure(signals: &Signals, pacing: &Pacing) -> Pressure {
    let target_ms = f64::from(pacing.order_ms_target.max(1));
    let mut pressure = Pressure::default();
    let order = slowness(signals.order, target_ms);
    pressure.add(order, HoldBack::OrdersSlow { order_ms: signals.order.p99_ms.into() });
    for call in [signals.redeem, signals.hold] {
        let slow = slowness(call, target_ms);
        pressure.add(slow, HoldBack::CheckoutSlow { call_ms: call.p99_ms.into() });
    }
    if let Some(writer) = signals.writer {
        let lag_ms = writer.lag_ms.max(writer.commit_p99_ms);
        pressure
            .add(f64::from(lag_ms) / target_ms, HoldBack::WriterBehind { lag_ms: lag_ms.into() });
    }
    let per_mille = failing_per_mille(signals);
    pressure.add(
        per_mille / FAILING_PER_MILLE_MAX,
        HoldBack::CheckoutFails { per_mille: per_mille as i64 },
    );
    pressure
}

fn slowness(call: CallSignal, target_ms: f64) -> f64 {
    let share = f64::from(call.p99_ms) / target_ms;
    let says_something = call.count >= CALLS_MIN || (call.count > 0 && share >= CLEARLY);
    if says_something { share } else { 0.0 }
}

fn failing_per_mille(signals: &Signals) -> f64 {
    let calls = [signals.redeem, signals.hold, signals.order];
    let count: u32 = calls.iter().map(|call| call.count).sum();
    let failed: u32 = calls.iter().map(|call| call.failed).sum();
    if count < CALLS_MIN { 0.0 } else { f64::from(failed) / f64::from(count) * 1000.0 }
}

impl Pressure {
    fn add(&mut self, share: f64, reason: HoldBack) {
        if share > self.share {
            (self.share, self.worst) = (share, Some(reason));
        }
        let named = |known: &HoldBack| known.name() == reason.name();
        if share > 1.0 && !self.reasons.iter().any(named) {
            self.reasons.push(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::WriterSignal;

    fn call(count: u32, failed: u32, p99_ms: u32) -> CallSignal {
        CallSignal { count, failed, p50_ms: 1, p99_ms }
    }

    #[test]
    fn what_is_over_its_bound_has_a_name() {
        let signals = Signals {
            order: call(40, 0, 1400),
            hold: call(100, 9, 300),
            writer: Some(WriterSignal { lag_ms: 2500, commit_p99_ms: 30 }),
            ..Signals::default()
        };
        let found = pressure(&signals, &Pacing::default());
        let names: Vec<_> = found.reasons.iter().map(HoldBack::name).collect();
        assert_eq!(names, ["orders_slow", "writer_behind", "checkout_fails"]);
        assert!((found.share - 64.2 / 20.0).abs() < 0.1, "{}", found.share);
    }

    #[test]
    fn few_calls_say_something_only_when_they_are_clearly_slow() {
        let of = |count, p99_ms| {
            let signals = Signals { order: call(count, 0, p99_ms), ..Signals::default() };
            pressure(&signals, &Pacing::default()).share
        };
        assert_eq!(of(5, 1200), 0.0);
        assert!(of(5, 1600) > 1.0 && of(20, 1200) > 1.0);
        let failing = Signals { redeem: call(3, 3, 5), ..Signals::default() };
        assert_eq!(pressure(&failing, &Pacing::default()), Pressure::default());
    }
}
