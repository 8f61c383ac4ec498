//! What the queue page shows: its states and its words. No I/O.

use std::sync::Arc;

use admission::contract::RoomName;
use askama::Template;
use catalog::contract::{
    Show,
    price::grouped,
    when::{self, Moment},
};
use chrono::{DateTime, Utc};
use kit::asset::Asset;

use crate::{
    http::pages::queue::picture::{GATE, Picture, START},
    place::wait::WaitRange,
    room::phase::Phase,
};

/// Keeps the page alive; without it the page reloads itself.
pub static QUEUE_JS: Asset = Asset {
    name: "queue.js",
    mime: "text/javascript; charset=utf-8",
    body: include_str!("../../../../assets/queue.js"),
};

/// The queue page of one show's room.
#[derive(Template)]
#[template(path = "queue.html")]
pub struct QueuePage {
    pub room: RoomName,
    pub show: Arc<Show>,
    pub view: QueueView,
    pub keeping: Keeping,
    pub now: DateTime<Utc>,
}

/// What keeps the fan's place.
#[derive(Debug, Clone)]
pub enum Keeping {
    Cookie,
    /// The page's address, which holds the place ticket.
    Address {
        ticket: String,
        keeps_cookies: bool,
    },
}

/// Where the fan stands.
#[derive(Debug, Clone)]
pub enum QueueView {
    /// Before joining. `phase` says whether one can.
    NotJoined(Entrance),
    Waiting(Waiting),
    YourTurn(YourTurn),
    WindowMissed(WindowMissed),
    /// The place let its fan into checkout.
    Entered(Entrance),
    /// It was the fan's turn, and the sale was stopped; the entrance's message says why.
    Stopped(Stopped),
    /// The room is closed; `message` is the operator's word about it, or empty.
    Closed {
        message: String,
    },
}

#[derive(Debug, Clone)]
pub struct Entrance {
    pub phase: Phase,
    pub people_waiting: i64,
    /// The likely wait of someone who joins now.
    pub wait: Option<WaitRange>,
    pub claim_window_secs: i32,
    pub message: String,
}

#[derive(Debug, Clone)]
pub struct Waiting {
    pub lane: i32,
    pub offset: i64,
    /// The fan's number in the whole line since it began, from 1. It never changes.
    pub number: i64,
    pub ahead: i64,
    pub ahead_at_join: i64,
    /// Everybody who waits in the room now, the fan among them.
    pub people_waiting: i64,
    pub wait: Option<WaitRange>,
    pub phase: Phase,
    pub message: String,
    pub joined_at: DateTime<Utc>,
    pub claim_window_secs: i32,
    pub poll_after_ms: u32,
}

#[derive(Debug, Clone)]
pub struct YourTurn {
    pub claim_until: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub struct WindowMissed {
    /// When the window ended; `None` where that is too long ago to know.
    pub missed_at: Option<DateTime<Utc>>,
    pub claim_window_secs: i32,
    /// Whether one can join again, and how it looks there now.
    pub entrance: Entrance,
}

#[derive(Debug, Clone)]
pub struct Stopped {
    /// When the turn ends, or ended; `None` where that is too long ago to know.
    pub claim_until: Option<DateTime<Utc>>,
    /// Whether one can join again.
    pub entrance: Entrance,
}

impl QueuePage {
    fn zone(&self) -> &str {
        &self.show.venue.time_zone
    }

    fn show_time(&self) -> String {
        when::full(self.show.starts_at, self.zone())
    }

    /// A time of today, to the second.
    fn clock(&self, at: &DateTime<Utc>) -> Moment {
        Moment::clock(*at, self.zone())
    }

    fn opens(&self) -> Moment {
        Moment::full(self.show.on_sale_at, self.zone())
    }

    /// Whether the page goes in by itself where scripts run; without cookies that would lead
    /// nowhere.
    fn goes_in(&self) -> bool {
        !matches!(self.keeping, Keeping::Address { keeps_cookies: false, .. })
    }

    /// What the addresses of this page's forms end in.
    fn query(&self) -> String {
        match &self.keeping {
            Keeping::Cookie => String::new(),
            Keeping::Address { ticket, .. } => format!("?place={ticket}"),
        }
    }

    fn opens_later(&self) -> bool {
        self.show.on_sale_at > self.now
    }

