//! How many may be let in for what is left.

use crate::{pace::HoldBack, signal::LineStock};

/// What the stock can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLimit {
    /// So many fans more find a ticket.
    pub servable: i64,
    /// So many of those inside have theirs already.
    pub served: i64,
    free: i64,
    held: i64,
}

impl StockLimit {
    pub fn of(stock: &LineStock) -> Self {
        let free = stock.free();
        // Whatever is said of an average, one fan takes one ticket at least.
        let per_fan = if stock.per_fan.is_finite() { stock.per_fan.max(1.0) } else { 1.0 };
        Self {
            servable: (free as f64 / per_fan).ceil() as i64,
            served: stock.served.max(0),
            free,
            held: stock.held(),
        }
    }

    /// How many more may be let in, where so many are inside and so many are expected. The gate's
    /// script asks the same of each candidate.
    #[cfg(test)]
    fn allows(&self, active: i64, expected: f64) -> f64 {
        (self.servable - (active - self.served).max(0)) as f64 - expected
    }

    /// Why nobody is let in, where the stock is the reason.
    pub fn hold_back(&self) -> HoldBack {
        if self.free <= 0 {
            HoldBack::SoldOut { held: self.held }
        } else {
            HoldBack::StockLow { free: self.free }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::TypeStock;
    use proptest::prelude::*;

    fn limit(free: i64, held: i64, per_fan: f64, served: i64) -> StockLimit {
        let of_type = TypeStock { free, held, allotted: 5_000, ..TypeStock::default() };
        StockLimit::of(&LineStock { types: vec![of_type], per_fan, served })
    }

    #[test]
    fn those_inside_who_have_nothing_count_against_what_is_free() {
        let left = limit(30, 10, 2.0, 40);
        assert!((left.allows(45, 4.5) - 5.5).abs() < 1e-9, "15 can be served, 5 want, 4.5 come");
        assert!(left.allows(20, 0.0) > 14.9, "who was served and left wants nothing");
        assert_eq!(left.hold_back(), HoldBack::StockLow { free: 30 });
    }

    #[test]
    fn nobody_comes_in_for_nothing_and_one_comes_for_one() {
        assert!(limit(0, 7, 2.0, 9).allows(9, 0.0) <= 0.0);
        assert_eq!(limit(0, 7, 2.0, 9).hold_back(), HoldBack::SoldOut { held: 7 });
        let one = limit(1, 0, 2.5, 9);
        assert!(one.allows(9, 0.0) > 0.0 && one.allows(10, 0.0) <= 0.0);
        assert!(limit(1, 0, f64::NAN, 0).servable == 1 && limit(4, 0, 0.0, 0).servable == 4);
    }

    proptest! {
        /// A large stock never limits a cap's worth of fans.
        #[test]
        fn a_large_stock_does_not_limit(active in 0i64..2_000, expected in 0f64..2_000.0) {
            prop_assert!(limit(50_000, 0, 4.0, 0).allows(active, expected) > 0.0);
        }

        /// A sale moves one fan from wanting to served and its tickets from free: nothing changes.
        #[test]
        fn a_sale_changes_nothing(free in 4i64..500, served in 0i64..500, wanting in 1i64..500) {
            let before = limit(free * 2, 0, 2.0, served).allows(served + wanting, 0.0);
            let after = limit(free * 2 - 2, 2, 2.0, served + 1).allows(served + wanting, 0.0);
            prop_assert!((before - after).abs() < 1e-9);
        }
    }
}
