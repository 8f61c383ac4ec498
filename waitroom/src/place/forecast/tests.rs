use proptest::prelude::*;

use super::*;

fn asked(asked_per_sec: f64) -> Forecast {
    Forecast { asked_per_sec, ..Forecast::default() }
}

/// As controllers tell it, with room in checkout.
fn followed(allowed_per_sec: f64) -> Forecast {
    Forecast { allowed_per_sec: Some(allowed_per_sec), ..asked(400.0) }
}

fn lately(pace: f64) -> Measured {
    Measured { over_10s: Some(pace), over_30s: Some(pace), over_120s: Some(pace) }
}

fn range(forecast: Forecast, ahead: i64) -> Option<(u64, u64)> {
    forecast.curve(20_000).range(ahead).map(|range| (range.low_secs, range.high_secs))
}

/// Whether a wait of so many seconds lies in what is told, and what is told is good for something.
fn holds(forecast: Forecast, ahead: i64, secs: f64) {
    let (low, high) = range(forecast, ahead).expect("a range");
    assert!(low as f64 <= secs && secs <= high as f64, "{secs} s is not in {low} to {high}");
    let (middle, half) = ((low + high) as f64 / 2.0, (high - low) as f64 / 2.0);
    assert!(half <= middle * 0.31 + HEARD_SECS, "{low} to {high} says little");
}

#[test]
fn where_nobody_is_let_in_nothing_is_said() {
    assert_eq!(range(asked(0.0), 10), None);
    assert_eq!(range(Forecast { measured: lately(0.0), ..followed(3.0) }, 10), None);
    assert_eq!(wait_secs(10, 0.0), None);
    assert_eq!(wait_secs(100, 5.0), Some((16, 27)));
    assert_eq!(asked(0.0).curve(10).say, WaitSay::Unknown);
}

#[test]
fn a_line_that_moves_as_it_may_takes_as_long_as_that_takes() {
    holds(followed(80.0), 1_600, 20.0);
    holds(Forecast { measured: lately(79.0), ..followed(80.0) }, 1_600, 20.0);
    // A rate that was lowered just now bounds what was measured before.
    let lowered = Forecast { asked_per_sec: 0.02, ..followed(0.02) };
    holds(Forecast { measured: lately(1.0), ..lowered }, 142, 7_100.0);
    holds(Forecast { measured: lately(1.0), is_held_back: true, ..lowered }, 142, 7_100.0);
    // The operator's rate bounds what controllers say.
    holds(Forecast { measured: lately(400.0), ..followed(900.0) }, 4_000, 10.0);
}

#[test]
fn a_line_that_checkout_holds_back_takes_as_long_as_it_took() {
    let swings = Measured { over_10s: Some(60.0), over_30s: Some(90.0), over_120s: Some(110.0) };
    let held = Forecast { measured: swings, is_held_back: true, ..followed(120.0) };
    holds(held, 10_000, 100.0);
}

#[test]
fn a_pace_that_grows_may_go_on_or_end_soon() {
    let growing = Forecast { growth: 0.3, ..followed(50.0) };
    for ahead in [1_500, 5_000] {
        let (low, high) = range(growing, ahead).expect("a range");
        // It begins with 50 a second and comes to two or three times as much.
        for pace in [100.0, 150.0] {
            let secs = ahead as f64 / pace;
            assert!((low as f64..=high as f64).contains(&secs), "{ahead}: {low} to {high}");
        }
    }
    let held = Forecast { measured: lately(5.0), is_held_back: true, ..growing };
    assert_eq!(range(held, 500), range(Forecast { growth: 0.0, ..held }, 500), "by other things");
    let near = range(growing, 50).expect("a range");
    assert!(near.0 <= 1 && near.1 <= 4, "{near:?}");
    assert_eq!(
        range(Forecast { growth: 0.3, ..followed(400.0) }, 400),
        range(followed(400.0), 400)
    );
}

#[test]
fn who_left_is_passed_over() {
    holds(Forecast { left_share: 0.5, ..followed(100.0) }, 1_000, 5.0);
}

#[test]
fn once_checkout_is_full_the_line_moves_as_slots_become_free() {
    // 1,000 find room at 100 a second; 20 a second become free.
    let slots = Slots { free: 1_000.0, all: 5_000.0, freed_per_sec: Some((20.0, 20.0)) };
    let filling = Forecast { checkout: Some(slots), ..followed(100.0) };
    holds(filling, 1_000, 10.0);
    // Full after 12.5 s, with 1,250 in; then 25 a second, as there are a quarter more to become
    // free.
    holds(filling, 5_750, 12.5 + 4_500.0 / 25.0);
    let full = Slots { free: 10.0, freed_per_sec: Some((25.0, 25.0)), ..slots };
    let full = Forecast { checkout: Some(full), measured: lately(25.0), ..followed(100.0) };
    holds(full, 5_000, 200.0);
}

#[test]
fn how_fast_an_empty_checkout_will_become_free_nobody_can_say() {
    let slots = Slots { free: 1_900.0, all: 2_000.0, freed_per_sec: Some((0.0, 0.0)) };
    let early = Forecast { checkout: Some(slots), ..followed(400.0) };
    holds(early, 1_800, 4.5);
    assert_eq!(range(early, 1_901), None);
    assert_eq!(early.curve(20_000).say, WaitSay::Range, "the first know");
}

proptest! {
    #[test]
    fn waits_grow_with_the_line_and_ranges_are_narrow(
        ahead in 0i64..20_000,
        more in 0i64..20_000,
        allowed in 0.01f64..5_000.0,
        paces in (0.01f64..5_000.0, 0.01f64..5_000.0, 0.01f64..5_000.0),
        held in any::<bool>(),
        (free, freed) in (0.0f64..2_000.0, prop::option::of(0.0f64..500.0)),
        grows in any::<bool>(),
    ) {
        let forecast = Forecast {
            asked_per_sec: 5_000.0,
            allowed_per_sec: Some(allowed),
            growth: if grows { 0.3 } else { 0.0 },
            is_held_back: held,
            left_share: 0.1,
            measured: Measured {
                over_10s: Some(paces.0),
                over_30s: Some(paces.1),
                over_120s: Some(paces.2),
            },
            checkout: Some(Slots {
                free,
                all: 2_000.0,
                freed_per_sec: freed.map(|freed| (freed, freed)),
            }),
        };
        let curve = forecast.curve(20_000);
        let far = (ahead + more).min(20_000);
        if let Some((near, far)) = curve.range(ahead).zip(curve.range(far)) {
            prop_assert!(near.low_secs <= near.high_secs);
            prop_assert!(near.low_secs <= far.low_secs && near.high_secs <= far.high_secs);
            // 1.24 between the paces, or 1.6 while they grow, 1.22 to 0.82 around them, and
            // rounding.
            let widest = if grows { 2.4 } else { 1.86 };
            prop_assert!(near.high_secs as f64 <= (near.low_secs + 1) as f64 * widest + 4.0);
        }
    }
}