    /// The document's title says the state first, because it is read in a row of tabs.
    fn title(&self) -> String {
        let state = match &self.view {
            QueueView::NotJoined(_) => "The line".to_owned(),
            QueueView::Waiting(waiting) => waiting.title(),
            QueueView::YourTurn(_) => "It is your turn".to_owned(),
            QueueView::WindowMissed(_) => "Your turn has passed".to_owned(),
            QueueView::Entered(_) => "You went into checkout".to_owned(),
            QueueView::Stopped(_) => "Nothing is sold right now".to_owned(),
            QueueView::Closed { .. } => "The line has closed".to_owned(),
        };
        format!("{state} · {}", self.show.title)
    }

    /// Seconds after which the page reloads itself where scripts do not run; `None` where nothing
    /// will change.
    fn reload_secs(&self) -> Option<i64> {
        match &self.view {
            QueueView::NotJoined(_) | QueueView::Stopped(_) => Some(30),
            QueueView::Waiting(waiting) => {
                Some(i64::from(waiting.poll_after_ms / 1000).clamp(5, 30))
            }
            QueueView::YourTurn(turn) => {
                Some((turn.claim_until - self.now).num_seconds().max(0) + 2)
            }
            QueueView::WindowMissed(_) | QueueView::Entered(_) | QueueView::Closed { .. } => None,
        }
    }
}

impl Entrance {
    fn people(&self) -> String {
        match self.people_waiting {
            ..=0 => "Nobody is waiting right now.".to_owned(),
            1 => "One person is waiting.".to_owned(),
            many => format!("{} people are waiting.", number(many)),
        }
    }

    fn window(&self) -> String {
        duration(self.claim_window_secs)
    }
}

impl Waiting {
    fn place(&self) -> i64 {
        self.ahead.max(0) + 1
    }

    fn place_text(&self) -> String {
        number(self.place())
    }

    fn number_text(&self) -> String {
        number(self.number)
    }

    fn title(&self) -> String {
        match self.ahead {
            ..=0 => "You are next".to_owned(),
            ahead => format!("{} ahead", number(ahead)),
        }
    }

    fn ahead_words(&self) -> String {
        match self.ahead {
            ..=0 => "You are next.".to_owned(),
            1 => "One person is ahead of you.".to_owned(),
            many => format!("{} people are ahead of you.", number(many)),
        }
    }

    fn wait_words(&self) -> String {
        match (self.phase, self.wait) {
            (Phase::Open, Some(range)) => format!("That is {}.", range.words()),
            (Phase::Open | Phase::Closed, _) => {
                "We cannot say right now how long that takes.".to_owned()
            }
            (Phase::Paused, _) => "The line is paused. Your place is safe.".to_owned(),
            (Phase::Draft | Phase::Scheduled | Phase::PreQueue, _) => {
                "Nobody is let in yet. Your place is safe.".to_owned()
            }
        }
    }

    fn passed_words(&self) -> String {
        match self.ahead_at_join - self.ahead {
            ..=0 => "The line moves from right to left, toward the gate.".to_owned(),
            1 => "One person has gone in since you joined.".to_owned(),
            many => format!("{} people have gone in since you joined.", number(many)),
        }
    }

    /// How the picture reads: `place 12,409 of about 80,200`.
    fn picture_words(&self) -> String {
        let all = self.people_waiting.max(self.place());
        let all = if all >= 1000 { (all + 50) / 100 * 100 } else { all };
        format!("place {} of about {}", number(self.place()), number(all.max(self.place())))
    }

    fn picture(&self) -> Picture {
        Picture::new(self.ahead, self.ahead_at_join, self.people_waiting)
    }

    fn window(&self) -> String {
        duration(self.claim_window_secs)
    }
}

impl YourTurn {
    fn left_ms(&self, now: &DateTime<Utc>) -> i64 {
        (self.claim_until - *now).num_milliseconds().max(0)
    }

