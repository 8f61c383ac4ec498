//! How many places heads passed over because their fans had left, over gates that are lost.

/// Nobody was let in at these places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftPlaces {
    /// All of them, since the first that was told.
    pub total: i64,
    /// What the gate of now counted last; one that was lost counts anew.
    of_gate: i64,
}

impl LeftPlaces {
    /// Takes in what a record says that its gate has counted.
    pub fn follow(&mut self, counted: i64) {
        if counted >= self.of_gate {
            self.total += counted - self.of_gate;
        } else if counted > 0 && counted < self.of_gate / 2 {
            self.total += counted;
        } else {
            // A controller that speaks a little later than another knows a little less, and one
            // that did not reach the gate yet knows nothing.
            return;
        }
        self.of_gate = counted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_that_was_lost_counts_on() {
        let mut left = LeftPlaces::default();
        let mut after = |counted| {
            left.follow(counted);
            left.total
        };
        assert_eq!([after(500), after(498), after(0), after(502)], [500, 500, 500, 502]);
        assert_eq!([after(10), after(12)], [512, 514], "a new gate");
    }
}
