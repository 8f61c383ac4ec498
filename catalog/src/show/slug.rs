//! The public ids of shows, made from what people call them. Pure.

use kit::id::SLUG_LEN_MAX;

/// `Mira Vale`, `Harbour Lights` is `mira-vale-harbour-lights`; `show` where nothing is left.
pub fn of_words(performer: &str, title: &str) -> String {
    let mut slug = String::new();
    for character in format!("{performer} {title}").chars().flat_map(char::to_lowercase) {
        match plain(character) {
            "" if character.is_ascii_alphanumeric() => slug.push(character),
            // An apostrophe stands within a word, not between two.
            "" if matches!(character, '\'' | '’') => {}
            "" if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            letters => slug.push_str(letters),
        }
    }
    let slug = cut(&slug, SLUG_LEN_MAX);
    if slug.is_empty() { "show".to_owned() } else { slug.to_owned() }
}

/// The slug with `-suffix` behind it, shortened where that would be too long.
pub fn with_suffix(slug: &str, suffix: &str) -> String {
    format!("{}-{suffix}", cut(slug, SLUG_LEN_MAX.saturating_sub(suffix.len() + 1)))
}

/// The first `len` characters of ASCII text, without a `-` at the end.
fn cut(slug: &str, len: usize) -> &str {
    slug.get(..len).unwrap_or(slug).trim_end_matches('-')
}

/// How European names write a letter without its marks; nothing where there is no such way.
fn plain(character: char) -> &'static str {
    match character {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' | 'ģ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'į' | 'ı' => "i",
        'ķ' => "k",
        'ľ' | 'ļ' | 'ł' => "l",
        'ñ' | 'ń' | 'ň' | 'ņ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ō' | 'ő' => "o",
        'ö' | 'ø' | 'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ť' | 'ţ' | 'ț' => "t",
        'þ' => "th",
        'ù' | 'ú' | 'û' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'ü' => "ue",
        'ý' | 'ÿ' => "y",
        'ź' | 'ž' | 'ż' => "z",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::id::is_slug;
    use proptest::prelude::*;

    #[test]
    fn names_become_ids_people_can_read() {
        for (performer, title, slug) in [
            ("Mira Vale", "Harbour Lights", "mira-vale-harbour-lights"),
            ("Søren & the Öresund", "Don’t stop!", "soeren-the-oeresund-dont-stop"),
            ("  ", "¿Qué?", "que"),
            ("東京", "夜", "show"),
        ] {
            assert_eq!(of_words(performer, title), slug);
        }
        assert_eq!(with_suffix("mira-vale", "2"), "mira-vale-2");
        assert!(
            !is_slug("-a")
                && !is_slug("")
                && !is_slug("A")
                && !is_slug("a\u{0}")
                && !is_slug(&"a".repeat(64))
        );
    }

    proptest! {
        #[test]
        fn whatever_they_are_called_shows_get_an_id(performer in "\\PC{0,80}", title in "\\PC{0,80}", n in 1u32..100_000) {
            let slug = of_words(&performer, &title);
            prop_assert!(is_slug(&slug), "{}", slug);
            let next = with_suffix(&slug, &n.to_string());
            prop_assert!(is_slug(&next), "{}", next);
        }
    }
}
