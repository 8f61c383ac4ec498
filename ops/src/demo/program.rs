//! What is on in the demo: the shows of `catalog.json`, with dates relative to today. Pure.

use std::collections::HashMap;

use anyhow::Context;
use catalog::contract::{NewShow, NewTicketType, ShowId, Venue};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;

/// Fans let in per second in the demo sale.
pub const RATE_PER_SEC: f64 = 4.0;
/// How long a newcomer waits in the demo sale.
pub const WAIT_SECS: f64 = 30.0;
pub const CLAIM_WINDOW_SECS: i32 = 90;
/// A few of the crowd close the page with something held, and keep their slot until their session
/// ends: the pace must hold beside them.
pub const MAX_ACTIVE: i32 = 600;

const FILE: &str = include_str!("catalog.json");
/// Tickets go on sale at this local hour.
const ON_SALE_AT: &str = "10:00";

#[derive(Debug, Deserialize)]
struct Program {
    venues: HashMap<String, Venue>,
    shows: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    show: ShowId,
    title: String,
    performer: String,
    genre: String,
    description: String,
    /// A key of `venues`.
    venue: String,
    in_weeks: u32,
    weekday: Weekday,
    /// Local times such as `19:30`.
    doors: String,
    starts: String,
    on_sale_in_days: i64,
    #[serde(default)]
    high_traffic: bool,
    ticket_types: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    #[serde(flatten)]
    ticket_type: NewTicketType,
    allotted: i32,
}

/// A show to put into the catalog, and its stock by ticket-type name.
#[derive(Debug, Clone)]
pub struct Planned {
    pub show: NewShow,
    pub allotted: HashMap<String, i32>,
}

/// The show with the line.
pub fn sale() -> anyhow::Result<ShowId> {
    let program: Program = serde_json::from_str(FILE).context("catalog.json")?;
    let sale = program
        .shows
        .into_iter()
        .find(|entry| entry.high_traffic)
        .context("no show has high traffic")?;
    Ok(sale.show)
}

/// All shows, with dates as seen from `now`: the same for a whole week, but for when sales start.
pub fn shows(now: DateTime<Utc>) -> anyhow::Result<Vec<Planned>> {
    let Program { venues, shows } = serde_json::from_str(FILE).context("catalog.json")?;
    shows.into_iter().map(|entry| planned(entry, &venues, now)).collect()
}

fn planned(
    entry: Entry,
    venues: &HashMap<String, Venue>,
    now: DateTime<Utc>,
) -> anyhow::Result<Planned> {
    let venue = venues
        .get(&entry.venue)
        .with_context(|| format!("there is no venue {}", entry.venue))?
        .clone();
    let zone: Tz =
        venue.time_zone.parse().with_context(|| format!("time zone {}", venue.time_zone))?;
    let today = now.with_timezone(&zone).date_naive();
    let on = date(today, entry.in_weeks, entry.weekday).context("the date is out of range")?;
    let on_sale_on = today + chrono::Duration::days(entry.on_sale_in_days);
    let allotted = entry
        .ticket_types
        .iter()
        .map(|kind| (kind.ticket_type.name.clone(), kind.allotted))
        .collect();
    let show = NewShow {
        show: entry.show,
        title: entry.title,
        performer: entry.performer,
        genre: entry.genre,
        description: entry.description,
        doors_at: local(on, &entry.doors, zone)?,
        starts_at: local(on, &entry.starts, zone)?,
        on_sale_at: local(on_sale_on, ON_SALE_AT, zone)?,
        high_traffic: entry.high_traffic,
        listed: true,
        ticket_types: entry.ticket_types.into_iter().map(|kind| kind.ticket_type).collect(),
        venue,
    };
    Ok(Planned { show, allotted })
}

/// The weekday of the week that begins so many weeks after this one.
fn date(today: NaiveDate, in_weeks: u32, weekday: Weekday) -> Option<NaiveDate> {
    let monday =
        today.checked_sub_days(Days::new(today.weekday().num_days_from_monday().into()))?;
    monday.checked_add_days(Days::new(u64::from(in_weeks * 7 + weekday.num_days_from_monday())))
}

fn local(date: NaiveDate, time: &str, zone: Tz) -> anyhow::Result<DateTime<Utc>> {
    let time = NaiveTime::parse_from_str(time, "%H:%M").with_context(|| format!("time {time}"))?;
    // Where clocks go back an hour comes twice, and the first is meant; where they go forward it
    // may not come at all.
    let at = date.and_time(time).and_local_timezone(zone).earliest();
    Ok(at.with_context(|| format!("{date} {time} does not exist in {zone}"))?.to_utc())
}

#[cfg(test)]
mod tests {
    use chrono::Timelike;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn the_program_holds_together_on_any_day_of_the_year() {
        let new_year = at("2030-01-01T12:00:00Z");
        for day in 0..366 {
            let now = new_year + chrono::Duration::days(day);
            let shows = shows(now).expect("a program");
            assert_eq!(shows.len(), 8);
            for Planned { show, allotted } in &shows {
                assert!(
                    show.doors_at < show.starts_at
                        && show.on_sale_at < show.starts_at
                        && show.starts_at > now
                );
                assert_eq!(allotted.len(), show.ticket_types.len(), "{}", show.show);
                assert!(allotted.values().all(|allotted| *allotted > 0));
            }
            assert_eq!(shows.iter().filter(|planned| planned.show.on_sale_at > now).count(), 2);
        }
    }

    #[test]
    fn one_show_has_the_line() {
        let shows = shows(Utc::now()).expect("a program");
        let high: Vec<_> = shows.iter().filter(|planned| planned.show.high_traffic).collect();
        assert_eq!(high.len(), 1);
        assert_eq!(high[0].show.show, sale().expect("a sale"));
        assert!(high[0].show.on_sale_at <= Utc::now());
    }

    #[test]
    fn times_are_local_to_the_venue() {
        let shows = shows(at("2030-07-01T12:00:00Z")).expect("a program");
        let kyoto =
            shows.iter().find(|planned| planned.show.venue.city == "Kyoto").expect("a show");
        assert_eq!(
            (kyoto.show.starts_at.hour(), kyoto.show.starts_at.minute()),
            (5, 0),
            "14:00 in Japan"
        );
        assert_eq!(kyoto.show.starts_at.weekday(), Weekday::Sun);
    }

    #[test]
    fn dates_stand_for_the_week() {
        let dates = |now| {
            shows(now).expect("a program").into_iter().map(|p| p.show.starts_at).collect::<Vec<_>>()
        };
        assert_eq!(dates(at("2030-06-04T12:00:00Z")), dates(at("2030-06-07T12:00:00Z")));
    }
}
