//! The words of emails, one Fluent file a language, compiled in. Pure.

use std::sync::LazyLock;

use catalog::contract::when;
use chrono::{DateTime, Datelike, Utc};
use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

/// Language and file; the first is what everybody gets whose language is not here.
const LOCALES: [(&str, &str); 2] = [
    ("en", include_str!("../../locales/en/emails.ftl")),
    ("de", include_str!("../../locales/de/emails.ftl")),
];

static ALL: LazyLock<Vec<Translations>> =
    LazyLock::new(|| LOCALES.iter().map(|(tag, source)| Translations::new(tag, source)).collect());

/// One language.
pub struct Translations {
    /// BCP 47, such as `de`.
    pub tag: &'static str,
    bundle: FluentBundle<FluentResource>,
}

/// The words for whoever reads `language`, such as `de-AT`; English where we have no words in it.
pub fn in_language(language: &str) -> &'static Translations {
    let primary = language.split(['-', '_']).next().unwrap_or_default();
    ALL.iter()
        .find(|translations| translations.tag.eq_ignore_ascii_case(primary))
        .unwrap_or(&ALL[0])
}

/// What stands for a message's placeables.
pub fn args<'a, const N: usize>(pairs: [(&'a str, FluentValue<'a>); N]) -> FluentArgs<'a> {
    pairs.into_iter().collect()
}

impl Translations {
    fn new(tag: &'static str, source: &str) -> Self {
        let locale: LanguageIdentifier = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![locale]);
        // The marks that would isolate values from text of the other direction are seen as boxes in
        // some mail programs.
        bundle.set_use_isolating(false);
        // What does not parse is left out; a test sees to it that nothing is.
        let resource =
            FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
        Self { tag, bundle }
    }

    /// The message `key`, in English where this language lacks it.
    pub fn say(&self, key: &str, args: &FluentArgs<'_>) -> String {
        [self, &ALL[0]]
            .into_iter()
            .find_map(|translations| translations.find(key, args))
            .unwrap_or_else(|| key.to_owned())
    }

    /// A message without placeables.
    pub fn plain(&self, key: &str) -> String {
        self.say(key, &FluentArgs::new())
    }

    fn find(&self, key: &str, args: &FluentArgs<'_>) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        Some(self.bundle.format_pattern(pattern, Some(args), &mut Vec::new()).into_owned())
    }

    /// What a venue's time is called: `Berlin time`.
    pub fn zone(&self, time_zone: &str) -> String {
        let zone = when::zone_name(time_zone);
        match zone.strip_suffix(" time") {
            Some(city) => self.say("zone", &args([("city", city.into())])),
            None => zone,
        }
    }

    /// A time where the venue is, with its zone named: `Saturday 21 November 2026 at 20:00, Berlin
    /// time`.
    pub fn moment(&self, at: DateTime<Utc>, time_zone: &str) -> String {
        // The catalog knows the zones; its machine form carries the venue's own clock.
        let Ok(local) = DateTime::parse_from_rfc3339(&when::machine(at, time_zone)) else {
            return when::full(at, time_zone);
        };
        let zone = self.zone(time_zone);
        self.say(
            "moment",
            &args([
                ("weekday", local.weekday().to_string().to_lowercase().into()),
                ("day", local.day().to_string().into()),
                ("month", local.month().into()),
                // As text: numbers may be grouped.
                ("year", local.year().to_string().into()),
                ("time", when::time(at, time_zone).into()),
                ("zone", zone.into()),
            ]),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fluent_bundle::FluentResource;

    use super::*;

    fn keys(source: &str) -> BTreeSet<String> {
        let resource = FluentResource::try_new(source.to_owned()).expect("parses");
        let id = |line: &str| line.split_once(" =").map(|(key, _)| key.to_owned());
        assert!(resource.entries().count() > 0);
        source
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .filter_map(id)
            .collect()
    }

    /// Names of the placeables, which a translation must not lose.
    fn values(source: &str) -> BTreeSet<&str> {
        source
            .match_indices('$')
            .map(|(at, _)| &source[at + 1..])
            .map(|rest| {
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                    .next()
                    .unwrap_or_default()
            })
            .collect()
    }

    #[test]
    fn every_locale_has_every_message() {
        let (_, english) = LOCALES[0];
        for (tag, source) in LOCALES {
            assert_eq!(keys(source), keys(english), "{tag}");
            assert_eq!(values(source), values(english), "{tag}");
        }
        assert!(keys(english).len() > 20);
    }

    #[test]
    fn languages_fall_back_to_english() {
        for (language, tag) in
            [("de", "de"), ("de-AT", "de"), ("DE", "de"), ("en-GB", "en"), ("fr", "en"), ("", "en")]
        {
            assert_eq!(in_language(language).tag, tag, "{language}");
        }
    }

    #[test]
    fn counts_have_their_own_words() {
        let say = |language: &str, count: usize| {
            in_language(language).say(
                "ticket-subject",
                &args([("count", count.into()), ("show", "Harbour Lights".into())]),
            )
        };
        assert_eq!(say("en", 1), "Your ticket for Harbour Lights");
        assert_eq!(say("en", 3), "Your 3 tickets for Harbour Lights");
        assert_eq!(say("de", 3), "Ihre 3 Karten für Harbour Lights");
    }

    #[test]
    fn moments_are_told_where_the_venue_is_and_in_the_readers_words() {
        let at = "2026-11-21T19:00:00Z".parse().expect("a time");
        assert_eq!(in_language("en").moment(at, "Europe/Berlin"), when::full(at, "Europe/Berlin"));
        assert_eq!(
            in_language("de").moment(at, "America/New_York"),
            "Samstag, 21. November 2026, 14:00 Uhr (Ortszeit New York)"
        );
        assert_eq!(
            in_language("de").moment(at, "Nowhere/Here"),
            "Samstag, 21. November 2026, 19:00 Uhr (UTC)"
        );
    }
}
