//! In the line.

use admission::contract::{HoldBack, StockState};
use catalog::contract::when;
use chrono::{DateTime, Utc};

use crate::{
    http::pages::queue::{picture::Picture, states::duration, told},
    place::{
        chance::Sale,
        wait::{WaitCurve, WaitRange},
    },
    room::phase::Phase,
    turn_mail::near::NEAR_SECS,
};

#[derive(Debug, Clone)]
pub struct Waiting {
    /// The turn that heads count.
    pub lane: i32,
    pub offset: i64,
    /// `<lane>.<offset>` of the entry that was drawn; `None` of one that was not.
    pub entry: Option<String>,
    /// The fan's number in the whole line since it began, from 1. It never changes.
    pub number: i64,
    pub ahead: i64,
    pub ahead_at_join: i64,
    /// Everybody who waits in the room now, the fan among them.
    pub people_waiting: i64,
    pub wait: WaitCurve,
    /// What holds the line back.
    pub held_by: Vec<HoldBack>,
    pub sale: Option<Sale>,
    /// The end of the wait that this page told last, in seconds since 1970; it came back with the
    /// page's own reload.
    pub told: Option<i64>,
    pub phase: Phase,
    pub message: String,
    pub joined_at: DateTime<Utc>,
    /// When the line was last heard of.
    pub as_of: DateTime<Utc>,
    pub claim_window_secs: i32,
    pub poll_after_ms: u32,
}

/// One ticket type, for those who wait.
pub struct TypeView<'a> {
    pub name: &'a str,
    pub left: String,
    pub chance: String,
}

impl Waiting {
    pub fn place(&self) -> i64 {
        self.ahead.max(0) + 1
    }

    /// Whether a mail that says that the turn is near would come before it is.
    pub fn may_be_mailed(&self) -> bool {
        self.wait.range(self.ahead).is_none_or(|range| range.low_secs > NEAR_SECS)
    }

    pub fn place_text(&self) -> String {
        told::number(self.place())
    }

    pub fn number_text(&self) -> String {
        told::number(self.number)
    }

    pub fn title(&self) -> String {
        match self.ahead {
            ..=0 => "You are next".to_owned(),
            ahead => format!("{} ahead", told::number(ahead)),
        }
    }

    pub fn ahead_words(&self) -> String {
        told::ahead(self.ahead)
    }

    fn range(&self) -> Option<WaitRange> {
        self.wait.range(self.ahead)
    }

    /// How the wait is told, by the name that the head document has for it.
    pub fn say_name(&self) -> String {
        serde_json::to_value(self.wait.say)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    pub fn wait_words(&self) -> String {
        match &self.sale {
            // Said with what is left.
            Some(sale) if told::is_gone(sale) => String::new(),
            _ => self.wait.sentence(self.ahead),
        }
    }

    /// From when to when the wait is likely to end, in seconds since 1970.
    fn clock(&self, now: &DateTime<Utc>) -> Option<(i64, i64)> {
        told::clock(self.range()?, now.timestamp())
    }

    /// `You will be in between 20:10 and 20:16, Berlin time.`
    pub fn clock_words(&self, now: &DateTime<Utc>, zone: &str) -> String {
        let time = |secs| when::time(DateTime::from_timestamp(secs, 0).unwrap_or_default(), zone);
        let zone_name = when::zone_name(zone);
        match self.clock(now) {
            None => String::new(),
            Some((from, to)) if from == to => {
                format!("You will be in at about {}, {zone_name}.", time(to))
            }
            Some((from, to)) => {
                format!("You will be in between {} and {}, {zone_name}.", time(from), time(to))
            }
        }
    }

    /// In how many seconds the wait ends at the latest, as the page tells it.
    pub fn ends_in(&self) -> Option<i64> {
        i64::try_from(self.range()?.high_secs).ok()
    }

    /// The same as a time: in seconds since 1970.
    pub fn ends(&self, now: &DateTime<Utc>) -> Option<i64> {
        Some(now.timestamp() + self.ends_in()?)
    }

    /// Why the line moves no faster, and why a wait is longer than it was said to be.
    pub fn held_words(&self, now: &DateTime<Utc>) -> String {
        match (self.ends(now), self.told) {
            (Some(to), Some(told)) if told::is_later(told, to, now.timestamp()) => {
                told::later(&self.held_by)
            }
            (Some(_), _) => told::held(&self.held_by).to_owned(),
            (None, _) => String::new(),
        }
    }

    pub fn passed_words(&self) -> String {
        told::gone_in(self.ahead_at_join - self.ahead)
    }

    /// Heading and sentence over what is left.
    pub fn sale_words(&self) -> (&'static str, String) {
        self.sale.as_ref().map_or(("", String::new()), |sale| {
            (told::sale_title(sale, self.ahead), told::sale(sale, self.ahead))
        })
    }

    /// Whether staying is worth little: no ticket is free, or almost certainly none will be.
    pub fn is_poor(&self) -> bool {
        let sale = self.sale.as_ref();
        sale.is_some_and(|sale| told::is_gone(sale) || told::has_almost_none(sale, self.ahead))
    }

    /// What the script compares with, to know whether this is news.
    pub fn sale_news(&self) -> String {
        let few = self.sale.as_ref().is_some_and(|sale| sale.state == StockState::FewLeft);
        if self.is_poor() || few { format!("{}.", self.sale_words().0) } else { String::new() }
    }

    pub fn types(&self) -> Vec<TypeView<'_>> {
        let Some(sale) = &self.sale else { return Vec::new() };
        let chances = sale.chances(self.ahead);
        let rows = sale.types.iter().zip(chances).map(|(of_type, chance)| TypeView {
            name: &of_type.name,
            left: told::left(of_type),
            chance: told::chance(chance.percent),
        });
        rows.collect()
    }

    /// How the picture reads: `place 12,409 of about 80,200`.
    pub fn picture_words(&self) -> String {
        let all = self.people_waiting.max(self.place());
        let all = if all >= 1000 { (all + 50) / 100 * 100 } else { all };
        format!(
            "place {} of about {}",
            told::number(self.place()),
            told::number(all.max(self.place()))
        )
    }

    pub fn picture(&self) -> Picture {
        Picture::new(self.ahead, self.ahead_at_join, self.people_waiting)
    }

    pub fn window(&self) -> String {
        duration(self.claim_window_secs)
    }
}
