//! How many of those let in checkout serves a second at most, told by what it answers while it is
//! pressed. Pure.
//!
//! Of so many who come in, so many order, some time later: that share is learnt from those whose
//! time to order has come. What a pressed checkout answers is all that it can, and by that share it
//! is as many fans a second. How slow it is says only that it is too many.

use std::collections::VecDeque;

use crate::signal::OrderFlow;

const SAMPLE_MS: i64 = 200;
/// So much of the past says how many order.
const LEARNS_MS: i64 = 60_000;
/// Fans who look around for longer before they order are not followed.
const AFTER_MS_MAX: i64 = 55_000;
/// So few say nothing of how many order.
const FANS_MIN: f64 = 30.0;
/// What is answered is taken over so long: where one step is served, another has to wait.
const LATELY_MS: i64 = 6_000;
/// Those who come to order are counted over so long.
const COMING_MS: i64 = 2_000;
/// Orders that are under way for no longer are none too many.
const ORDER_SECS: f64 = 0.3;

/// What a checkout serves that is pressed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Serves {
    /// Fans let in a second.
    pub per_sec: f64,
    /// How many of those who were let in and did not order yet are more than it serves by the time
    /// that fans take; less than 0 where they are fewer.
    pub too_many: f64,
}

/// Who was let in and is not inside yet.
#[derive(Debug, Clone, Copy)]
pub struct Coming {
    /// How many of them will come.
    pub count: f64,
    /// How long they take to.
    pub takes_ms: f64,
    /// The share of those let in who come.
    pub show_share: f64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ms: i64,
    /// Sessions that were opened by then, and orders that were begun, since somebody looked.
    opened: f64,
    begun: f64,
    answered_per_sec: f64,
    /// How long fans looked around before they ordered; 0 where nobody did.
    after_ms: i64,
}

/// What was seen of comings and orders lately.
#[derive(Debug, Clone, Default)]
pub struct Throughput {
    samples: VecDeque<Sample>,
    after_ms: i64,
    under_way: f64,
}

impl Throughput {
    /// Takes in how many sessions were opened since the gate began, and how orders flow.
    pub fn observe(&mut self, now_ms: i64, opened: i64, flow: &OrderFlow) {
        let last = self.samples.back().copied();
        // A gate that began anew, or a clock that was set back: the past says nothing of it.
        if last.is_some_and(|last| last.opened > opened as f64 || last.at_ms > now_ms) {
            self.samples.clear();
        }
        let last = self.samples.back();
        if last.is_some_and(|last| now_ms - last.at_ms < SAMPLE_MS) {
            return;
        }
        let passed_ms = last.map_or(0, |last| (now_ms - last.at_ms).min(2_000));
        let begun = f64::from(flow.begun_per_min) * passed_ms as f64 / 60_000.0;
        self.samples.push_back(Sample {
            at_ms: now_ms,
            opened: opened as f64,
            begun: last.map_or(0.0, |last| last.begun) + begun,
            answered_per_sec: f64::from(flow.answered_per_min) / 60.0,
            after_ms: flow.after_ms.into(),
        });
        self.under_way = flow.under_way.into();
        if flow.begun_per_min > 0 {
            self.after_ms = flow.after_ms.into();
        }
        let oldest_ms = now_ms - LEARNS_MS - AFTER_MS_MAX;
        while self.samples.front().is_some_and(|sample| sample.at_ms < oldest_ms) {
            self.samples.pop_front();
        }
    }

    /// What checkout serves, as far as it was pressed lately; `None` where too few have ordered to
    /// say.
    pub fn serves(&self, coming: &Coming) -> Option<Serves> {
        let orders_per_session = self.orders_per_session()?;
        let per_sec = self.answered_per_sec()? / orders_per_session;
        let now = self.samples.back()?;
        // While it is pressed, all that comes before an order takes longer, too.
        let looks_ms =
            self.samples.iter().map(|sample| sample.after_ms).filter(|ms| *ms > 0).min()?;
        let looking = now.opened - self.at_opening(now, 0)?.opened;
        let inside = coming.count + looking + self.under_way / orders_per_session;
        let well = per_sec * ((coming.takes_ms + looks_ms as f64) / 1000.0 + ORDER_SECS);
        let show_share = coming.show_share.max(0.01);
        Some(Serves { per_sec: per_sec / show_share, too_many: (inside - well) / show_share })
    }

    /// How many of those let in a second come to order now, as far as that is known; `None` where
    /// nobody who came in orders here, as far as that can be told by now.
    pub fn ordering_per_sec(&self, show_share: f64) -> Option<f64> {
        let now = self.samples.back()?;
        if now.begun == 0.0 {
            // Somebody came in: wait a while for the first order.
            let came = self.samples.iter().find(|sample| sample.opened > 0.0)?;
            return (now.at_ms - came.at_ms < AFTER_MS_MAX).then_some(0.0);
        }
        let opened_from = self.at_opening(now, COMING_MS)?.opened;
        let came = self.at_opening(now, 0)?.opened - opened_from;
        Some(came * 1000.0 / COMING_MS as f64 / show_share.max(0.01))
    }

    fn answered_per_sec(&self) -> Option<f64> {
        let now = self.samples.back()?;
        let lately = self.samples.iter().rev();
        let answered: Vec<f64> = lately
            .take_while(|sample| now.at_ms - sample.at_ms <= LATELY_MS)
            .map(|sample| sample.answered_per_sec)
            .collect();
        let mean = answered.iter().sum::<f64>() / answered.len() as f64;
        (mean > 0.0).then_some(mean)
    }

