//! What a fan will do, drawn from the seed before anything happens. Pure, and cheap enough to be
//! drawn again instead of being kept.

use std::{net::Ipv4Addr, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::args::Shares;

/// Where a fan who does not buy leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// On purpose, while waiting.
    TheLine,
    /// Never comes in when it is their turn.
    AtTheTurn,
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
    /// The share of the claim window that passes before the fan comes.
    pub comes_at: f64,
    pub two_tabs: bool,
    /// Whether the fan's browser keeps cookies and connections.
    pub keeps_cookies: bool,
    /// Stays in line when told that nothing is left.
    pub stays: bool,
    /// Between two looks of this fan's browser at the line: where in the second it looks.
    pub phase: Duration,
}

const PAYS: [(u32, &[&str]); 6] = [
    (82, &["ok"]),
    (7, &["decline", "ok"]),
    (4, &["3ds", "3ds_approve"]),
    (3, &["duplicate"]),
    (2, &["out_of_order"]),
    (2, &["slow"]),
];
/// How long fans look at a page on average, as they are drawn.
pub const THINKS_SECS: f64 = 0.55;
/// When slow fans come: this much of the window has passed.
const COMES_LATE: std::ops::Range<f64> = 0.5..0.75;

impl Plan {
    /// Draws fan `number` of the rush under `seed`.
    pub fn draw(seed: u64, number: u32, shares: &Shares, arrive: Duration) -> Self {
        let mut rng =
            SmallRng::seed_from_u64(seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut is_of = |share: f64| rng.random_bool(share.clamp(0.0, 1.0));
        let [abandons, absent, slow] = [shares.abandon, shares.absent, shares.slow].map(&mut is_of);
        let [two_tabs, no_cookies, leaves, stays] =
            [shares.two_tabs, shares.no_cookies, shares.leaves, shares.stays].map(is_of);
        let abandons_where = match rng.random_range(0..3) {
            0 => Leaves::AtTheTurn,
            1 => Leaves::WithHold,
            _ => Leaves::WithOrder,
        };
        let late = rng.random_range(COMES_LATE);
        Self {
            number,
            arrives_after: arrive.mul_f64(rng.random_range(0.0..1.0)),
            wants: rng.random_range(1..=4),
            leaves: match (leaves, absent, abandons) {
                (true, ..) => Some(Leaves::TheLine),
                (_, true, _) => Some(Leaves::AtTheTurn),
                (.., true) => Some(abandons_where),
                _ => None,
            },
            pays: pick(rng.random_range(0..100)),
            thinks: Duration::from_millis(rng.random_range(100..1000)),
            patient: false,
            comes_at: if slow { late } else { 0.0 },
            two_tabs,
            keeps_cookies: !no_cookies,
            stays,
            phase: Duration::from_millis(rng.random_range(0..1000)),
        }
    }

    /// A fan who comes for what came back: at once, and to stay.
    pub fn late(seed: u64, number: u32) -> Self {
        let plan = Self::draw(seed, number, &Shares::NONE, Duration::ZERO);
        Self { pays: &["ok"], patient: true, stays: true, ..plan }
    }

    /// Whether the fan is there when it is their turn.
    pub fn is_present(&self) -> bool {
        !matches!(self.leaves, Some(Leaves::TheLine | Leaves::AtTheTurn))
    }

    /// An address of the fan's own, so that limits per client treat each fan as one.
    pub fn address(&self) -> Ipv4Addr {
        address(self.number)
    }
}

/// The address of fan `number`.
pub fn address(number: u32) -> Ipv4Addr {
    let [_, a, b, c] = number.to_be_bytes();
    Ipv4Addr::new(10, a, b, c)
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

    const SHARES: Shares = Shares {
        abandon: 0.1,
        absent: 0.05,
        slow: 0.05,
        two_tabs: 0.03,
        no_cookies: 0.02,
        leaves: 0.02,
        stays: 0.3,
    };

    fn fans(seed: u64, count: u32, shares: &Shares) -> Vec<Plan> {
        (0..count).map(|n| Plan::draw(seed, n, shares, Duration::from_secs(5))).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_fans_and_another_seed_others() {
        assert_eq!(fans(1, 50, &SHARES), fans(1, 50, &SHARES));
        assert_ne!(fans(1, 50, &SHARES), fans(2, 50, &SHARES));
    }

    #[test]
    fn about_as_many_are_of_each_kind_as_asked() {
        let fans = fans(7, 10_000, &SHARES);
        let count = |is: &dyn Fn(&Plan) -> bool| fans.iter().filter(|plan| is(plan)).count();
        let near = |found: usize, wanted: f64| {
            assert!((found as f64 - wanted).abs() < wanted * 0.2 + 20.0, "{found} {wanted}");
        };
        near(count(&|plan| plan.leaves == Some(Leaves::TheLine)), 200.0);
        // A third of those who abandon, and the absent.
        near(count(&|plan| plan.leaves == Some(Leaves::AtTheTurn)), 800.0);
        near(count(&|plan| plan.leaves == Some(Leaves::WithHold)), 310.0);
        near(count(&|plan| plan.leaves == Some(Leaves::WithOrder)), 310.0);
        near(count(&|plan| plan.comes_at > 0.0), 500.0);
        near(count(&|plan| plan.two_tabs), 300.0);
        near(count(&|plan| !plan.keeps_cookies), 200.0);
        near(count(&|plan| plan.stays), 3000.0);
        assert!(fans.iter().all(|plan| (1..=4).contains(&plan.wants) && plan.comes_at < 0.9));
    }

    #[test]
    fn where_nobody_is_to_leave_everybody_buys() {
        assert!(fans(7, 1000, &Shares::NONE).iter().all(|plan| {
            plan.leaves.is_none() && plan.comes_at == 0.0 && plan.keeps_cookies && !plan.two_tabs
        }));
    }

    #[test]
    fn shares_of_payment_methods_make_a_whole() {
        assert_eq!(PAYS.iter().map(|(share, _)| share).sum::<u32>(), 100);
        assert_eq!(pick(0), ["ok"]);
        assert_eq!(pick(99), ["slow"]);
    }

    #[test]
    fn fans_have_addresses_of_their_own() {
        assert_eq!(address(258), Ipv4Addr::new(10, 0, 1, 2));
        assert_ne!(address(1), address(257));
    }
}
