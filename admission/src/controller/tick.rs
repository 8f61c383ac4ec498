//! When a room's record is published although no head moved.

use std::time::{Duration, Instant};

use crate::signal::StockState;

/// While anybody waits or is awaited, and while nobody is.
const TICK: Duration = Duration::from_secs(1);
const QUIET_TICK: Duration = Duration::from_secs(10);
/// Records between two ticks carry stock and pace no more often than this.
const FULL_EVERY: Duration = Duration::from_millis(250);

/// What readers must hear of at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Urgent {
    pub door_open: bool,
    pub stock: Option<StockState>,
}

/// What was published when.
#[derive(Default)]
pub struct Ticks {
    last: Option<(Instant, Urgent)>,
    full_at: Option<Instant>,
}

impl Ticks {
    /// Whether a tick is due.
    pub fn is_due(&self, urgent: Urgent, busy: bool, now: Instant) -> bool {
        let Some((at, told)) = self.last else { return true };
        told != urgent || now - at >= if busy { TICK } else { QUIET_TICK }
    }

    /// Whether a record now carries stock and pace.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|at| now - at >= FULL_EVERY)
    }

    /// Notes a published record: a tick has all lanes and all there is to say.
    pub fn published(&mut self, urgent: Urgent, is_tick: bool, is_full: bool, now: Instant) {
        if is_tick {
            self.last = Some((now, urgent));
        }
        if is_full {
            self.full_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Urgent = Urgent { door_open: true, stock: Some(StockState::Available) };

    #[test]
    fn ticks_come_by_the_second_and_news_at_once() {
        let (mut ticks, now) = (Ticks::default(), Instant::now());
        assert!(ticks.is_due(CALM, false, now) && ticks.is_full(now));
        ticks.published(CALM, true, true, now);
        assert!(!ticks.is_due(CALM, true, now) && !ticks.is_full(now));
        let sold_out = Urgent { stock: Some(StockState::SoldOut), ..CALM };
        let shut = Urgent { door_open: false, ..CALM };
        assert!(ticks.is_due(sold_out, false, now) && ticks.is_due(shut, false, now));
        let later = now + TICK;
        assert!(ticks.is_due(CALM, true, later) && !ticks.is_due(CALM, false, later));
        assert!(ticks.is_full(later) && ticks.is_due(CALM, false, now + QUIET_TICK));
    }
}