    /// Orders that one who comes in begins, on average.
    fn orders_per_session(&self) -> Option<f64> {
        if self.after_ms > AFTER_MS_MAX {
            return None;
        }
        let now = self.samples.back()?;
        let (from, opened_from) = (self.at(now.at_ms - LEARNS_MS), self.at_opening(now, LEARNS_MS));
        let begun = now.begun - from?.begun;
        let opened = self.at_opening(now, 0)?.opened - opened_from?.opened;
        (begun >= FANS_MIN && opened >= FANS_MIN).then_some(begun / opened)
    }

    /// Who came in when those came who order `before_ms` before a moment.
    fn at_opening(&self, now: &Sample, before_ms: i64) -> Option<&Sample> {
        self.at(now.at_ms - before_ms - self.after_ms)
    }

    /// The last sample by a moment; the first one where that was later.
    fn at(&self, at_ms: i64) -> Option<&Sample> {
        let after = self.samples.partition_point(|sample| sample.at_ms <= at_ms);
        self.samples.get(after.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fans come at a growing pace, look around for `after_secs`, and `share` of them order;
    /// checkout answers so many orders a second.
    fn seen(secs: i64, after_secs: i64, share: f64, answers: f64) -> Throughput {
        let mut seen = Throughput::default();
        let come_by = |at_ms: i64| 25.0 * (at_ms.max(0) as f64 / 1000.0).powf(1.5);
        let begun_by = |at_ms: i64| come_by(at_ms - after_secs * 1000) * share;
        let mut under_way = 0.0;
        for at_ms in (0..=secs * 1000).step_by(250) {
            let begun_per_sec = begun_by(at_ms) - begun_by(at_ms - 1000);
            under_way += (begun_per_sec - answers) / 4.0;
            under_way = f64::max(under_way, 0.0);
            let flow = OrderFlow {
                begun_per_min: (begun_per_sec * 60.0) as u32,
                answered_per_min: (begun_per_sec.min(answers) * 60.0) as u32,
                after_ms: if begun_per_sec > 0.0 { after_secs as u32 * 1000 } else { 0 },
                under_way: under_way as u32,
            };
            seen.observe(at_ms, come_by(at_ms) as i64, &flow);
        }
        seen
    }

    fn serves(seen: &Throughput) -> Option<Serves> {
        seen.serves(&Coming { count: 0.0, takes_ms: 0.0, show_share: 1.0 })
    }

    #[test]
    fn what_a_pressed_checkout_answers_is_how_many_it_serves() {
        for (after_secs, share) in [(2, 1.0), (6, 1.0), (6, 0.4), (20, 0.8)] {
            let seen = seen(after_secs + 20, after_secs, share, 40.0);
            let serves = serves(&seen).expect("enough have ordered");
            let (told, truth) = (serves.per_sec, 40.0 / share);
            assert!((told / truth - 1.0).abs() < 0.15, "{told} of {truth}: {after_secs} s");
            assert!(serves.too_many > 2.0 * truth, "{serves:?}");
            let half = seen.serves(&Coming { count: 0.0, takes_ms: 0.0, show_share: 0.5 });
            assert_eq!(half.map(|half| half.per_sec), Some(2.0 * told), "let in, not inside");
        }
    }

    #[test]
    fn a_checkout_that_serves_all_who_come_has_none_too_many() {
        let coming = Coming { count: 90.0, takes_ms: 900.0, show_share: 1.0 };
        let (mut seen, mut opened) = (Throughput::default(), 0);
        for step in 0..400 {
            let flow = OrderFlow {
                begun_per_min: if step > 16 { 6_000 } else { 0 },
                answered_per_min: if step > 16 { 6_000 } else { 0 },
                after_ms: if step > 16 { 4_000 } else { 0 },
                under_way: 10,
            };
            seen.observe(step * 250, opened, &flow);
            opened += 25;
        }
        let serves = seen.serves(&coming).expect("enough have ordered");
        assert!((serves.per_sec - 100.0).abs() < 5.0, "{serves:?}");
        assert!((-40.0..=0.0).contains(&serves.too_many), "{serves:?}");
    }

    #[test]
    fn a_checkout_that_gets_slower_is_seen_to_be() {
        let mut seen = seen(30, 3, 1.0, 40.0);
        let slow = OrderFlow {
            begun_per_min: 2_400,
            answered_per_min: 600,
            after_ms: 3_000,
            under_way: 200,
        };
        let opened = seen.samples.back().map_or(0, |sample| sample.opened as i64);
        for step in 1..=28 {
            seen.observe(30_000 + step * 250, opened + step * 10, &slow);
        }
        let serves = serves(&seen).expect("enough have ordered");
        assert!(serves.per_sec < 15.0 && serves.too_many > 150.0, "{serves:?}");
    }

    #[test]
    fn few_orders_and_long_looks_say_nothing_and_a_gate_that_began_anew_says_it_again() {
        assert_eq!(serves(&seen(4, 3, 1.0, 40.0)), None);
        assert_eq!(serves(&Throughput::default()), None);
        let mut seen = seen(40, 4, 1.0, 40.0);
        let flow = OrderFlow {
            begun_per_min: 2_400,
            answered_per_min: 2_400,
            after_ms: 4_000,
            under_way: 0,
        };
        seen.observe(40_250, 0, &flow);
        assert_eq!(serves(&seen), None);
        let slow = OrderFlow { after_ms: 60_000, ..flow };
        for second in 0..90 {
            seen.observe(41_000 + second * 1000, second * 40, &slow);
        }
        assert_eq!(serves(&seen), None);
    }
}
