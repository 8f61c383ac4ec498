//! What a fan will do, drawn from the seed before anything happens. Pure.

use std::{net::Ipv4Addr, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};

/// Where a fan who does not buy leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// Never comes in when it is their turn.
    InLine,
    /// Closes the page with tickets held.
    WithHold,
    /// Closes the page with an order unpaid.
    WithOrder,
}

/// One fan.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub number: u32,
    /// When the fan joins, after the start.
    pub arrives_after: Duration,
    /// Tickets the fan would like.
    pub wants: i32,
    pub leaves: Option<Leaves>,
    /// How the fan pays: methods of the sandbox provider, one after the other.
    pub pays: &'static [&'static str],
    /// How long the fan looks at a page before going on.
    pub thinks: Duration,
    /// Stays in checkout as long as tickets may come back.
    pub patient: bool,
}

const PAYS: [(u32, &[&str]); 6] = [
    (82, &["ok"]),
    (7, &["decline", "ok"]),
    (4, &["3ds", "3ds_approve"]),
    (3, &["duplicate"]),
    (2, &["out_of_order"]),
    (2, &["slow"]),
];

impl Plan {
    /// Draws fan `number` of the rush under `seed`. `abandon` is the share of fans who leave
    /// without buying.
    pub fn draw(seed: u64, number: u32, abandon: f64, arrive: Duration) -> Self {
        let mut rng =
            StdRng::seed_from_u64(seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let leaves =
            rng.random_bool(abandon.clamp(0.0, 1.0)).then(|| match rng.random_range(0..3) {
                0 => Leaves::InLine,
                1 => Leaves::WithHold,
                _ => Leaves::WithOrder,
            });
        Self {
            number,
            arrives_after: arrive.mul_f64(rng.random_range(0.0..1.0)),
            wants: rng.random_range(1..=4),
            leaves,
            pays: pick(rng.random_range(0..100)),
            thinks: Duration::from_millis(rng.random_range(100..1000)),
            patient: false,
        }
    }

    /// A fan who comes for what came back: at once, and to stay.
    pub fn late(seed: u64, number: u32) -> Self {
        let plan = Self::draw(seed, number, 0.0, Duration::ZERO);
        Self { pays: &["ok"], patient: true, ..plan }
    }

    /// An address of the fan's own, so that limits per client treat each fan as one.
    pub fn address(&self) -> Ipv4Addr {
        let [_, a, b, c] = self.number.to_be_bytes();
        Ipv4Addr::new(10, a, b, c)
    }
}

fn pick(mut roll: u32) -> &'static [&'static str] {
    for (share, methods) in PAYS {
        if roll < share {
            return methods;
        }
        roll -= share;
    }
    &["ok"]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_fans_and_another_seed_others() {
        let draw = |seed| {
            (0..50)
                .map(|number| Plan::draw(seed, number, 0.1, Duration::from_secs(5)))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn about_as_many_leave_as_asked_and_each_way_is_taken() {
        let fans: Vec<Plan> =
            (0..10_000).map(|number| Plan::draw(7, number, 0.1, Duration::ZERO)).collect();
        let leave = |way| fans.iter().filter(|plan| plan.leaves == Some(way)).count();
        for way in [Leaves::InLine, Leaves::WithHold, Leaves::WithOrder] {
            assert!((250..420).contains(&leave(way)), "{way:?}: {}", leave(way));
        }
        assert!(fans.iter().all(|plan| (1..=4).contains(&plan.wants)));
        assert!(
            (0..1000).all(|number| Plan::draw(7, number, 0.0, Duration::ZERO).leaves.is_none())
        );
    }

    #[test]
    fn shares_of_payment_methods_make_a_whole() {
        assert_eq!(PAYS.iter().map(|(share, _)| share).sum::<u32>(), 100);
        assert_eq!(pick(0), ["ok"]);
        assert_eq!(pick(99), ["slow"]);
    }

    #[test]
    fn fans_have_addresses_of_their_own() {
        let of = |number| Plan::draw(1, number, 0.0, Duration::ZERO).address();
        assert_eq!(of(258), Ipv4Addr::new(10, 0, 1, 2));
        assert_ne!(of(1), of(257));
    }
}
