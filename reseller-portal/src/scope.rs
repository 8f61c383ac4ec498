//! What an API key may do. Pure.

/// One permission of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    CatalogRead,
    StockWrite,
    OrdersRead,
    OrdersWrite,
    ReportsRead,
}

impl Scope {
    pub const ALL: [Self; 5] =
        [Self::CatalogRead, Self::StockWrite, Self::OrdersRead, Self::OrdersWrite, Self::ReportsRead];

    /// As it stands in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::CatalogRead => "catalog:read",
            Self::StockWrite => "stock:write",
            Self::OrdersRead => "orders:read",
            Self::OrdersWrite => "orders:write",
            Self::ReportsRead => "reports:read",
        }
    }

    /// For whoever makes a key.
    pub fn words(self) -> &'static str {
        match self {
            Self::CatalogRead => "Read shows, ticket types and what is left",
            Self::StockWrite => "Change how many tickets are for sale",
            Self::OrdersRead => "Read orders, with the buyers' names and addresses",
            Self::OrdersWrite => "Hold tickets, place and cancel orders",
            Self::ReportsRead => "Read the sales report",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}
