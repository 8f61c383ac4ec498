//! What marking a show as high-traffic does, and taking the mark away: in words, and setting by
//! setting. Pure.

use admission::contract::{EntropySource, LineMethod};
use catalog::contract::when;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use waitroom::contract::{Phase, RoomState};

use crate::{
    high_traffic::RoomSpec,
    room::{
        measures::{Flow, Measures},
        method::{METHODS, of, source_words},
        outlook::Span,
        preview,
        words::{count, per_sec, waiting_words},
    },
};

/// A line whose length everybody can picture, to say what a rate means before anybody waits.
const CROWD: i64 = 10_000;

/// One setting, as it is and as it would be.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Setting {
    /// Such as `Lanes`.
    pub name: &'static str,
    /// Absent where there is no room yet.
    pub before: Option<String>,
    /// The same as `before` where it stays.
    pub after: String,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// A sentence or more for each thing, the weightiest first. Empty where nothing would change.
    pub words: Vec<String>,
    pub settings: Vec<Setting>,
}

/// What marking does to a show that has no room yet.
pub fn with_new_room(title: &str, spec: &RoomSpec, now: DateTime<Utc>, time_zone: &str) -> Effect {
    let opens = match &spec.opens_at {
        Some(at) if *at <= now => {
            "The time it opens has passed: it opens within a second.".to_owned()
        }
        Some(at) => format!(
            "Nobody can join before it opens by itself on {}, unless somebody opens it.",
            when::full(*at, time_zone)
        ),
        None => "Nobody can join before somebody opens it.".to_owned(),
    };
    let passes = spec.new_method() == LineMethod::Passthrough;
    let speed = match Span::of(CROWD, spec.rate_per_sec) {
        Some(wait) => format!(
            "{}/s are let in at most: of {} in line, the last waits {} or longer. The pace follows \
                checkout, so it may be slower.",
            per_sec(spec.rate_per_sec),
            count(CROWD),
            wait.words
        ),
        None => "At 0/s nobody is let in, and nobody can be told how long it takes.".to_owned(),
    };
    let mut words = vec![
        format!(
            "A room is made for {title}, with {} in its line; their number cannot be changed \
                later. {opens}",
            lanes(spec.lanes)
        ),
        format!(
            "At most {} sessions are in checkout at once, and whoever is let in has {} seconds to \
                come.",
            count(spec.max_active.into()),
            spec.claim_window_secs
        ),
        order(spec),
        TOLD.to_owned(),
        "Nobody waits for this show yet, so nobody is affected now.".to_owned(),
    ];
    if !passes {
        words.insert(1, speed);
    }
    let new = |name, after| Setting { name, before: None, after };
    let settings = vec![
        Setting { name: HIGH_TRAFFIC, before: Some("no".to_owned()), after: "yes".to_owned() },
        new(LANES, spec.lanes.to_string()),
        new(RATE, rate(spec.new_method(), spec.rate_per_sec)),
        new(CAP, count(spec.max_active.into())),
        new(WINDOW, spec.claim_window_secs.to_string()),
        new(ORDER, of(&METHODS, spec.new_method()).title.to_owned()),
        new(OPENS, opening(spec.opens_at, time_zone)),
    ];
    Effect { words, settings }
}

/// What marking does to a show whose room is there, marked or not.
pub fn with_room(
    marked: bool,
    room: &RoomState,
    measures: &Measures,
    spec: &RoomSpec,
    time_zone: &str,
) -> Effect {
    let mut words = preview::effects(room, measures, &spec.settings(room.method), time_zone);
    if !marked {
        words.push(TOLD.to_owned());
    }
    if !words.is_empty() {
        words.push(format!(
            "The room keeps its {}. {}",
            lanes(room.lanes),
            goes_on(room, &measures.flow, time_zone)
        ));
    }
    let setting =
        |name, before: String, after: String| Setting { name, before: Some(before), after };
    let same = |name, value: String| setting(name, value.clone(), value);
    let settings = vec![
        setting(HIGH_TRAFFIC, yes_or_no(marked), yes_or_no(true)),
        same(LANES, room.lanes.to_string()),
        setting(RATE, rate(room.method, room.rate_per_sec), rate(room.method, spec.rate_per_sec)),
        setting(CAP, count(room.max_active.into()), count(spec.max_active.into())),
        setting(WINDOW, room.claim_window_secs.to_string(), spec.claim_window_secs.to_string()),
        same(ORDER, of(&METHODS, room.method).title.to_owned()),
        same(OPENS, opening(room.opens_at, time_zone)),
    ];
    Effect { words, settings }
}

