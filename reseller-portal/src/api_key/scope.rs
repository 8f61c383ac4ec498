//! What an API key may do. Pure. What checkout asks for is called as checkout's refusals call it.

use std::{fmt, str::FromStr};

use checkout::contract::scopes;

/// One permission of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    CatalogRead,
    CatalogWrite,
    StockWrite,
    OrdersRead,
    TicketsRead,
    OrdersWrite,
    ReportsRead,
}

impl Scope {
    pub const ALL: [Self; 7] = [
        Self::CatalogRead,
        Self::CatalogWrite,
        Self::StockWrite,
        Self::OrdersRead,
        Self::TicketsRead,
        Self::OrdersWrite,
        Self::ReportsRead,
    ];

    /// As it stands in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CatalogRead => "catalog:read",
            Self::CatalogWrite => "catalog:write",
            Self::StockWrite => "stock:write",
            Self::OrdersRead => scopes::ORDERS_READ,
            Self::TicketsRead => scopes::TICKETS_READ,
            Self::OrdersWrite => scopes::ORDERS_WRITE,
            Self::ReportsRead => "reports:read",
        }
    }

    /// For whoever makes a key.
    pub fn words(self) -> &'static str {
        match self {
            Self::CatalogRead => "Read shows, ticket types and what is left",
            Self::CatalogWrite => "Withdraw shows, for good",
            Self::StockWrite => "Change how many tickets are for sale",
            Self::OrdersRead => "Read orders, with the buyers' names and addresses",
            Self::TicketsRead => {
                "See the entry codes of tickets in those orders: whoever has a code can go in with \
                    it"
            }
            Self::OrdersWrite => {
                "Hold tickets, place orders, and see and cancel those that this key placed"
            }
            Self::ReportsRead => "Read the sales report",
        }
    }
}

/// A text that names no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no scope")]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or(UnknownScope)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
