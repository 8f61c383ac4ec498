-- Purpose: allotments as they arrive from `catalog.events`, refunds of fulfilled orders, the buyer's language, and the reads
-- of reports. Existing orders are in English; existing tickets are good.

-- The last allotment of a ticket type that was answered, so that each change counts once and in order.
CREATE TABLE checkout.allotments (
    ticket_type uuid PRIMARY KEY,
    revision    bigint NOT NULL,
    -- Why it was refused, in words for the reseller; null where it was applied.
    refusal     text,
    applied_at  timestamptz NOT NULL DEFAULT now()
);

-- Refunds asked for by an admin, until the order writer has taken them up.
CREATE TABLE checkout.refund_requests (
    order_id     uuid PRIMARY KEY CONSTRAINT refund_requests_order_exists REFERENCES checkout.orders,
    reason       text NOT NULL,
    request_id   text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now()
);

-- An order may owe the money of two payments: one that came twice, and a refund.
ALTER TABLE checkout.refunds DROP CONSTRAINT refunds_pkey;
ALTER TABLE checkout.refunds ADD CONSTRAINT refunds_pkey PRIMARY KEY (order_id, payment_intent);

-- A ticket whose order was refunded lets nobody in.
ALTER TABLE checkout.tickets ADD COLUMN voided_at timestamptz;

ALTER TABLE checkout.orders ADD COLUMN language text NOT NULL DEFAULT 'en'
    CONSTRAINT orders_language_form CHECK (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$');
CREATE INDEX orders_by_show ON checkout.orders (show, placed_at DESC, order_id);
CREATE INDEX sessions_by_room ON checkout.sessions (room);
