//! All that other crates may use of checkout.

pub use crate::{
    hold::HoldId,
    order::{
        OrderId,
        buyer::Buyer,
        command::{Command, EndOrder, SubmitLine, SubmitOrder},
        command_log::{COMMANDS_TOPIC, DEAD_TOPIC, WRITER_GROUP},
        event::{EVENTS_TOPIC, LinkRenewed, ORDER_EVENTS, OrderEvent, OrderEventData},
        link::{
            LinkHolder, LinksRenewed, OrderLink, OrderLinks, forget_useless_links, new_order_link,
            renew_order_links, renewed_order,
        },
        state::OrderState,
    },
    payment::{
        config::generate_webhook_secret,
        refund::{FailingRefund, RefundAsked, RefundDetails, request::request_refund},
    },
    report::{
        Granularity, LineDetails, OrderDetails, OrderQuery, OrderSummary, SalesQuery, SalesRow,
        SessionCounts, StockCount, TicketDetails,
        read::{failing_refunds, order, orders, sales, session_counts, stock_counts},
    },
    session::{
        SessionId,
        seller::{Seller, scopes},
    },
    stock::{
        home_partition,
        put::put_stock,
        redis::{ShardSnapshot, snapshot},
    },
};
