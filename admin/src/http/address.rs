//! What addresses name.

use catalog::contract::ShowId;

use crate::error::Error;

/// The show of an address; what can be no show's id is as unknown as a show that is not there.
///
/// # Errors
/// [`Error::ShowUnknown`].
pub fn show_id(text: &str) -> Result<ShowId, Error> {
    text.parse().map_err(|_| Error::ShowUnknown)
}
