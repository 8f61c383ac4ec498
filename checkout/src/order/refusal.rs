//! Why the order writer did not write an order.

use crate::Error;

/// Why an order was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
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

impl Refusal {
    const ALL: [Self; 6] = [
        Self::StaleEpoch,
        Self::HoldUsed,
        Self::OrderOpen,
        Self::SoldOut,
        Self::StockUnknown,
        Self::Unwritable,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::StaleEpoch => "stale_epoch",
            Self::HoldUsed => "hold_used",
            Self::OrderOpen => "order_open",
            Self::SoldOut => "sold_out",
            Self::StockUnknown => "stock_unknown",
            Self::Unwritable => "unwritable",
        }
    }

    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == text)
    }
}

pub fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::HoldUsed => Error::HoldUsed,
        Refusal::OrderOpen => Error::OrderOpen,
        Refusal::Unwritable => Error::OrderUnwritable,
        Refusal::SoldOut | Refusal::StaleEpoch | Refusal::StockUnknown => Error::HoldLost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_spelled_both_ways() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::of(refusal.as_str()), Some(refusal));
        }
    }
}
