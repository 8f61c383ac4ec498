//! All that other crates may use of the catalog.

pub use crate::{
    allotment::{
        Allotment, Settled,
        change::{change_allotment, put_allotment, settle_allotment},
    },
    draft::{
        ResellerShow, ResellerTicketType, ShowDraft,
        show::{
            change_show, create_show, publish_show, reseller_show, reseller_shows,
            reseller_shows_page,
        },
        ticket_type::put_ticket_type,
        venue::{put_venue, venues},
    },
    error::CatalogError,
    event::{CATALOG_EVENTS, CATALOG_TOPIC, CatalogEvent, ensure_catalog_topic},
    money::{Currency, InvalidCurrency, Money, price},
    sale::{SaleFacts, SaleState, StockLevel},
    seller::{ResellerId, Seller},
    show::{NewShow, Show, ShowEntry, ShowId, cursor::ShowCursor},
    stop::{
        Stop, Withdrawal, Withdrawing,
        withdraw::{stop_reseller, withdraw_own_show, withdraw_show},
    },
    store::{
        allotment::allotments,
        sale::{sale_facts, sale_state, tell_stock},
        show::{
            all_shows, end_sale, put_show, seller, set_high_traffic, show, shows, tell_line,
            ticket_types,
        },
        stop::{not_stopped, stop, withdrawal},
    },
    ticket_type::{NewTicketType, TicketType, TicketTypeId},
    venue::{ResellerVenue, Venue},
    when,
};
