//! Times as people read them: in the venue's zone, with the zone named. What a fan must do in time
//! is a [`Moment`], which the fan's browser tells in the fan's own zone (`time.js`). Pure.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

/// `2026-11-21T20:00`, as browsers write a local time.
const LOCAL: &str = "%Y-%m-%dT%H:%M";

/// A zone we do not know tells times in UTC, and says so.
fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// Whether this is the IANA name of a time zone.
pub fn is_zone(name: &str) -> bool {
    name.parse::<Tz>().is_ok()
}

/// The parts of a date block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateBlock {
    /// `Nov`
    pub month: String,
    /// `21`
    pub day: String,
    /// `Sat`
    pub weekday: String,
}

pub fn date_block(at: DateTime<Utc>, time_zone: &str) -> DateBlock {
    let local = at.with_timezone(&zone(time_zone));
    let part = |pattern: &str| local.format(pattern).to_string();
    DateBlock { month: part("%b"), day: part("%-d"), weekday: part("%a") }
}

/// `Saturday 21 November 2026`
pub fn day(at: DateTime<Utc>, time_zone: &str) -> String {
    at.with_timezone(&zone(time_zone)).format("%A %-d %B %Y").to_string()
}

/// `20:00`
pub fn time(at: DateTime<Utc>, time_zone: &str) -> String {
    at.with_timezone(&zone(time_zone)).format("%H:%M").to_string()
}

/// `20:00:09`, for deadlines that are minutes away.
pub fn time_with_secs(at: DateTime<Utc>, time_zone: &str) -> String {
    at.with_timezone(&zone(time_zone)).format("%H:%M:%S").to_string()
}

/// `Saturday 21 November 2026 at 20:00, Berlin time`
pub fn full(at: DateTime<Utc>, time_zone: &str) -> String {
    format!("{} at {}, {}", day(at, time_zone), time(at, time_zone), zone_name(time_zone))
}

/// A time in words, and for the browser to tell anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// For `datetime`.
    pub machine: String,
    /// In the venue's zone, with the zone named.
    pub words: String,
}

impl Moment {
    /// Of today, to the second: `20:00:09, Berlin time`. Goes into `<time data-own="clock">`.
    pub fn clock(at: DateTime<Utc>, time_zone: &str) -> Self {
        let words = format!("{}, {}", time_with_secs(at, time_zone), zone_name(time_zone));
        Self { machine: machine(at, time_zone), words }
    }

    /// `Saturday 21 November 2026 at 20:00, Berlin time`. Goes into `<time data-own="full">`.
    pub fn full(at: DateTime<Utc>, time_zone: &str) -> Self {
        Self { machine: machine(at, time_zone), words: full(at, time_zone) }
    }

    /// `21 Nov 2026, 20:00, Berlin time`. Goes into `<time data-own="short">`.
    pub fn short(at: DateTime<Utc>, time_zone: &str) -> Self {
        let local = at.with_timezone(&zone(time_zone)).format("%-d %b %Y, %H:%M");
        Self {
            machine: machine(at, time_zone),
            words: format!("{local}, {}", zone_name(time_zone)),
        }
    }
}

/// A local time out of a form, in the venue's zone. Where clocks are put back, the earlier of two;
/// `None` for what is no time, or falls into the hour that clocks skip.
pub fn from_local(text: &str, time_zone: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let local = NaiveDateTime::parse_from_str(text, LOCAL)
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"))
        .ok()?;
    Some(zone(time_zone).from_local_datetime(&local).earliest()?.to_utc())
}

/// The same the other way round, for a field's value.
pub fn local(at: DateTime<Utc>, time_zone: &str) -> String {
    at.with_timezone(&zone(time_zone)).format(LOCAL).to_string()
}

/// How far off something is, for whoever cannot see it counted down: `4 minutes`, `45 seconds`.
/// Never more than it is.
pub fn span(secs: i64) -> String {
    match secs {
        ..=0 => "0 seconds".to_owned(),
        1 => "1 second".to_owned(),
        2..=59 => format!("{secs} seconds"),
        60..=119 => "1 minute".to_owned(),
        _ => format!("{} minutes", secs / 60),
    }
}

/// `Berlin time`
pub fn zone_name(time_zone: &str) -> String {
    match zone(time_zone) {
        Tz::UTC => "UTC".to_owned(),
        known => match known.name().rsplit_once('/') {
            Some((_, city)) => format!("{} time", city.replace('_', " ")),
            None => format!("{} time", known.name()),
        },
    }
}

/// RFC 3339 with the venue's offset, for machines: `2026-11-21T20:00:00+01:00`.
pub fn machine(at: DateTime<Utc>, time_zone: &str) -> String {
    at.with_timezone(&zone(time_zone)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_where_the_venue_is() {
        let at: DateTime<Utc> = "2026-11-21T19:00:00Z".parse().expect("a time");
        assert_eq!(full(at, "Europe/Berlin"), "Saturday 21 November 2026 at 20:00, Berlin time");
        assert_eq!(
            full(at, "America/New_York"),
            "Saturday 21 November 2026 at 14:00, New York time"
        );
        assert_eq!(machine(at, "Europe/Berlin"), "2026-11-21T20:00:00+01:00");
        let late: DateTime<Utc> = "2026-11-21T23:30:00Z".parse().expect("a time");
        assert_eq!(date_block(late, "Europe/Berlin").day, "22");
    }

    #[test]
    fn times_in_forms_are_those_of_the_venue() {
        let at = from_local("2026-11-21T20:00", "Europe/Berlin").expect("a time");
        assert_eq!(at.to_rfc3339(), "2026-11-21T19:00:00+00:00");
        assert_eq!(local(at, "Europe/Berlin"), "2026-11-21T20:00");
        assert_eq!(from_local("2026-03-29T02:30", "Europe/Berlin"), None, "clocks skip it");
        assert_eq!(from_local("tomorrow", "Europe/Berlin"), None);
    }

    #[test]
    fn moments_are_told_to_people_and_machines() {
        let at: DateTime<Utc> = "2026-11-21T19:00:09Z".parse().expect("a time");
        let moment = Moment::clock(at, "Europe/Berlin");
        assert_eq!(
            (moment.machine.as_str(), moment.words.as_str()),
            ("2026-11-21T20:00:09+01:00", "20:00:09, Berlin time")
        );
        assert_eq!(Moment::short(at, "Europe/Berlin").words, "21 Nov 2026, 20:00, Berlin time");
    }

    #[test]
    fn spans_promise_no_more_than_there_is() {
        let spans = [-3, 1, 59, 60, 119, 120, 299].map(span);
        assert_eq!(
            spans,
            [
                "0 seconds",
                "1 second",
                "59 seconds",
                "1 minute",
                "1 minute",
                "2 minutes",
                "4 minutes"
            ]
        );
    }

    #[test]
    fn an_unknown_zone_is_utc_and_says_so() {
        let at: DateTime<Utc> = "2026-11-21T19:00:00Z".parse().expect("a time");
        assert_eq!(full(at, "Nowhere/Here"), "Saturday 21 November 2026 at 19:00, UTC");
    }
}
