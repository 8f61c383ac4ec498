//! What a change does to those who wait, in words and numbers, before it is done. Pure. [`pace`]
//! has the words for how fast the line moves.

pub mod pace;
pub mod sleep;

use admission::contract::{EntropySource, LineMethod};
use catalog::contract::when;
use kit::number::counted;
use waitroom::contract::{Phase, RoomChange, RoomState, changed};

use crate::room::{
    measures::{Flow, Measures},
    method::{method_words, source_words},
    outlook::last_wait,
    words::{count, per_sec, phase_name, waiting_words},
};

/// What a change would do: one sentence or more for each thing that changes, the weightiest first.
/// Empty where nothing would change, or the change cannot be made. Times are told in the venue's
/// `time_zone`.
pub fn effects(
    room: &RoomState,
    measures: &Measures,
    change: &RoomChange,
    time_zone: &str,
) -> Vec<String> {
    let Ok(then) = changed(room, change) else { return Vec::new() };
    let flow = &measures.flow;
    let mut words = Vec::new();
    if then.phase != room.phase {
        words.push(phase_words(room, &then, measures, time_zone));
    }
    if then.method != room.method {
        words.push(method_words(then.method));
    }
    if let Some(source) = newly_announced(room, &then, change) {
        words.push(source_words(source));
        if room.method == LineMethod::Draw {
            words.push(
                "The draw is committed to anew, with another secret and another fingerprint."
                    .to_owned(),
            );
        }
    }
    if then.max_active != room.max_active {
        words.push(cap_words(room, measures, then.max_active));
    }
    // That a method brings a pace of its own was said with it.
    if then.method == room.method {
        words.extend(pace::words(room, &then, measures));
    } else if room.method == LineMethod::Passthrough {
        let rate = per_sec(then.rate_per_sec);
        words.push(format!("{rate}/s are let in at most, and the pace follows checkout."));
    }
    if then.claim_window_secs != room.claim_window_secs {
        words.push(window_words(room, then.claim_window_secs));
    }
    words.extend(sleep::words(room, &then, change));
    if then.message != room.message {
        words.push(message_words(flow, &then.message));
    }
    words
}

/// What would be mixed into the draw and was not announced.
fn newly_announced(
    room: &RoomState,
    then: &RoomState,
    change: &RoomChange,
) -> Option<EntropySource> {
    let announced = room.draw.as_ref().map(|draw| draw.entropy_source);
    let is_new = |source: &EntropySource| Some(*source) != announced;
    change.entropy_source.filter(|_| then.method == LineMethod::Draw).filter(is_new)
}

fn phase_words(room: &RoomState, then: &RoomState, measures: &Measures, time_zone: &str) -> String {
    let (flow, phase) = (&measures.flow, then.phase);
    let waiting = waiting_words(flow);
    match phase {
        Phase::Open if room.stop.is_some() => format!(
            "The sale of its show is stopped: nobody is let in until it goes on, and the room \
                opens then. {waiting} All keep \
             their places, and more may join."
        ),
        Phase::Open => {
            let rate = per_sec(then.rate_per_sec);
            match last_wait(room, then, measures) {
                Some(wait) => format!(
                    "The room opens. {waiting} They are let in at {rate}/s at most; the last of \
                        them waits {}.",
                    wait.words
                ),
                None => {
                    format!(
                        "The room opens. {waiting} Whoever joins is let in at {rate}/s at most."
                    )
                }
            }
        }
        Phase::Paused => format!(
            "{waiting} Nobody is let in until the room is resumed; they keep their places, and \
                more may join. {} let in \
             already may still come, and {} in checkout can finish.",
            counted(flow.unclaimed, "fan who was", "fans who were"),
            counted(flow.active, "session", "sessions"),
        ),
        Phase::Closed => format!(
            "This cannot be undone. {waiting} None of them will be let in, and their places are \
                lost; nobody can join any \
             more. {} let in already may still come, and {} in checkout can finish.",
            counted(flow.unclaimed, "fan who was", "fans who were"),
            counted(flow.active, "session", "sessions"),
        ),
        Phase::Drawing => {
            let source = then.draw.as_ref().map(|draw| draw.entropy_source);
            let waits = match source {
                Some(EntropySource::Operator) => {
                    " The draw waits until a text is entered before witnesses."
                }
                Some(EntropySource::Drand) => " The draw waits for the next round of drand.",
                Some(EntropySource::None) | None => "",
            };
            format!(
                "Entries are closed now. {waiting} Their order is drawn, the room opens by itself \
                    when that is done, and whoever joins meanwhile stands behind.{waits}"
            )
        }
        Phase::PreQueue => {
            "Fans can join the line from now on. Nobody is let in before the room is opened."
                .to_owned()
        }
        Phase::Draft | Phase::Scheduled => {
            let opens = match (&room.opens_at, phase) {
                (Some(_), Phase::Draft) => {
                    " It does not open by itself while it is a draft.".to_owned()
                }
                (Some(at), _) => format!(" It opens by itself on {}.", when::full(*at, time_zone)),
                (None, _) => String::new(),
            };
            format!(
                "The room becomes {}. Nobody can join until it opens. Now it is {}.{opens}",
                phase_name(&phase),
                phase_name(&room.phase)
            )
        }
    }
}

