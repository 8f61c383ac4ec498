//! How far apart roots and heads are published: the longer a line is open the farther, so that its
//! transcript stays short however long that is. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// Publications of one kind. The first ones are `least` apart, later ones by a share of the time
/// since the first.
#[derive(Debug, Clone, Copy)]
pub struct Spacing {
    least: TimeDelta,
    /// Later ones come about so many a doubling of the time.
    share: i32,
    /// Known also to whoever goes on with another's work.
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
}

impl Spacing {
    pub const fn new(least: TimeDelta, share: i32, first: Option<DateTime<Utc>>) -> Self {
        Self { least, share, first, last: None }
    }

    /// Whether it is time for another. At the end of a line the last ones wait no longer than the
    /// first ones did.
    pub fn is_due(&self, now: DateTime<Utc>, ends: bool) -> bool {
        let (Some(first), Some(last)) = (self.first, self.last) else { return true };
        let apart = if ends { self.least } else { self.least.max((now - first) / self.share) };
        now - last >= apart || now < last
    }

    /// Notes one.
    pub fn note(&mut self, at: DateTime<Utc>) {
        self.first.get_or_insert(at);
        self.last = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_close_and_a_long_sale_has_not_many_more() {
        let count = |hours: i64| {
            let mut spacing = Spacing::new(TimeDelta::seconds(1), 600, None);
            let secs =
                (0..hours * 3600).map(|secs| DateTime::UNIX_EPOCH + TimeDelta::seconds(secs));
            secs.filter(|at| {
                let is_due = spacing.is_due(*at, false);
                if is_due {
                    spacing.note(*at);
                }
                is_due
            })
            .count()
        };
        assert!((600..2_000).contains(&count(1)), "{}", count(1));
        assert!(count(168) < 5_000, "{}", count(168));
    }

    #[test]
    fn the_last_ones_do_not_wait() {
        let at = |secs| DateTime::UNIX_EPOCH + TimeDelta::seconds(secs);
        let mut spacing = Spacing::new(TimeDelta::seconds(1), 10, Some(at(0)));
        assert!(spacing.is_due(at(0), false));
        spacing.note(at(1_000));
        assert!(!spacing.is_due(at(1_050), false) && spacing.is_due(at(1_050), true));
        assert!(spacing.is_due(at(1_200), false) && !spacing.is_due(at(1_000), true));
        assert!(spacing.is_due(at(900), false), "a clock that was set back");
    }
}
