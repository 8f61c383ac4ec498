//! Who sells a show.

kit::uuid_id!(
    /// Who sells shows.
    ResellerId
);

/// Who sells a show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seller {
    /// `None` is the house.
    pub reseller: Option<ResellerId>,
    /// Drafts are not.
    pub published: bool,
    pub high_traffic: bool,
}
