//! How long a wait is likely to be, and how that is said. Pure. `assets/queue.js` follows the same
//! rule.

/// The shortest and the longest likely wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitRange {
    pub low_secs: u64,
    pub high_secs: u64,
}

/// The likely wait behind `ahead` people. `pace_per_sec` is how fast people were let in lately,
/// `None` where that is not known yet; `rate_per_sec` is how fast they may be. Between the two lies
/// the wait, give or take a little. `None` where nobody is being let in: then nothing honest can be
/// said.
pub fn range(ahead: i64, pace_per_sec: Option<f64>, rate_per_sec: f64) -> Option<WaitRange> {
    let pace_per_sec = pace_per_sec.unwrap_or(rate_per_sec);
    let moves = |per_sec: f64| per_sec.is_finite() && per_sec > 0.0;
    if !moves(pace_per_sec) || !moves(rate_per_sec) {
        return None;
    }
    let ahead = ahead.max(0) as f64;
    let low = ahead / pace_per_sec.max(rate_per_sec) * 0.9;
    let high = ahead / pace_per_sec.min(rate_per_sec) * 1.25;
    Some(WaitRange { low_secs: low as u64, high_secs: high.ceil() as u64 })
}

/// The shortest and the longest wait, in seconds, that the queue page tells a fan behind `ahead`
/// people where so many a second are let in. `None` where nobody is: then it tells none.
pub fn wait_secs(ahead: i64, pace_per_sec: f64) -> Option<(u64, u64)> {
    range(ahead, None, pace_per_sec).map(|range| (range.low_secs, range.high_secs))
}

const MINUTE_SECS: u64 = 60;
const HALF_HOUR_SECS: u64 = 30 * MINUTE_SECS;

impl WaitRange {
    /// `less than a minute`, `about 12 to 18 minutes`, `about 2 to 3½ hours`. The further away, the
    /// coarser.
    pub fn words(self) -> String {
        if self.high_secs < 45 {
            return "less than a minute".to_owned();
        }
        if self.high_secs >= 2 * 60 * MINUTE_SECS {
            let (low, high) = self.in_steps_of(HALF_HOUR_SECS);
            return about(
                &half_hours(low),
                &half_hours(high),
                if high > 2 { "hours" } else { "hour" },
            );
        }
        let step = if self.high_secs > 20 * MINUTE_SECS { 5 } else { 1 };
        let (low, high) = self.in_steps_of(step * MINUTE_SECS);
        let (low, high) = (low * step, high * step);
        about(&low.to_string(), &high.to_string(), if high > 1 { "minutes" } else { "minute" })
    }

    /// The range widened to whole steps, from one step up.
    fn in_steps_of(self, secs: u64) -> (u64, u64) {
        ((self.low_secs / secs).max(1), self.high_secs.div_ceil(secs).max(1))
    }
}

fn about(low: &str, high: &str, unit: &str) -> String {
    if low == high {
        format!("about {low} {unit}")
    } else {
        format!("about {low} to {high} {unit}")
    }
}

/// 3 is `1½`.
fn half_hours(count: u64) -> String {
    match (count / 2, count % 2) {
        (0, _) => "½".to_owned(),
        (whole, 0) => whole.to_string(),
        (whole, _) => format!("{whole}½"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(low_secs: u64, high_secs: u64) -> String {
        WaitRange { low_secs, high_secs }.words()
    }

    #[test]
    fn waits_are_said_the_way_people_say_them() {
        assert_eq!(words(0, 0), "less than a minute");
        assert_eq!(words(30, 44), "less than a minute");
        assert_eq!(words(30, 50), "about 1 minute");
        assert_eq!(words(125, 230), "about 2 to 4 minutes");
        assert_eq!(words(12 * 60, 18 * 60), "about 12 to 18 minutes");
        assert_eq!(words(33 * 60, 48 * 60), "about 30 to 50 minutes");
        assert_eq!(words(100 * 60, 140 * 60), "about 1½ to 2½ hours");
        assert_eq!(words(20 * 60, 3 * 3600), "about ½ to 3 hours");
    }

    #[test]
    fn where_nobody_is_let_in_nothing_is_said() {
        assert_eq!(range(10, Some(0.0), 5.0), None);
        assert_eq!(range(10, None, 0.0), None);
        assert_eq!(range(10, Some(3.0), 0.0), None);
        assert_eq!(range(10, Some(f64::NAN), 5.0), None);
        assert_eq!(range(100, None, 5.0), Some(WaitRange { low_secs: 18, high_secs: 25 }));
    }

    proptest! {
        #[test]
        fn ranges_are_ordered_and_grow_with_the_line(
            ahead in 0i64..20_000_000,
            more in 0i64..1_000_000,
            pace in 0.01f64..5_000.0,
            rate in 0.01f64..5_000.0,
        ) {
            let near = range(ahead, Some(pace), rate).expect("the line moves");
            let far = range(ahead + more, Some(pace), rate).expect("the line moves");
            prop_assert!(near.low_secs <= near.high_secs);
            prop_assert!(near.low_secs <= far.low_secs && near.high_secs <= far.high_secs);
            // At the faster and at the slower of the two the wait lies within.
            prop_assert!(near.low_secs as f64 <= ahead as f64 / pace.max(rate));
            prop_assert!(near.high_secs as f64 >= ahead as f64 / pace.min(rate));
            prop_assert!(!near.words().is_empty());
        }
    }
}
