//! Why the catalog refuses what a reseller asks for.

/// Whoever asks turns it into a problem of their own.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such thing, or it is somebody else's.
    #[error("no such thing of this reseller")]
    NotFound,
    /// A value does not fit; `detail` says what would.
    #[error("{field}: {detail}")]
    Field { field: &'static str, detail: String },
    /// A change of this allotment has not been answered yet.
    #[error("the last change of this allotment is still under way")]
    AllotmentWaiting,
    #[error("the show is published already")]
    AlreadyPublished,
    /// A draft cannot be withdrawn: nobody sees it.
    #[error("the show is not published")]
    NotPublished,
    /// Nothing of a withdrawn show changes any more.
    #[error("the show is withdrawn")]
    Withdrawn,
    /// Why, in words for the reseller.
    #[error("{0}")]
    NotPublishable(String),
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl CatalogError {
    pub(crate) fn field(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Field { field, detail: detail.into() }
    }
}
