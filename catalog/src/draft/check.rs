//! What fits into the catalog. Each check gives the value as it is stored, or names the field that
//! does not fit. Pure.

use chrono::{DateTime, Datelike, SubsecRound, Utc};

use crate::{
    draft::ShowDraft, error::CatalogError, ticket_type::NewTicketType, venue::Venue, when,
};

/// The currencies of ISO 4217 that money is paid in.
const CURRENCIES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB \
    BRL BSD BTN BWP BYN BZD \
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS \
    GIP GMD GNF GTQ GYD HKD \
    HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP \
    LKR LRD LSL LYD MAD MDL \
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP \
    PKR PLN PYG QAR RON RSD \
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY \
    TTD TWD TZS UAH UGX USD \
    UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";
const PRICE_MINOR_MAX: i64 = 10_000_000_000;
const ALLOTTED_MAX: i32 = 1_000_000;

/// What a text may be.
struct Words {
    min: usize,
    max: usize,
    lines: bool,
}

const NAME: Words = Words { min: 1, max: 200, lines: false };
const SHORT: Words = Words { min: 0, max: 100, lines: false };
const DESCRIPTION: Words = Words { min: 0, max: 4000, lines: true };

/// Without the space around it.
fn text(field: &'static str, text: &str, words: &Words) -> Result<String, CatalogError> {
    let text = text.trim();
    let unfit = |character: char| {
        character.is_control() && !(words.lines && matches!(character, '\n' | '\r' | '\t'))
    };
    if text.contains(unfit) {
        return Err(CatalogError::field(field, "must not have control characters"));
    }
    if !(words.min..=words.max).contains(&text.chars().count()) {
        return Err(CatalogError::field(
            field,
            format!("must have {} to {} characters", words.min, words.max),
        ));
    }
    Ok(text.to_owned())
}

fn country(code: &str) -> Result<String, CatalogError> {
    let code = code.trim().to_ascii_uppercase();
    if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(code)
    } else {
        Err(CatalogError::field(
            "country",
            "must be a two-letter country code of ISO 3166 such as DE",
        ))
    }
}

/// # Errors
/// `name`, `city`, `country`, `address` or `time_zone`.
pub fn venue(venue: &Venue) -> Result<Venue, CatalogError> {
    if !when::is_zone(&venue.time_zone) {
        return Err(CatalogError::field(
            "time_zone",
            "must be an IANA time zone such as Europe/Berlin",
        ));
    }
    Ok(Venue {
        name: text("name", &venue.name, &NAME)?,
        city: text("city", &venue.city, &Words { min: 1, ..SHORT })?,
        country: country(&venue.country)?,
        address: text("address", &venue.address, &Words { min: 0, ..NAME })?,
        time_zone: venue.time_zone.clone(),
    })
}

fn moment(field: &'static str, at: DateTime<Utc>) -> Result<DateTime<Utc>, CatalogError> {
    if (2000..2200).contains(&at.year()) {
        // As the database keeps it.
        Ok(at.trunc_subsecs(6))
    } else {
        Err(CatalogError::field(field, "must be between the years 2000 and 2200"))
    }
}

/// # Errors
/// The draft's field of that name.
pub fn draft(draft: &ShowDraft) -> Result<ShowDraft, CatalogError> {
    let draft = ShowDraft {
        title: text("title", &draft.title, &NAME)?,
        performer: text("performer", &draft.performer, &NAME)?,
        genre: text("genre", &draft.genre, &SHORT)?,
        description: text("description", &draft.description, &DESCRIPTION)?,
        venue: draft.venue,
        doors_at: moment("doors_at", draft.doors_at)?,
        starts_at: moment("starts_at", draft.starts_at)?,
        on_sale_at: moment("on_sale_at", draft.on_sale_at)?,
    };
    if draft.doors_at > draft.starts_at {
        return Err(CatalogError::field("doors_at", "must not be later than the show starts"));
    }
    if draft.on_sale_at >= draft.starts_at {
        return Err(CatalogError::field("on_sale_at", "must be before the show starts"));
    }
    Ok(draft)
}

