//! Every turn of a large cohort, against a drawn order that is kept as a list. No I/O.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use admission::contract::{Cohort, Draw, Entropy, LanePlace, Seed};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::bench::{report::Row, sale::LANES};

/// Turns that are asked for one by one, as a fan's page does.
const ASKED: usize = 10_000;
/// A list is measured so often; it takes a moment only.
const LISTS: usize = 3;

/// The draw of `entrants` fans over as many lanes as rooms have.
fn draw(entrants: u64) -> anyhow::Result<Draw> {
    let lanes = LANES.unsigned_abs().into();
    let end = |lane: u64| entrants / lanes + u64::from(lane < entrants % lanes);
    let cohort = Cohort::new((0..lanes).map(end).collect())?;
    Ok(Draw::new(&"bench".parse()?, cohort, &Seed::new(rand::random()), &Entropy::None)?)
}

pub fn rows(entrants: u64) -> anyhow::Result<Vec<Row>> {
    let before = Instant::now();
    let draw = draw(entrants)?;
    let key_us = before.elapsed().as_secs_f64() * 1e6;
    let (per_sec_core, faults) = all_turns(&draw, entrants)?;
    let one_us = one_turn(&draw, entrants);
    let list_per_sec = lists(entrants);
    let named = |what: &str| format!("{what}, {entrants} entrants");
    Ok(vec![
        Row::new(named("a draw's key and pivots"), "µs", vec![key_us]),
        Row::new(named("all turns, a core"), "/s", vec![per_sec_core])
            .against("shuffling a list of them in memory", list_per_sec)
            .faults(faults),
        Row::new(named("one turn on read"), "µs", one_us),
    ])
}

/// Computes each turn once, on all cores; how many a second and a core, and what was wrong: two
/// entrants with one turn, or a turn that does not lead back.
fn all_turns(draw: &Draw, entrants: u64) -> anyhow::Result<(f64, Vec<String>)> {
    let taken: Vec<AtomicU64> = (0..=entrants / 64).map(|_| AtomicU64::new(0)).collect();
    let (twice, astray) = (AtomicU64::new(0), AtomicU64::new(0));
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let began = Instant::now();
    thread::scope(|scope| {
        for core in 0..cores {
            let (taken, twice, astray) = (&taken, &twice, &astray);
            scope.spawn(move || {
                let part = entrants * core / cores..entrants * (core + 1) / cores;
                for index in part {
                    let Some(place) = draw.cohort().place(index) else { continue };
                    let Some(position) = draw.position(place) else { continue };
                    let bit = 1 << (position % 64);
                    let word = &taken[(position / 64) as usize];
                    if word.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
                        twice.fetch_add(1, Ordering::Relaxed);
                    }
                    // The way back costs as much, so only some are led.
                    if index % 10_000 == 0 && draw.place(draw.turn(place)) != place {
                        astray.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let per_sec_core = entrants as f64 / began.elapsed().as_secs_f64() / cores as f64;
    let drawn: u64 =
        taken.iter().map(|word| u64::from(word.load(Ordering::Relaxed).count_ones())).sum();
    let mut faults = Vec::new();
    let (twice, astray) = (twice.into_inner(), astray.into_inner());
    if drawn != entrants || twice > 0 {
        faults.push(format!("{drawn} of {entrants} positions were drawn, {twice} of them twice"));
    }
    if astray > 0 {
        faults.push(format!("{astray} turns lead back to another place"));
    }
    Ok((per_sec_core, faults))
}

/// How long one turn takes, in microseconds, for places here and there: a value for each tenth.
fn one_turn(draw: &Draw, entrants: u64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(1);
    let lanes = u64::from(draw.cohort().lanes()).max(1);
    let each = ASKED / 10;
    let round = |_| {
        let places: Vec<LanePlace> = (0..each)
            .map(|_| {
                let index = random.random_range(0..entrants.max(1));
                LanePlace { lane: (index % lanes) as u32, offset: index / lanes }
            })
            .collect();
        let began = Instant::now();
        let sum: u64 = places.iter().map(|place| draw.turn(*place).number).sum();
        std::hint::black_box(sum);
        began.elapsed().as_secs_f64() * 1e6 / each as f64
    };
    (0..10).map(round).collect()
}

/// The order kept as a list: how many a second are shuffled.
fn lists(entrants: u64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(2);
    let mut list: Vec<u64> = (0..entrants).collect();
    let mut per_sec = Vec::new();
    for _ in 0..LISTS {
        let began = Instant::now();
        list.shuffle(&mut random);
        std::hint::black_box(&list);
        per_sec.push(entrants as f64 / began.elapsed().as_secs_f64());
    }
    per_sec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_has_no_faults_and_any_number_of_entrants_is_taken() {
        for entrants in [1, 63, 64, 1_003] {
            let draw = draw(entrants).expect("a draw");
            assert_eq!(draw.cohort().size(), entrants);
            let (per_sec, faults) = all_turns(&draw, entrants).expect("measured");
            assert!(per_sec > 0.0);
            assert_eq!(faults, Vec::<String>::new(), "{entrants}");
        }
    }

    #[test]
    fn entrants_that_were_not_drawn_are_found() {
        let draw = draw(1_000).expect("a draw");
        let (_, faults) = all_turns(&draw, 1_200).expect("measured");
        assert_eq!(faults, ["1000 of 1200 positions were drawn, 0 of them twice"]);
    }
}
