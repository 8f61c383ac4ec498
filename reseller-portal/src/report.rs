//! The sales report: which rows are asked for, and how they add up.

use std::collections::{BTreeMap, HashMap};

use catalog::contract::{Currency, Money, ResellerId, ResellerShow, ShowId, TicketTypeId, price};
use checkout::contract::{Granularity, SalesQuery, SalesRow};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::{
    App,
    error::{Error, Thing},
    form_values,
};

/// The longest report by day, and by hour, in days.
const DAYS_MAX: i64 = 400;
const DAYS_MAX_BY_HOUR: i64 = 31;
/// Rows that one report could have at most, were something sold of each type at each time.
const ROWS_MAX: i64 = 250_000;
/// What is shown where nothing was asked for.
pub const DAYS_DEFAULT: u64 = 14;

/// What somebody asks for. Days are whole days in the report's zone, the last one counts.
#[derive(Clone, Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ReportQuery {
    /// The first day, `2026-11-01`; two weeks before the last one by default.
    #[param(example = "2026-11-01")]
    pub from: Option<String>,
    /// The last day, `2026-11-30`; today by default.
    #[param(example = "2026-11-30")]
    pub to: Option<String>,
    /// `day` (the default) or `hour`.
    #[param(pattern = "^(day|hour)?$")]
    pub by: Option<String>,
    /// One show only.
    pub show: Option<String>,
}

/// A report.
pub struct Report {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub by_hour: bool,
    /// IANA name. Of the show's venue, or of the first show's.
    pub time_zone: String,
    pub rows: Vec<SalesRow>,
    /// Names by ticket type: the show's title and the type's name.
    pub names: HashMap<TicketTypeId, (String, String)>,
}

/// Sales of one ticket type over the whole time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeTotal {
    pub ticket_type: TicketTypeId,
    pub tickets: i64,
    pub amount: Money,
    pub refunded_tickets: i64,
    /// In the same currency.
    pub refunded: Money,
}

fn day(field: &str, text: Option<&str>, default: NaiveDate) -> Result<NaiveDate, Error> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(default);
    };
    let misfit = || Error::Field {
        field: field.to_owned(),
        detail: "Enter a day such as 2026-11-21.".to_owned(),
    };
    let day: NaiveDate = text.parse().map_err(|_| misfit())?;
    let sane = NaiveDate::from_ymd_opt(2000, 1, 1) <= Some(day)
        && Some(day) <= NaiveDate::from_ymd_opt(2200, 1, 1);
    if sane { Ok(day) } else { Err(misfit()) }
}

/// The instant a day begins at. Where clocks skip midnight, the first instant after.
fn begins(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_hms_opt(0, 0, 0).unwrap_or_default();
    (0..=3)
        .find_map(|hours| (midnight + TimeDelta::hours(hours)).and_local_timezone(zone).earliest())
        .map_or_else(|| midnight.and_utc(), |at| at.to_utc())
}

/// Reads what was asked for and loads its rows.
///
/// # Errors
/// A field that does not fit, a show that is not the reseller's, or no database.
pub async fn load(app: &App, reseller: ResellerId, query: &ReportQuery) -> Result<Report, Error> {
    let mut shows = catalog::contract::reseller_shows(&app.pool, reseller).await?;
    if let Some(show) = query.show.as_deref().filter(|show| !show.is_empty()) {
        shows.retain(|found| found.show.show.as_str() == show);
        if shows.is_empty() {
            return Err(Error::Unknown(Thing::Show));
        }
    }
    let time_zone =
        shows.first().map_or_else(|| "UTC".to_owned(), |found| found.show.venue.time_zone.clone());
    let zone = form_values::zone(&time_zone);
    let by_hour = match query.by.as_deref() {
        None | Some("" | "day") => false,
        Some("hour") => true,
        Some(_) => {
            return Err(Error::Field {
                field: "by".to_owned(),
                detail: "Give day or hour.".to_owned(),
            });
        }
    };
    let to = day("to", query.to.as_deref(), Utc::now().with_timezone(&zone).date_naive())?;
    let earlier = if by_hour { 1 } else { DAYS_DEFAULT - 1 };
    let from =
        day("from", query.from.as_deref(), to.checked_sub_days(Days::new(earlier)).unwrap_or(to))?;
    let days = (to - from).num_days() + 1;
    let days_max = if by_hour { DAYS_MAX_BY_HOUR } else { DAYS_MAX };
    if !(1..=days_max).contains(&days) {
        let detail = format!("Give 1 to {days_max} days, the last not before the first.");
        return Err(Error::Field { field: "from".to_owned(), detail });
    }
    let types = shows.iter().map(|found| found.ticket_types.len()).sum();
    fits(days, by_hour, types)?;
    let ids: Vec<ShowId> = shows.iter().map(|found| found.show.show.clone()).collect();
    let rows = checkout::contract::sales(
        &app.pool,
        &SalesQuery {
            shows: &ids,
            from: begins(from, zone),
            to: begins(to.checked_add_days(Days::new(1)).unwrap_or(to), zone),
            granularity: if by_hour { Granularity::Hour } else { Granularity::Day },
            time_zone: zone.name(),
        },
    )
    .await?;
    Ok(Report { from, to, by_hour, time_zone: zone.name().to_owned(), rows, names: names(&shows) })
}

