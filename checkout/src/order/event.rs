//! Where order events go.

use crate::order::{OrderId, amount};
use catalog::contract::{Money, ShowId};
use chrono::{DateTime, Utc};
use kit::outbox::Topic;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The topic of order events, keyed by the order's id.
pub const EVENTS_TOPIC: &str = "orders.events";
/// As the relay makes it.
pub const ORDER_EVENTS: Topic =
    Topic { name: EVENTS_TOPIC, partitions: 4, retention_ms: "604800000", compacted: false };

/// A record of `orders.events`, as JSON, keyed by the order's id. It carries nothing personal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum OrderEvent {
    #[serde(rename = "order_placed.v1")]
    Placed(OrderEventData),
    /// Paid, with its tickets issued.
    #[serde(rename = "order_paid.v1")]
    Paid(OrderEventData),
    #[serde(rename = "order_expired.v1")]
    Expired(OrderEventData),
    #[serde(rename = "order_cancelled.v1")]
    Cancelled(OrderEventData),
    #[serde(rename = "order_refunded.v1")]
    Refunded(OrderEventData),
    /// Links to it that were given out no longer open it; its buyer is to be sent a new one.
    #[serde(rename = "order_link_renewed.v1")]
    LinkRenewed(LinkRenewed),
}

impl OrderEvent {
    /// For logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Placed(_) => "placed",
            Self::Paid(_) => "paid",
            Self::Expired(_) => "expired",
            Self::Cancelled(_) => "cancelled",
            Self::Refunded(_) => "refunded",
            Self::LinkRenewed(_) => "link_renewed",
        }
    }

    pub fn data(&self) -> &OrderEventData {
        match self {
            Self::Placed(data)
            | Self::Paid(data)
            | Self::Expired(data)
            | Self::Cancelled(data)
            | Self::Refunded(data) => data,
            Self::LinkRenewed(renewed) => &renewed.data,
        }
    }
}

/// What is told of links that were renewed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkRenewed {
    #[serde(flatten)]
    pub data: OrderEventData,
    /// Another each time: [`crate::order::link::renewed_order`] knows it.
    pub renewal: Uuid,
}

/// What every order event tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderEventData {
    pub order: OrderId,
    pub show: ShowId,
    #[serde(flatten, with = "amount")]
    pub amount: Money,
    pub at: DateTime<Utc>,
}