/// What taking the mark away does.
pub fn without_mark(marked: bool, room: Option<(&RoomState, &Flow)>, time_zone: &str) -> Effect {
    let mut words = Vec::new();
    if marked {
        words.push(
            "The show's page and the list of shows no longer say that it is sold through a waiting \
                room.".to_owned(),
        );
        if let Some((room, flow)) = room {
            words.push(format!(
                "Its room stays as it is, and fans still come to the show through it. {}",
                goes_on(room, flow, time_zone)
            ));
        }
    }
    let settings = vec![Setting {
        name: HIGH_TRAFFIC,
        before: Some(yes_or_no(marked)),
        after: yes_or_no(false),
    }];
    Effect { words, settings }
}

const TOLD: &str =
    "The show's page and the list of shows say from now on that it is sold through a waiting room.";
const HIGH_TRAFFIC: &str = "High traffic";
const LANES: &str = "Lanes";
const RATE: &str = "Let in per second, at most";
const CAP: &str = "Sessions in checkout, at most";
const WINDOW: &str = "Time to claim, in seconds";
const OPENS: &str = "Opens by itself";
const ORDER: &str = "Who is let in first";

/// How a new room orders those who come, and what is mixed into its draw.
fn order(spec: &RoomSpec) -> String {
    match spec.new_method() {
        LineMethod::Draw => {
            let source = spec.entropy_source.unwrap_or(EntropySource::None);
            format!("{} {}", of(&METHODS, LineMethod::Draw).promise, source_words(source))
        }
        method => of(&METHODS, method).promise.to_owned(),
    }
}

fn rate(method: LineMethod, rate_per_sec: f64) -> String {
    match method {
        LineMethod::Passthrough => "as fast as checkout has room".to_owned(),
        LineMethod::Draw | LineMethod::FirstCome => per_sec(rate_per_sec),
    }
}