    fn left(&self, now: &DateTime<Utc>) -> String {
        when::span(self.left_ms(now) / 1000)
    }
}

impl Stopped {
    /// The end of a turn that is not over.
    fn turn_until(&self, now: &DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.claim_until.filter(|until| until > now)
    }
}

impl WindowMissed {
    fn window(&self) -> String {
        duration(self.claim_window_secs)
    }
}

fn number(number: i64) -> String {
    grouped(u64::try_from(number).unwrap_or(0))
}

/// `90 seconds`, `2 minutes`
fn duration(secs: i32) -> String {
    match (secs, secs % 60) {
        (60, _) => "1 minute".to_owned(),
        (1, _) => "1 second".to_owned(),
        (120.., 0) => format!("{} minutes", secs / 60),
        _ => format!("{secs} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_page(view: QueueView) -> String {
        kept_page(view, Keeping::Cookie)
    }

    fn kept_page(view: QueueView, keeping: Keeping) -> String {
        let now: DateTime<Utc> = "2026-11-21T19:00:00Z".parse().expect("a time");
        let show = Show {
            show: "harbour-lights".into(),
            title: "Harbour <Lights>".into(),
            performer: "Mira Vale".into(),
            genre: "Pop".into(),
            description: String::new(),
            venue: catalog::contract::Venue {
                name: "Hafenhalle".into(),
                city: "Hamburg".into(),
                country: "DE".into(),
                address: String::new(),
                time_zone: "Europe/Berlin".into(),
            },
            doors_at: now,
            starts_at: now,
            on_sale_at: now + chrono::Duration::days(1),
            high_traffic: true,
        };
        QueuePage {
            room: "harbour".parse().expect("a name"),
            show: Arc::new(show),
            view,
            keeping,
            now,
        }
        .render()
        .expect("the page renders")
    }

    fn entrance(phase: Phase) -> Entrance {
        let wait = Some(WaitRange { low_secs: 125, high_secs: 230 });
        Entrance {
            phase,
            people_waiting: 1204,
            wait,
            claim_window_secs: 120,
            message: String::new(),
        }
    }

    fn waiting() -> Waiting {
        Waiting {
            lane: 1,
            offset: 9000,
            number: 36_002,
            ahead: 12_408,
            ahead_at_join: 31_020,
            people_waiting: 80_214,
            wait: Some(WaitRange { low_secs: 750, high_secs: 1070 }),
            phase: Phase::Open,
            message: String::new(),
            joined_at: DateTime::UNIX_EPOCH,
            claim_window_secs: 120,
            poll_after_ms: 2000,
        }
    }

    /// The page has each of `parts`.
    fn says(view: QueueView, parts: &[&str]) {
        let page = a_page(view);
        for part in parts {
            assert!(page.contains(part), "{part} is missing in {page}");
        }
    }

    #[test]
    fn whoever_has_not_joined_can_do_so_where_the_line_takes_people() {
        let join = "action=\"/queue/harbour-lights/join\"";
        says(
            QueueView::NotJoined(entrance(Phase::Open)),
            &[join, "1,204 people are waiting.", "about 2 to 4 minutes"],
        );
        says(
            QueueView::NotJoined(entrance(Phase::PreQueue)),
            &[
                join,
                "datetime=\"2026-11-22T20:00:00+01:00\" data-own=\"full\">Sunday 22 November 2026 \
                    at 20:00, Berlin time",
            ],
        );
        assert!(!a_page(QueueView::NotJoined(entrance(Phase::Scheduled))).contains(join));
    }

    #[test]
    fn whoever_waits_reads_place_wait_and_picture() {
        let open = ["12,409", "12,408 people are ahead of you.", "That is about 12 to 18 minutes."];
        says(QueueView::Waiting(waiting()), &open);
        let picture = "aria-label=\"place 12,409 of about 80,200\"";
        says(
            QueueView::Waiting(waiting()),
            &[picture, "18,612 people have gone in", "http-equiv=\"refresh\" content=\"5\""],
        );
        let paused = Waiting { phase: Phase::Paused, message: "<b>Soon.".into(), ..waiting() };
        says(
            QueueView::Waiting(paused),
            &["The line is paused. Your place is safe.", "&#60;b&#62;Soon."],
        );
        says(
            QueueView::Waiting(Waiting { ahead: 0, ..waiting() }),
            &["You are next · Harbour", "You are next."],
        );
    }

    #[test]
    fn whoever_is_let_in_or_missed_it_reads_what_to_do() {
        let at: DateTime<Utc> = "2026-11-21T19:02:00Z".parse().expect("a time");
        let turn = [
            "It is your turn · ",
            "datetime=\"2026-11-21T20:02:00+01:00\" data-own=\"clock\">20:02:00, Berlin \
                time</time>",
            "<noscript>, 2 minutes from when this page was loaded</noscript>",
            "/enter\"",
            "data-left-ms=\"120000\"",
        ];
        says(QueueView::YourTurn(YourTurn { claim_until: at }), &turn);
        let missed = |phase| {
            QueueView::WindowMissed(WindowMissed {
                missed_at: Some(at),
                claim_window_secs: 120,
                entrance: entrance(phase),
            })
        };
        says(missed(Phase::Open), &["name=\"again\" value=\"1\"", "You had 2 minutes to go in"]);
        says(missed(Phase::Closed), &["The line takes nobody now"]);
        let ways = [
            "href=\"/checkout/harbour-lights\"",
            "name=\"again\" value=\"1\"",
            "Join the line again",
        ];
        says(QueueView::Entered(entrance(Phase::Open)), &ways);
        assert!(!a_page(QueueView::Entered(entrance(Phase::Closed))).contains("name=\"again\""));
        says(QueueView::Closed { message: String::new() }, &["The line has closed"]);
    }

    #[test]
    fn whoever_was_let_in_reads_what_is_said_of_the_sale() {
        let told = |phase| Entrance { message: "Not \"now\".".into(), ..entrance(phase) };
        let said = "Not &#34;now&#34;.";
        let at = |text: &str| Some(text.parse().expect("a time"));
        let stopped = |claim_until| {
            QueueView::Stopped(Stopped { claim_until, entrance: told(Phase::Paused) })
        };
        let marked = "data-phase=\"paused\" data-message=\"Not &#34;now&#34;.\"";
        let turn = "Your turn goes until <time class=\"num nowrap\" \
            datetime=\"2026-11-21T20:02:00+01:00\"";
        let anew = "name=\"again\" value=\"1\"";
        let on = stopped(at("2026-11-21T19:02:00Z"));
        says(
            on.clone(),
            &[said, marked, turn, "If the sale does not go on before, you must join again."],
        );
        assert!(!a_page(on).contains(anew));
        for over in [at("2026-11-21T18:58:00Z"), None] {
            says(stopped(over), &[said, marked, "you must join again", anew]);
            assert!(!a_page(stopped(over)).contains("Your turn goes until"));
        }
        let missed =
            WindowMissed { missed_at: None, claim_window_secs: 120, entrance: told(Phase::Paused) };
        says(QueueView::WindowMissed(missed), &[said]);
        says(QueueView::Entered(told(Phase::Closed)), &[said]);
        says(QueueView::NotJoined(told(Phase::Paused)), &[said, marked]);
    }

    /// What shows without scripts: neither what waits for them nor what they would show.
    fn without_scripts(page: &str) -> String {
        let parts = page.split("data-scripted hidden>").enumerate();
        let shown = parts.map(|(index, part)| {
            if index == 0 { part } else { part.split_once("</span>").map_or("", |(_, rest)| rest) }
        });
        shown.collect()
    }

    #[test]
    fn only_a_page_with_scripts_says_that_it_goes_on_by_itself() {
        let pages = [
            QueueView::NotJoined(entrance(Phase::Open)),
            QueueView::NotJoined(entrance(Phase::Scheduled)),
            QueueView::Waiting(waiting()),
            QueueView::YourTurn(YourTurn { claim_until: DateTime::UNIX_EPOCH }),
        ];
        for view in pages {
            let page = a_page(view);
            let bare = without_scripts(&page);
            let promises: Vec<&str> = bare.matches("by itself").collect();
            // It does reload, by its own `refresh`, as often as it says.
            let kept = bare.matches("reloads by itself every 5 seconds").count();
            assert_eq!(promises.len(), kept, "{bare}");
        }
        assert!(a_page(QueueView::Waiting(waiting())).contains("takes you to checkout by itself"));
    }

    #[test]
    fn the_page_is_light() {
        assert!(QUEUE_JS.body.len() < 10 * 1024);
        assert!(kit::asset::STYLESHEET.body.len() < 20 * 1024);
    }

    #[test]
    fn durations_read_naturally() {
        assert_eq!(duration(120), "2 minutes");
        assert_eq!(duration(90), "90 seconds");
        assert_eq!(duration(60), "1 minute");
        assert_eq!(duration(1), "1 second");
    }
}
