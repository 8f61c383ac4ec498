use proptest::prelude::*;

use super::*;

fn of_type(name: &str, free: i64, held: i64, sold: i64) -> TypeStock {
    TypeStock {
        ticket_type: Uuid::from_u128(name.len() as u128),
        name: name.to_owned(),
        free,
        held,
        sold,
        allotted: free + held + sold,
    }
}

fn stock(types: Vec<TypeStock>) -> LineStock {
    LineStock { types, per_fan: 2.0, served: 0 }
}

fn percent(sale: &Sale, ahead: i64) -> Vec<u8> {
    sale.chances(ahead).iter().map(|chance| chance.percent).collect()
}

#[test]
fn far_from_the_last_ticket_the_chance_is_good_and_behind_it_there_is_almost_none() {
    // 1,000 came and each second one took two: 500 tickets are gone, 500 are left.
    let stock = stock(vec![of_type("standing", 500, 0, 1_000)]);
    let inside = Inside { let_in: 1_000, active: 0, unclaimed: 0, show_share: 1.0 };
    let sale = Sale::of(&stock, inside);
    let chances: Vec<u8> = [0, 200, 500, 800, 2_000].map(|ahead| percent(&sale, ahead)[0]).into();
    assert_eq!((chances[0], chances[1]), (99, 99));
    assert!((30..=70).contains(&chances[2]), "{chances:?}");
    assert!(chances[3] < 10 && chances[4] == 1, "{chances:?}");
    let last = &sale.chances(2_000)[0];
    assert!(last.almost_none && !sale.chances(200)[0].almost_none);
}

#[test]
fn no_shows_ahead_leave_more() {
    let stock = stock(vec![of_type("standing", 100, 0, 0)]);
    let of = |show_share| {
        let sale = Sale::of(&stock, Inside { show_share, ..Inside::default() });
        percent(&sale, 100)[0]
    };
    assert!(of(1.0) < 10 && of(0.3) > 90, "{} {}", of(1.0), of(0.3));
}

#[test]
fn those_inside_come_first() {
    let mut stock = stock(vec![of_type("standing", 100, 0, 0)]);
    let full = Inside { let_in: 100, active: 100, unclaimed: 0, show_share: 1.0 };
    assert!(percent(&Sale::of(&stock, full), 0)[0] < 10);
    // They hold theirs already.
    stock.served = 100;
    assert_eq!(percent(&Sale::of(&stock, full), 0)[0], 99);
}

#[test]
fn what_is_liked_more_is_gone_sooner_and_what_is_gone_moves_people_on() {
    let both = stock(vec![of_type("front", 100, 0, 300), of_type("balcony", 100, 0, 100)]);
    let inside = Inside { let_in: 400, active: 0, unclaimed: 0, show_share: 1.0 };
    let sale = Sale::of(&both, inside);
    let chances = percent(&sale, 120);
    assert!(chances[0] < chances[1], "{chances:?}");
    let gone = stock(vec![of_type("front", 0, 0, 300), of_type("balcony", 100, 0, 100)]);
    let alone = Sale::of(&gone, inside);
    assert!(percent(&alone, 120)[1] < chances[1], "all want the balcony now");
    assert_eq!(percent(&alone, 120)[0], 1);
    assert_eq!(alone.types[0].state, StockState::SoldOut);
}

#[test]
fn some_of_what_is_held_comes_back() {
    let sale = |held| Sale::of(&stock(vec![of_type("standing", 0, held, 0)]), Inside::default());
    assert_eq!(percent(&sale(0), 0), [1]);
    assert!(percent(&sale(100), 3)[0] > 90);
    assert_eq!(sale(100).state, StockState::AllHeld);
}

/// A sale acted out with a generator of its own: who comes, who buys, one or two tickets each.
fn is_left_behind(ahead: u32, tickets: i64, show: f64, buying: f64, seed: u64) -> bool {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut chance = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut left = tickets;
    for _ in 0..ahead {
        if chance() < show && chance() < buying {
            left -= if chance() < 0.5 { 1 } else { 2 };
        }
    }
    left > 0
}

#[test]
fn chances_are_calibrated() {
    // 400 came of 500 and 240 bought 360 tickets: what is left is acted out a thousand times for
    // each place.
    let known =
        LineStock { types: vec![of_type("standing", 200, 0, 360)], per_fan: 1.5, served: 0 };
    let inside = Inside { let_in: 500, active: 0, unclaimed: 0, show_share: 0.8 };
    let sale = Sale::of(&known, inside);
    let (mut brier, mut of_climate, mut count) = (0.0, 0.0, 0.0);
    for ahead in (150..450).step_by(10) {
        let told = f64::from(percent(&sale, i64::from(ahead))[0]) / 100.0;
        let seeds = 0..1_000u64;
        // What fans take is known no better than by what was seen of it.
        let left = seeds.clone().filter(|seed| {
            let buying = 0.6 + 0.09 * ((seed % 21) as f64 / 10.0 - 1.0);
            is_left_behind(ahead, 200, 0.8, buying, *seed)
        });
        let truth = left.count() as f64 / 1_000.0;
        assert!((truth - told).abs() < 0.2, "behind {ahead}: told {told}, was {truth}");
        brier += truth * (1.0 - told).powi(2) + (1.0 - truth) * told.powi(2);
        of_climate += 0.25;
        count += 1.0;
    }
    assert!(brier < of_climate * 0.5, "no better than a coin: {}", brier / count);
}

proptest! {
    #[test]
    fn the_further_back_the_smaller_the_chance(
        tickets in 0.0f64..5_000.0,
        inside in 0.0f64..500.0,
        mean in 0.001f64..4.0,
        variance in 0.0f64..8.0,
        ahead in 0i64..50_000,
        more in 0i64..50_000,
    ) {
        let odds = Odds { tickets, inside, mean, variance };
        let (near, far) = (odds.percent(ahead), odds.percent(ahead + more));
        prop_assert!(far <= near, "{near} became {far}");
        prop_assert!((1..=99).contains(&near) && (1..=99).contains(&far));
    }
}
