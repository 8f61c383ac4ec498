//! What the things of the catalog are called.

kit::slug_id!(
    "show's id",
    /// A show: `mira-vale-harbour-lights`.
    ShowId
);
kit::uuid_id!(
    /// A kind of ticket for one show.
    TicketTypeId
);
kit::uuid_id!(
    /// Who sells shows.
    ResellerId
);
