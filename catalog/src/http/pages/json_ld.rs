//! The schema.org description of a show that search engines read. Pure.

use serde_json::{Value, json};

use crate::{show::ShowDetails, when};

/// A `Event`, as text that is safe between `<script>` tags.
pub fn event(details: &ShowDetails) -> String {
    let show = &details.show;
    let zone = &show.venue.time_zone;
    // Nothing is offered once the sale has ended or was stopped.
    let offers: Vec<Value> = details
        .ticket_types
        .iter()
        .filter_map(|offer| {
            let availability = offer.sale.item_availability()?;
            let offer = &offer.ticket_type;
            Some(json!({
                "@type": "Offer",
                "name": offer.name,
                "price": offer.price.decimal(),
                "priceCurrency": offer.price.currency,
                "availability": availability,
                "url": format!("/shows/{}", show.show),
                "validFrom": when::machine(show.on_sale_at, zone),
            }))
        })
        .collect();
    safe_in_script(&json!({
        "@context": "https://schema.org",
        "@type": "Event",
        "name": show.title,
        "description": show.description,
        "eventStatus": "https://schema.org/EventScheduled",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "doorTime": when::machine(show.doors_at, zone),
        "startDate": when::machine(show.starts_at, zone),
        "performer": { "@type": "PerformingGroup", "name": show.performer },
        "location": {
            "@type": "Place",
            "name": show.venue.name,
            "address": {
                "@type": "PostalAddress",
                "streetAddress": show.venue.address,
                "addressLocality": show.venue.city,
                "addressCountry": show.venue.country,
            },
        },
        "offers": offers,
    }))
}

/// JSON in which nothing can end the script element or be taken for markup. The escapes stand
/// inside JSON strings only, because these characters occur nowhere else in JSON.
fn safe_in_script(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(character)))
            }
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_words_can_leave_the_script(words in "(</script>|<!--|&|\u{2028}|\"|\\\\|\\PC){0,24}") {
            let text = safe_in_script(&json!({ "name": words }));
            let dangerous = text.contains(['<', '>', '&', '\u{2028}']);
            prop_assert!(!dangerous);
            let read: Value = serde_json::from_str(&text).expect("still JSON");
            prop_assert_eq!(read["name"].as_str(), Some(words.as_str()));
        }
    }
}
