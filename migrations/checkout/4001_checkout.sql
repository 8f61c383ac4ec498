-- Purpose: stock, sessions, orders, tickets, and what the order writer has consumed. New tables only.
CREATE SCHEMA IF NOT EXISTS checkout;

-- Stock of a ticket type, cut into shards. `committed` counts reserved and sold tickets.
CREATE TABLE checkout.stock (
    ticket_type uuid NOT NULL,
    shard       int NOT NULL,
    show        text NOT NULL,
    allotted    int NOT NULL,
    committed   int NOT NULL DEFAULT 0,
    -- Raised whenever Redis is filled anew; commands made under an older epoch are refused.
    epoch       bigint NOT NULL DEFAULT 1,
    -- Raised with every change of `committed`, so that Redis can tell whether it saw them all.
    version     bigint NOT NULL DEFAULT 0,
    CONSTRAINT stock_pkey PRIMARY KEY (ticket_type, shard),
    CONSTRAINT stock_committed_within_allotted CHECK (committed >= 0 AND committed <= allotted)
);
CREATE INDEX stock_by_show ON checkout.stock (show);

-- A redeemed pass. The place's uniqueness is what makes a pass open one session, once.
CREATE TABLE checkout.sessions (
    session    uuid PRIMARY KEY,
    place      text NOT NULL CONSTRAINT sessions_one_per_place UNIQUE,
    room       text NOT NULL,
    show       text NOT NULL,
    opened_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    -- The room's cap on active sessions when this one opened, for the checker.
    cap        int NOT NULL
);
CREATE INDEX sessions_active_by_room ON checkout.sessions (room, expires_at) WHERE ended_at IS NULL;

CREATE TABLE checkout.orders (
    order_id       uuid PRIMARY KEY,
    session        uuid NOT NULL,
    show           text NOT NULL,
    hold           uuid NOT NULL CONSTRAINT orders_one_per_hold UNIQUE,
    state          text NOT NULL CONSTRAINT orders_state_known CHECK (state IN
                   ('placed', 'awaiting_payment', 'paid', 'fulfilled', 'expired', 'cancelled', 'refund_pending', 'refunded')),
    request_hash   bytea NOT NULL,
    amount_minor   bigint NOT NULL CONSTRAINT orders_amount_not_negative CHECK (amount_minor >= 0),
    currency       text NOT NULL,
    buyer_name     text NOT NULL,
    buyer_email    text NOT NULL,
    -- The partition of `orders.commands` whose writer owns this order.
    home_partition int NOT NULL,
    placed_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    paid_at        timestamptz,
    -- What the payment provider calls this payment, and where the fan pays.
    payment_intent text CONSTRAINT orders_payment_intent_once UNIQUE,
    payment_url    text,
    -- Why the last payment attempt failed, for the fan.
    payment_fault  text
);
CREATE INDEX orders_unpaid_by_expiry ON checkout.orders (expires_at) WHERE state IN ('placed', 'awaiting_payment');
CREATE INDEX orders_by_session ON checkout.orders (session);

CREATE TABLE checkout.order_lines (
    order_id         uuid NOT NULL CONSTRAINT order_lines_order_exists REFERENCES checkout.orders,
    ticket_type      uuid NOT NULL,
    shard            int NOT NULL,
    quantity         int NOT NULL CONSTRAINT order_lines_quantity_positive CHECK (quantity > 0),
    unit_price_minor bigint NOT NULL,
    CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, ticket_type, shard)
);
CREATE INDEX order_lines_by_stock ON checkout.order_lines (ticket_type, shard);

-- Orders the writer refused, so that whoever placed one learns why.
CREATE TABLE checkout.refusals (
    order_id   uuid PRIMARY KEY,
    reason     text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE checkout.tickets (
    code        text PRIMARY KEY,
    order_id    uuid NOT NULL CONSTRAINT tickets_order_exists REFERENCES checkout.orders,
    -- 1, 2, … within the order.
    number      int NOT NULL,
    ticket_type uuid NOT NULL,
    show        text NOT NULL,
    issued_at   timestamptz NOT NULL,
    CONSTRAINT tickets_once_per_order UNIQUE (order_id, number)
);

-- Money to give back.
CREATE TABLE checkout.refunds (
    order_id       uuid PRIMARY KEY CONSTRAINT refunds_order_exists REFERENCES checkout.orders,
    payment_intent text NOT NULL,
    amount_minor   bigint NOT NULL,
    reason         text NOT NULL,
    requested_at   timestamptz NOT NULL DEFAULT now(),
    done_at        timestamptz
);
CREATE INDEX refunds_open ON checkout.refunds (requested_at) WHERE done_at IS NULL;

-- Provider webhooks already acted upon.
CREATE TABLE checkout.webhooks_seen (
    provider   text NOT NULL,
    webhook_id text NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, webhook_id)
);

-- Events to publish, written in the transaction that made them true.
CREATE TABLE checkout.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL,
    payload    jsonb NOT NULL,
    request_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The next offset of each `orders.commands` partition, moved in the transaction that did the work.
CREATE TABLE checkout.writer_offsets (
    partition   int PRIMARY KEY,
    next_offset bigint NOT NULL
);
