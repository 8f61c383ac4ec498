//! Why the order writer rejected an order.

use std::{fmt, str::FromStr};

use kit::id::InvalidId;

use crate::Error;

/// Why an order was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// A shard was rebuilt since the tickets were taken; they must be taken again.
    StaleEpoch,
    /// The hold is an order already.
    HoldUsed,
    /// The session has another order that is open or paid.
    OrderOpen,
    /// Not enough stock, which the epochs should have prevented.
    SoldOut,
    /// A line names stock that does not exist.
    StockUnknown,
    /// The command could not be read, or Postgres will never have it.
    Unwritable,
}

impl RejectReason {
    const ALL: [Self; 6] = [
        Self::StaleEpoch,
        Self::HoldUsed,
        Self::OrderOpen,
        Self::SoldOut,
        Self::StockUnknown,
        Self::Unwritable,
    ];
}

/// As it stands in the database and in metrics.
impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaleEpoch => "stale_epoch",
            Self::HoldUsed => "hold_used",
            Self::OrderOpen => "order_open",
            Self::SoldOut => "sold_out",
            Self::StockUnknown => "stock_unknown",
            Self::Unwritable => "unwritable",
        })
    }
}

impl FromStr for RejectReason {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = Self::ALL.into_iter().find(|reason| reason.to_string() == text);
        known.ok_or(InvalidId("reason to reject an order"))
    }
}

impl From<RejectReason> for Error {
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::HoldUsed => Self::HoldUsed,
            RejectReason::OrderOpen => Self::OrderOpen,
            RejectReason::Unwritable => Self::OrderUnwritable,
            RejectReason::SoldOut | RejectReason::StaleEpoch | RejectReason::StockUnknown => {
                Self::HoldLost
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_spelled_both_ways() {
        for reason in RejectReason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
    }
}
