//! What addresses name.

use catalog::contract::ShowId;

use crate::error::{Error, Thing};

/// The show of an address; what can be no show's id is as unknown as a show that is not there, and
/// as the thing that was looked for in it.
///
/// # Errors
/// [`Error::Unknown`] `looked_for`.
pub fn show_id(text: &str, looked_for: Thing) -> Result<ShowId, Error> {
    text.parse().map_err(|_| Error::Unknown(looked_for))
}
