//! The picture of the line on the queue page. Pure.

/// Where whoever is next stands, in per cent of the width.
pub const GATE: f64 = 19.0;
/// Where the fan stood when joining.
pub const START: f64 = 86.0;
const PEOPLE_MAX: i64 = 42;

/// The picture of the line. Positions are per cent of its width, heights are pixels.
pub struct Picture {
    pub you: String,
    pub start: String,
    pub people: Vec<Person>,
}

/// One of the people hinted at.
pub struct Person {
    pub x: String,
    pub y: i64,
    pub class: &'static str,
}

impl Picture {
    pub fn new(ahead: i64, ahead_at_join: i64, people_waiting: i64) -> Self {
        let at_join = ahead_at_join.max(ahead).max(1);
        let you = position(ahead, at_join);
        let shown = at_join.min(PEOPLE_MAX);
        let mut people: Vec<Person> = (0..shown)
            .map(|index| {
                // Few people stand where they are; many are a crowd, evenly spread.
                let x = if shown == at_join {
                    position(index, at_join)
                } else {
                    GATE + (START - GATE) * index as f64 / shown as f64
                };
                Person {
                    x: percent(x),
                    y: height(index),
                    class: if x < you { "person" } else { "person gone" },
                }
            })
            .collect();
        let behind = (people_waiting - ahead - 1).clamp(0, 6);
        people.extend((0..behind).map(|index| Person {
            x: percent(START + 3.5 + 1.9 * index as f64),
            y: height(index + 1),
            class: "person behind",
        }));
        Self { you: percent(you), start: percent(START), people }
    }
}

/// On a square-root scale, so that movement is seen from far behind.
fn position(ahead: i64, at_join: i64) -> f64 {
    let share = (ahead.max(0) as f64 / at_join.max(1) as f64).min(1.0);
    GATE + (START - GATE) * share.sqrt()
}

/// A crowd is not a string of pearls.
fn height(index: i64) -> i64 {
    64 + [0, -8, 6, -3, 9, -5, 4][(index.rem_euclid(7)) as usize]
}

fn percent(value: f64) -> String {
    format!("{value:.1}%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_people_ahead_are_each_drawn() {
        let count = |picture: &Picture, class| {
            picture.people.iter().filter(|one| one.class == class).count()
        };
        let picture = Picture::new(3, 8, 4);
        assert_eq!(count(&picture, "person"), 3);
        assert_eq!(count(&picture, "person gone"), 5);
        assert_eq!(count(&picture, "person behind"), 0);
        assert_eq!(count(&Picture::new(900_000, 900_000, 2_000_000), "person"), 42);
    }

    proptest! {
        #[test]
        fn the_mark_moves_toward_the_gate_only(
            at_join in 0i64..10_000_000,
            share in 0.0f64..1.0,
            step in 0i64..1000,
        ) {
            let ahead = (at_join as f64 * share) as i64;
            let (now, later) = (position(ahead, at_join), position(ahead - step, at_join));
            prop_assert!(later <= now);
            prop_assert!((GATE..=START).contains(&now));
        }
    }
}
