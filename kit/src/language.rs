//! The language somebody is written to in. Pure.

/// Where nothing better is known.
const DEFAULT: &str = "en";
/// Longer tags are nobody's language.
const TAG_MAX: usize = 35;

/// A BCP 47 tag as it is kept: the first part in lower case; `en` where `asked` is none.
pub fn tag(asked: Option<&str>) -> String {
    let asked = asked.unwrap_or_default().trim();
    let mut parts = asked.split('-');
    let first = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_language =
        (2..=3).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_lowercase());
    let rest: Vec<&str> = parts.collect();
    let is_part = |part: &&str| {
        (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if !is_language || !rest.iter().all(is_part) || asked.len() > TAG_MAX {
        return DEFAULT.to_owned();
    }
    std::iter::once(first.as_str()).chain(rest).collect::<Vec<_>>().join("-")
}

/// The first tag of an `Accept-Language` header.
pub fn first_accepted(header: Option<&str>) -> Option<String> {
    let first = header?.split(',').next()?.split(';').next()?.trim();
    (!first.is_empty() && first != "*").then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tag_is_english() {
        for (asked, kept) in [
            (Some("de"), "de"),
            (Some("DE-at"), "de-at"),
            (Some("zh-Hant-TW"), "zh-Hant-TW"),
            (Some("en-US-x-private"), "en"),
            (Some("deutsch"), "en"),
            (Some("d\u{e4}"), "en"),
            (Some("de_DE"), "en"),
            (Some(""), "en"),
            (None, "en"),
        ] {
            assert_eq!(tag(asked), kept, "{asked:?}");
        }
    }

    #[test]
    fn a_browsers_first_wish_counts() {
        assert_eq!(first_accepted(Some("de-DE,de;q=0.9,en;q=0.8")).as_deref(), Some("de-DE"));
        assert_eq!(first_accepted(Some("fr;q=0.8")).as_deref(), Some("fr"));
        assert_eq!(first_accepted(Some("*")), None);
        assert_eq!(first_accepted(None), None);
    }
}
