//! Choosing how a room orders those who come, and what is mixed into its draw, in a form.

use admission::contract::{EntropySource, LineMethod};
use identity::Fields;

use crate::{
    error::Error,
    room::method::{METHODS, SOURCES, named, of},
};

/// What the form shows as chosen.
pub struct OrderChoice {
    pub method: String,
    pub source: String,
}

impl OrderChoice {
    /// As it is, or as it was filled in.
    pub fn new(given: Option<&Fields>, method: LineMethod, source: Option<EntropySource>) -> Self {
        let value = |name: &str, now: &str| {
            let known = given.and_then(|fields| fields.0.get(name));
            known.map_or(now, String::as_str).to_owned()
        };
        let source = source.unwrap_or(EntropySource::None);
        Self {
            method: value("method", of(&METHODS, method).name),
            source: value("entropy_source", of(&SOURCES, source).name),
        }
    }
}

/// What a form says; of what is mixed in only where it is one of a draw.
pub fn chosen(fields: &Fields) -> Result<(Option<LineMethod>, Option<EntropySource>), Error> {
    let method = match fields.text("method") {
        "" => None,
        name => Some(named(&METHODS, name).ok_or_else(|| unknown("method"))?),
    };
    let source = match fields.text("entropy_source") {
        "" => None,
        name => Some(named(&SOURCES, name).ok_or_else(|| unknown("entropy_source"))?),
    };
    let draws = method.is_none_or(|method| method == LineMethod::Draw);
    Ok((method, source.filter(|_| draws)))
}

fn unknown(field: &str) -> Error {
    Error::field(field, "Choose one of these.")
}
