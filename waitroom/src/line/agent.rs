//! Shops that join for their fans.

use catalog::contract::ResellerId;

/// A reseller's system. Whoever knows it by its key puts it among the request's extensions; it is
/// counted by its key and not by address, so it may join the lines of its own shows only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    pub reseller: ResellerId,
    /// Whether its key may sell.
    pub may_sell: bool,
}