/// # Errors
/// `name`, `description`, `price_minor`, `currency` or `per_order_max`.
pub fn ticket_type(new: &NewTicketType) -> Result<NewTicketType, CatalogError> {
    let currency = new.price.currency;
    if !CURRENCIES.split_whitespace().any(|known| known == currency.as_str()) {
        return Err(CatalogError::field(
            "currency",
            "must be a currency code of ISO 4217 such as EUR",
        ));
    }
    if !(0..=PRICE_MINOR_MAX).contains(&new.price.minor) {
        return Err(CatalogError::field(
            "price_minor",
            "must be 0 to 10,000,000,000 of the currency's smallest unit",
        ));
    }
    if !(1..=50).contains(&new.per_order_max) {
        return Err(CatalogError::field("per_order_max", "must be 1 to 50"));
    }
    Ok(NewTicketType {
        name: text("name", &new.name, &NAME)?,
        description: text("description", &new.description, &DESCRIPTION)?,
        price: new.price,
        per_order_max: new.per_order_max,
    })
}

/// # Errors
/// `allotted`.
pub fn allotted(count: i32) -> Result<i32, CatalogError> {
    if (0..=ALLOTTED_MAX).contains(&count) {
        Ok(count)
    } else {
        Err(CatalogError::field("allotted", "must be 0 to 1,000,000 tickets"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;
    use chrono::Duration;
    use uuid::Uuid;

    fn field<T: std::fmt::Debug>(checked: Result<T, CatalogError>) -> &'static str {
        match checked {
            Err(CatalogError::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    fn a_draft() -> ShowDraft {
        let starts_at = DateTime::from_timestamp(1_900_000_000, 0).expect("a time");
        ShowDraft {
            title: " Harbour Lights ".to_owned(),
            performer: "Mira Vale".to_owned(),
            genre: String::new(),
            description: "One night\nby the water.".to_owned(),
            venue: Uuid::nil(),
            doors_at: starts_at - Duration::hours(1),
            starts_at,
            on_sale_at: starts_at - Duration::days(30),
        }
    }

    #[test]
    fn a_draft_is_trimmed_and_its_times_are_in_order() {
        assert_eq!(draft(&a_draft()).expect("fits").title, "Harbour Lights");
        assert_eq!(field(draft(&ShowDraft { title: "  ".to_owned(), ..a_draft() })), "title");
        assert_eq!(field(draft(&ShowDraft { title: "a\u{0}b".to_owned(), ..a_draft() })), "title");
        assert_eq!(
            field(draft(&ShowDraft { performer: "x".repeat(201), ..a_draft() })),
            "performer"
        );
        let late = a_draft().starts_at + Duration::hours(1);
        assert_eq!(field(draft(&ShowDraft { doors_at: late, ..a_draft() })), "doors_at");
        assert_eq!(field(draft(&ShowDraft { on_sale_at: late, ..a_draft() })), "on_sale_at");
        assert_eq!(
            field(draft(&ShowDraft { starts_at: DateTime::<Utc>::MAX_UTC, ..a_draft() })),
            "starts_at"
        );
    }

    #[test]
    fn a_venue_has_a_country_and_a_zone_that_exist() {
        let hall = Venue {
            name: "Hafenhalle".to_owned(),
            city: "Hamburg".to_owned(),
            country: "de".to_owned(),
            address: String::new(),
            time_zone: "Europe/Berlin".to_owned(),
        };
        assert_eq!(venue(&hall).expect("fits").country, "DE");
        assert_eq!(field(venue(&Venue { country: "D1".to_owned(), ..hall.clone() })), "country");
        assert_eq!(
            field(venue(&Venue { time_zone: "Europe/Atlantis".to_owned(), ..hall.clone() })),
            "time_zone"
        );
        assert_eq!(field(venue(&Venue { city: String::new(), ..hall })), "city");
    }

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().expect("three letters"))
    }

    #[test]
    fn a_ticket_type_has_a_price_in_money_that_exists() {
        let standing = NewTicketType {
            name: "Standing".to_owned(),
            description: String::new(),
            price: money(0, "EUR"),
            per_order_max: 4,
        };
        assert!(ticket_type(&standing).is_ok());
        assert_eq!(
            field(ticket_type(&NewTicketType { price: money(-1, "EUR"), ..standing.clone() })),
            "price_minor"
        );
        assert_eq!(
            field(ticket_type(&NewTicketType {
                price: money(i64::MAX, "EUR"),
                ..standing.clone()
            })),
            "price_minor"
        );
        assert_eq!(
            field(ticket_type(&NewTicketType { price: money(0, "XYZ"), ..standing.clone() })),
            "currency"
        );
        assert_eq!(
            field(ticket_type(&NewTicketType { per_order_max: 51, ..standing })),
            "per_order_max"
        );
        assert_eq!(field(allotted(-1)), "allotted");
        assert_eq!(field(allotted(1_000_001)), "allotted");
    }
}