fn lanes(number: i32) -> String {
    if number == 1 { "1 lane".to_owned() } else { format!("{number} lanes") }
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn opening(at: Option<DateTime<Utc>>, time_zone: &str) -> String {
    at.map_or_else(|| "no, somebody opens it".to_owned(), |at| when::full(at, time_zone))
}

/// What a room goes on doing, whatever is said about its show.
fn goes_on(room: &RoomState, flow: &Flow, time_zone: &str) -> String {
    match (room.phase, room.opens_at) {
        (Phase::Draft, _) => "It is a draft, and nobody can join.".to_owned(),
        (Phase::Scheduled | Phase::PreQueue, Some(at)) => {
            format!("It still opens by itself on {}.", when::full(at, time_zone))
        }
        (Phase::Scheduled | Phase::PreQueue, None) => {
            "It still opens when somebody opens it.".to_owned()
        }
        (Phase::Drawing, _) => "Its draw is being made, and it opens then.".to_owned(),
        (Phase::Open, _) => {
            format!("It is open and stays so. {} They keep their places.", waiting_words(flow))
        }
        (Phase::Paused, _) => {
            format!("It is paused and stays so. {} They keep their places.", waiting_words(flow))
        }
        (Phase::Closed, _) => "It is closed and stays so: nobody can join it.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::fixtures;

    const ZONE: &str = "Europe/Oslo";

    fn room(phase: Phase, opens_at: Option<DateTime<Utc>>) -> RoomState {
        RoomState { phase, rate_per_sec: 200.0, opens_at, ..fixtures::room() }
    }

    fn flow(waiting: i64) -> Flow {
        let seen = fixtures::flow(waiting);
        Flow { admitted_per_sec: 200.0, unclaimed: 0, active: 0, ..seen }
    }

    fn measures(waiting: i64) -> Measures {
        fixtures::measures(flow(waiting))
    }

    fn spec() -> RoomSpec {
        RoomSpec {
            lanes: 8,
            rate_per_sec: 50.0,
            max_active: 1000,
            claim_window_secs: 120,
            opens_at: None,
            method: None,
            entropy_source: None,
        }
    }

    fn noon() -> DateTime<Utc> {
        "2031-05-01T12:00:00Z".parse().expect("a time")
    }

    fn changed(effect: &Effect) -> Vec<(&'static str, &str, &str)> {
        let shown = |setting: &Setting| setting.before.as_deref() != Some(&setting.after);
        let of = |setting| {
            let Setting { name, before, after }: &Setting = setting;
            (*name, before.as_deref().unwrap_or_default(), after.as_str())
        };
        effect.settings.iter().filter(|setting| shown(setting)).map(of).collect()
    }

    #[test]
    fn a_new_room_is_told_with_all_its_settings_and_whom_it_affects() {
        let effect = with_new_room(
            "Harbour Lights",
            &RoomSpec { opens_at: Some(noon()), ..spec() },
            DateTime::UNIX_EPOCH,
            ZONE,
        );
        let text = effect.words.join(" ");
        for part in [
            "A room is made for Harbour Lights, with 8 lanes in its line",
            "opens by itself on Thursday 1 May 2031 at 14:00, Oslo time",
            "50/s are let in at most: of 10,000 in line, the last waits",
            "1,000 sessions",
            "120 seconds",
            "nobody is affected now",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(effect.settings.len(), 7);
        assert_eq!(changed(&effect).len(), 7);
        let of = |opens_at| {
            with_new_room("Harbour Lights", &RoomSpec { opens_at, ..spec() }, noon(), ZONE).words[0]
                .clone()
        };
        assert!(of(Some(noon())).contains("opens within a second"));
        assert!(of(None).contains("before somebody opens it"));
        let shut = with_new_room(
            "Harbour Lights",
            &RoomSpec { rate_per_sec: 0.0, ..spec() },
            noon(),
            ZONE,
        );
        assert!(shut.words[1].contains("nobody is let in"), "{shut:?}");
    }

    #[test]
    fn whom_a_new_room_lets_in_first_is_said_with_what_it_promises() {
        let told = |method, entropy_source| {
            let spec = RoomSpec { method, entropy_source, ..spec() };
            with_new_room("Harbour Lights", &spec, noon(), ZONE).words.join(" ")
        };
        let draw = told(None, Some(EntropySource::Drand));
        assert!(draw.contains("A public beacon") && draw.contains("50/s are let in"), "{draw}");
        assert!(told(None, None).contains("Mixed into the draw: Nothing."));
        let through = told(Some(LineMethod::Passthrough), None);
        assert!(through.contains("while checkout has room"), "{through}");
        assert!(!through.contains("50/s"), "it has no rate: {through}");
    }

    #[test]
    fn a_room_that_is_there_changes_only_what_a_spec_can_change() {
        let before = room(Phase::Scheduled, Some(noon()));
        let spec = RoomSpec { opens_at: Some(DateTime::UNIX_EPOCH), ..spec() };
        let effect = with_room(false, &before, &measures(0), &spec, ZONE);
        assert_eq!(
            changed(&effect),
            [
                ("High traffic", "no", "yes"),
                ("Let in per second, at most", "200", "50"),
                ("Sessions in checkout, at most", "2,000", "1,000")
            ]
        );
        let opens = effect.settings.last().expect("settings");
        assert_eq!(
            (opens.name, opens.after.as_str()),
            ("Opens by itself", "Thursday 1 May 2031 at 14:00, Oslo time")
        );
        let text = effect.words.join(" ");
        assert!(
            text.contains(
                "keeps its 4 lanes. It still opens by itself on Thursday 1 May 2031 at 14:00"
            ),
            "{text}"
        );
        let open = with_room(true, &room(Phase::Open, None), &measures(12_408), &spec, ZONE)
            .words
            .join(" ");
        for part in [
            "At 50/s at most the last of them waits",
            "12,408 are waiting. They keep their places.",
        ] {
            assert!(open.contains(part), "{part}: {open}");
        }
        assert!(!open.contains("from now on"), "it is marked already: {open}");
    }

    #[test]
    fn what_stays_as_it_is_has_no_words() {
        let as_is = RoomSpec { rate_per_sec: 200.0, max_active: 2000, ..spec() };
        assert_eq!(
            with_room(true, &room(Phase::Open, None), &measures(3), &as_is, ZONE).words,
            Vec::<String>::new()
        );
        assert_eq!(without_mark(false, None, ZONE).words, Vec::<String>::new());
    }

    #[test]
    fn without_the_mark_the_room_goes_on() {
        let effect = without_mark(true, Some((&room(Phase::Open, None), &flow(1))), ZONE);
        assert_eq!(changed(&effect), [("High traffic", "yes", "no")]);
        assert!(effect.words[1].contains("Its room stays"), "{effect:?}");
        assert!(effect.words[1].contains("1 is waiting."), "{effect:?}");
        assert_eq!(without_mark(true, None, ZONE).words.len(), 1);
    }
}