/// Whether so many days of so many ticket types are few enough for one report.
fn fits(days: i64, by_hour: bool, types: usize) -> Result<(), Error> {
    let spans = if by_hour { days * 24 } else { days };
    if spans.saturating_mul(i64::try_from(types).unwrap_or(i64::MAX)) <= ROWS_MAX {
        return Ok(());
    }
    let detail = "This is too much for one report. Ask for fewer days, for days in place of hours, \
        or for one show.";
    Err(Error::Field { field: "from".to_owned(), detail: detail.to_owned() })
}

fn names(shows: &[ResellerShow]) -> HashMap<TicketTypeId, (String, String)> {
    let types = shows
        .iter()
        .flat_map(|found| found.ticket_types.iter().map(move |of| (found, &of.ticket_type)));
    types.map(|(found, of)| (of.ticket_type, (found.show.title.clone(), of.name.clone()))).collect()
}

impl Report {
    /// Tickets sold per day or hour, gaps filled, with what to write below.
    pub fn over_time(&self) -> (Vec<String>, Vec<f64>) {
        let zone = form_values::zone(&self.time_zone);
        let mut sold: BTreeMap<DateTime<Utc>, i64> = BTreeMap::new();
        let mut at = begins(self.from, zone);
        let end = begins(self.to.checked_add_days(Days::new(1)).unwrap_or(self.to), zone);
        let mut day = self.from;
        while at < end {
            sold.insert(at, 0);
            if self.by_hour {
                at += TimeDelta::hours(1);
            } else {
                day = day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
                at = begins(day, zone);
            }
        }
        for row in &self.rows {
            *sold.entry(row.starts_at).or_default() += row.tickets;
        }
        let pattern = if self.by_hour { "%-d %b %H:%M" } else { "%-d %b" };
        let label = |at: &DateTime<Utc>| at.with_timezone(&zone).format(pattern).to_string();
        sold.iter().map(|(at, tickets)| (label(at), *tickets as f64)).unzip()
    }

    /// Sums by ticket type and currency, the best sold first.
    pub fn by_type(&self) -> Vec<TypeTotal> {
        let mut totals: BTreeMap<(&ShowId, TicketTypeId, Currency), TypeTotal> = BTreeMap::new();
        for row in &self.rows {
            let SalesRow { ticket_type, amount, refunded, .. } = *row;
            let none = Money::new(0, amount.currency);
            let total =
                totals.entry((&row.show, ticket_type, amount.currency)).or_insert(TypeTotal {
                    ticket_type,
                    tickets: 0,
                    amount: none,
                    refunded_tickets: 0,
                    refunded: none,
                });
            total.tickets += row.tickets;
            total.amount.minor += amount.minor;
            total.refunded_tickets += row.refunded_tickets;
            total.refunded.minor += refunded.minor;
        }
        let mut totals: Vec<TypeTotal> = totals.into_values().collect();
        totals.sort_by_key(|total| std::cmp::Reverse(total.tickets));
        totals
    }

    /// The show's title and the ticket type's name.
    pub fn name(&self, ticket_type: TicketTypeId) -> (&str, &str) {
        self.names.get(&ticket_type).map_or(("", ""), |(show, name)| (show, name))
    }

