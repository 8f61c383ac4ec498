//! What becomes of those who come where a room sleeps otherwise. Pure.

use kit::number::counted;
use waitroom::contract::{RoomChange, RoomState};

use crate::room::words::per_sec;

pub fn words(room: &RoomState, then: &RoomState, change: &RoomChange) -> Vec<String> {
    let mut words = Vec::new();
    if change.wake && room.sleep.asleep {
        words.push(
            "The room wakes within a second: whoever comes from then on joins its line. Whoever is \
             inside stays, and passes that were given stay good."
                .to_owned(),
        );
    }
    if then.sleep.sleeps != room.sleep.sleeps {
        words.push(if then.sleep.sleeps {
            "Where nobody has waited for some minutes it goes to sleep: whoever comes then goes \
             straight in, until a crowd wakes it."
                .to_owned()
        } else {
            "It keeps its line, whether or not somebody waits.".to_owned()
        });
    }
    let at = |room: &RoomState| room.sleep.wakes_at(room.max_active);
    if then.sleep.wake_per_sec.to_bits() != room.sleep.wake_per_sec.to_bits()
        || then.sleep.wake_active != room.sleep.wake_active
    {
        words.push(format!(
            "Asleep, it wakes where more than {}/s come for a few seconds, or {} in checkout.",
            per_sec(then.sleep.wake_per_sec),
            counted(at(then).into(), "fan is", "fans are")
        ));
    }
    words
}

#[cfg(test)]
mod tests {
    use waitroom::contract::Sleep;

    use super::*;
    use crate::room::fixtures::room;

    #[test]
    fn each_change_has_a_sentence() {
        let asleep =
            RoomState { sleep: Sleep { asleep: true, sleeps: true, ..Sleep::default() }, ..room() };
        let told = |change: RoomChange| {
            let then = waitroom::contract::changed(&asleep, &change).expect("a change");
            words(&asleep, &then, &change)
        };
        assert_eq!(told(RoomChange::default()), Vec::<String>::new());
        assert!(told(RoomChange { wake: true, ..RoomChange::default() })[0].contains("wakes"));
        let kept = told(RoomChange { sleeps: Some(false), ..RoomChange::default() });
        assert!(kept[0].contains("keeps its line"));
        let limits = told(RoomChange { wake_active: Some(7), ..RoomChange::default() });
        assert!(limits[0].contains("5/s") && limits[0].contains("7 fans are"), "{limits:?}");
    }
}
