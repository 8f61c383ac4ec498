//! How a room orders those who come, and what is mixed into its draw, as the console says it. Pure.

use admission::contract::{Entropy, EntropySource, LineMethod};

use crate::room::words::moment;

/// A value of a form, what it is called, and what it promises.
pub struct Choice<T> {
    pub value: T,
    /// As in forms and in JSON.
    pub name: &'static str,
    pub title: &'static str,
    pub promise: &'static str,
}

pub const METHODS: [Choice<LineMethod>; 3] = [
    Choice {
        value: LineMethod::Draw,
        name: "draw",
        title: "By a draw",
        promise: "Whoever comes before the opening is drawn: it makes no difference who came \
            first. Whoever comes later stands behind them, in the order they came.",
    },
    Choice {
        value: LineMethod::FirstCome,
        name: "first_come",
        title: "Whoever comes first",
        promise: "Places are given in the order in which fans join.",
    },
    Choice {
        value: LineMethod::Passthrough,
        name: "passthrough",
        title: "Straight through",
        promise: "There is no line and no rate: whoever comes is let in while checkout has room. \
            The cap, the stock and checkout’s door hold all the same.",
    },
];

pub const SOURCES: [Choice<EntropySource>; 3] = [
    Choice {
        value: EntropySource::None,
        name: "none",
        title: "Nothing",
        promise: "The draw is made at once. Its secret was fixed before anybody could join, but \
            whoever runs this server knows it, and could admit or leave out a last entry until \
            they like the draw.",
    },
    Choice {
        value: EntropySource::Operator,
        name: "operator",
        title: "A text that you enter before witnesses",
        promise: "Such as dice or lottery numbers. After entries close, the draw waits until \
            somebody enters it here. It is worth as much as the witnesses: the text must be \
            theirs.",
    },
    Choice {
        value: EntropySource::Drand,
        name: "drand",
        title: "A public beacon (drand)",
        promise: "The first round published after entries close, seconds later: nobody can \
            foresee or choose it, and everybody can check it. The server fetches it where relays \
            are set up (FAIRGATE_DRAND_URLS); otherwise somebody enters it here. The draw waits \
            until it is there.",
    },
];

/// The choice with this value; all values have one.
pub fn of<T: PartialEq + Copy>(choices: &'static [Choice<T>; 3], value: T) -> &'static Choice<T> {
    choices.iter().find(|choice| choice.value == value).unwrap_or(&choices[0])
}

/// The value with this name.
pub fn named<T: Copy>(choices: &[Choice<T>; 3], name: &str) -> Option<T> {
    choices.iter().find(|choice| choice.name == name).map(|choice| choice.value)
}

/// What becomes of those who come, where a room goes over to another method.
pub fn method_words(method: LineMethod) -> String {
    let Choice { title, promise, .. } = of(&METHODS, method);
    format!("{title}: {promise} Nobody could join yet, so nobody’s place changes.")
}

/// What is promised by what is mixed into a draw.
pub fn source_words(source: EntropySource) -> String {
    let Choice { title, promise, .. } = of(&SOURCES, source);
    format!("Mixed into the draw: {title}. {promise}")
}

/// What was mixed into a draw.
pub fn fixed_words(entropy: &Entropy) -> String {
    match entropy {
        Entropy::None => "Nothing is mixed in.".to_owned(),
        Entropy::Operator { text, entered_at } => {
            format!("Mixed in since {}: “{text}”.", moment(entered_at))
        }
        Entropy::Drand(beacon) => format!("Mixed in: drand round {}.", beacon.round),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_api() {
        let json = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        for choice in &METHODS {
            assert_eq!(json(serde_json::json!(choice.value)), choice.name);
            assert_eq!(named(&METHODS, choice.name), Some(choice.value));
            assert_eq!(of(&METHODS, choice.value).name, choice.name);
        }
        for choice in &SOURCES {
            assert_eq!(json(serde_json::json!(choice.value)), choice.name);
            assert_eq!(of(&SOURCES, choice.value).name, choice.name);
        }
        assert_eq!(named(&SOURCES, "dice"), None);
    }
}
