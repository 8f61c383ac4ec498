//! Every turn, worked out anew: that each is one place's.

use std::sync::atomic::{AtomicU64, Ordering};

use admission::contract::Draw;
use anyhow::ensure;

use crate::print_status;

/// Said now and then while it takes long.
const SAID_EVERY: u64 = 1 << 18;

/// Works out the turn of everybody who was drawn, and back. Gives how many that are.
///
/// # Errors
/// Two places have one turn, or a turn leads to another place: then the computation is wrong, not
/// the transcript.
pub fn check(draw: &Draw) -> anyhow::Result<u64> {
    let size = draw.cohort().size();
    let taken: Vec<AtomicU64> = (0..size.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
    let (next, wrong) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = draw.cohort().place(index) else { break };
            if index > 0 && index.is_multiple_of(SAID_EVERY) {
                print_status(&format!("{index} of {size} turns"));
            }
            let is_own = draw.position(place).is_some_and(|position| {
                let (word, bit) = (position / 64, 1 << (position % 64));
                let word = usize::try_from(word).ok().and_then(|word| taken.get(word));
                word.is_some_and(|word| word.fetch_or(bit, Ordering::Relaxed) & bit == 0)
            });
            if !is_own || draw.place(draw.turn(place)) != place {
                wrong.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner();
    ensure!(wrong == 0, "{wrong} of {size} turns are not one place's: this is no draw");
    Ok(size)
}

#[cfg(test)]
mod tests {
    use admission::contract::{Cohort, Entropy, Seed};

    use super::*;

    #[test]
    fn all_turns_of_a_cohort_are_looked_at() {
        let room = "r".parse().expect("a room");
        let cohort = Cohort::new(vec![130, 0, 71]).expect("a cohort");
        let draw = Draw::new(&room, cohort, &Seed::new([3; 32]), &Entropy::None).expect("a draw");
        assert_eq!(check(&draw).expect("a draw"), 201);
    }
}