/// Those on their way count as the gate counts them: as many as will come.
fn cap_words(room: &RoomState, measures: &Measures, cap: i32) -> String {
    let flow = &measures.flow;
    let coming = (flow.unclaimed as f64 * measures.pace.comes()).ceil() as i64;
    let taken = flow.active + coming;
    let (cap_text, now) = (count(i64::from(cap)), count(i64::from(room.max_active)));
    let of_them = if coming < flow.unclaimed {
        format!(", about {} of whom will", count(coming))
    } else {
        String::new()
    };
    let inside = format!(
        "{} in checkout, and {} let in may still come{of_them}",
        counted(flow.active, "session is", "sessions are"),
        counted(flow.unclaimed, "fan who was", "fans who were")
    );
    let over = taken - i64::from(cap);
    if over > 0 {
        let mut words = format!(
            "The cap becomes {cap_text}; now it is {now}. {inside}. That is {} above the new cap: \
                nobody is sent away, but \
             nobody more is let in until so many have left.",
            count(over)
        );
        words += &at_the_door(flow.active, coming, i64::from(cap));
        return words;
    }
    let free = -over;
    let held_back = taken >= i64::from(room.max_active);
    let then = if cap > room.max_active && held_back && flow.waiting > 0 {
        format!(
            "{} of those who wait can be let in at once, as fast as the rate allows.",
            count(free.min(flow.waiting))
        )
    } else {
        format!("{} more can be inside.", count(free))
    };
    format!("The cap becomes {cap_text}; now it is {now}. {inside}. {then}")
}

/// What becomes of those who were let in and are `coming`, where there is no room for all of them:
/// the door to checkout counts sessions, not turns.
fn at_the_door(active: i64, coming: i64, cap: i64) -> String {
    let kept_out = coming.min(active + coming - cap);
    if kept_out <= 0 {
        return String::new();
    }
    let who = if kept_out < coming {
        format!(
            " Of those let in, {} must wait at the door to checkout until others have left.",
            count(kept_out)
        )
    } else {
        format!(
            " {} must wait at the door to checkout until {} left.",
            counted(kept_out, "fan who was let in", "fans who were let in"),
            counted(active - cap + 1, "session has", "sessions have")
        )
    };
    format!("{who} Their time to claim stands still meanwhile.")
}

fn window_words(room: &RoomState, window: i32) -> String {
    let now = room.claim_window_secs;
    let then = if window < now {
        "More of them may miss their turn, and places of those who do are given on sooner."
    } else {
        "Fewer of them miss their turn, but slots are kept longer for those who never come."
    };
    format!(
        "Whoever is let in from now on has {window} seconds to come; now it is {now}. Turns that \
            were given keep their time. {then}"
    )
}

fn message_words(flow: &Flow, message: &str) -> String {
    let who = match flow.waiting {
        0 => "Whoever joins".to_owned(),
        1 => "The one who waits".to_owned(),
        waiting => format!("All {} who wait", count(waiting)),
    };
    if message.is_empty() {
        format!("{who} will see no message.")
    } else {
        format!("{who} will read: “{message}”")
    }
}

#[cfg(test)]
mod tests;