    /// The rows as CSV, with a header line. Amounts are plain decimals; texts cannot become
    /// formulas in a spreadsheet.
    ///
    /// # Errors
    /// None that are known: the text is written to memory.
    pub fn csv(&self) -> anyhow::Result<String> {
        let zone = form_values::zone(&self.time_zone);
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "start",
            "show",
            "title",
            "ticket_type",
            "name",
            "currency",
            "tickets",
            "amount",
            "refunded_tickets",
            "refunded_amount",
        ])?;
        for row in &self.rows {
            let (title, name) = self.name(row.ticket_type);
            let currency = row.amount.currency.as_str();
            writer.write_record([
                row.starts_at
                    .with_timezone(&zone)
                    .to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
                plain(&row.show),
                plain(title),
                row.ticket_type.to_string(),
                plain(name),
                currency.to_owned(),
                row.tickets.to_string(),
                price::decimal(row.amount.minor, currency),
                row.refunded_tickets.to_string(),
                price::decimal(row.refunded.minor, currency),
            ])?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }
}

/// A cell that a spreadsheet takes for text. What begins like a formula gets an apostrophe in
/// front.
fn plain(text: &str) -> String {
    let formula = text
        .trim_start_matches([' ', '\u{a0}'])
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_report_has_an_end() {
        assert!(fits(DAYS_MAX, false, 50).is_ok() && fits(DAYS_MAX_BY_HOUR, true, 300).is_ok());
        assert!(
            fits(14, false, 15_000).is_ok(),
            "the overview of a reseller with thousands of shows"
        );
        for too_much in [
            fits(DAYS_MAX, false, 1_000),
            fits(DAYS_MAX_BY_HOUR, true, 400),
            fits(400, true, usize::MAX),
        ] {
            assert!(matches!(too_much, Err(Error::Field { field, .. }) if field == "from"));
        }
    }

    fn row(starts_at: &str, ticket_type: u128, tickets: i64) -> SalesRow {
        let euro: Currency = "EUR".parse().expect("a currency");
        SalesRow {
            starts_at: starts_at.parse().expect("time"),
            show: "harbour-lights".parse().expect("a show"),
            ticket_type: Uuid::from_u128(ticket_type).into(),
            tickets,
            amount: Money::new(tickets * 4_500, euro),
            refunded_tickets: 0,
            refunded: Money::new(0, euro),
        }
    }

    fn report(rows: Vec<SalesRow>) -> Report {
        let day = |text: &str| text.parse().expect("a day");
        let named = (
            Uuid::from_u128(1).into(),
            ("Harbour, \"Lights\"".to_owned(), "=HYPERLINK(1)".to_owned()),
        );
        Report {
            from: day("2026-10-24"),
            to: day("2026-10-26"),
            by_hour: false,
            time_zone: "Europe/Berlin".to_owned(),
            rows,
            names: HashMap::from([named]),
        }
    }

    #[test]
    fn days_without_sales_are_there_also_where_clocks_change() {
        // Berlin's clocks are put back on 25 October 2026: the day has 25 hours.
        let rows = vec![row("2026-10-24T22:00:00Z", 1, 3), row("2026-10-25T23:00:00Z", 1, 2)];
        let (labels, values) = report(rows).over_time();
        assert_eq!(labels, ["24 Oct", "25 Oct", "26 Oct"]);
        assert_eq!(values, [0.0, 3.0, 2.0]);
    }

    #[test]
    fn types_add_up() {
        let rows = vec![
            row("2026-10-24T22:00:00Z", 1, 1),
            row("2026-10-24T22:00:00Z", 2, 5),
            row("2026-10-25T23:00:00Z", 1, 2),
        ];
        let totals = report(rows).by_type();
        let told: Vec<_> = totals
            .iter()
            .map(|total| (total.ticket_type.uuid().as_u128(), total.tickets, total.amount.minor))
            .collect();
        assert_eq!(told, [(2, 5, 22_500), (1, 3, 13_500)]);
    }

    #[test]
    fn no_cell_becomes_a_formula() {
        let text = report(vec![row("2026-10-24T22:00:00Z", 1, 3)]).csv().expect("csv");
        let line = text.lines().nth(1).expect("a row");
        let id = Uuid::from_u128(1);
        assert_eq!(
            line,
            format!(
                "2026-10-25T00:00:00+02:00,harbour-lights,\"Harbour, \
                    \"\"Lights\"\"\",{id},'=HYPERLINK(1),EUR,3,135.00,0,0.00"
            )
        );
        for formula in ["=1", "+1", "-1", "@SUM", "\t=1", " =1", "＝1"] {
            assert!(plain(formula).starts_with('\''), "{formula}");
        }
        assert_eq!(plain("Row A-1"), "Row A-1");
    }
}
