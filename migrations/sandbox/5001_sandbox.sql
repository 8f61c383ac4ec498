-- Purpose: the sandbox payment provider's own books. New tables only.
CREATE SCHEMA IF NOT EXISTS sandbox;

CREATE TABLE sandbox.intents (
    intent          text PRIMARY KEY,
    idempotency_key text NOT NULL CONSTRAINT intents_idempotency_key_once UNIQUE,
    reference       text NOT NULL,
    amount_minor    bigint NOT NULL,
    currency        text NOT NULL,
    description     text NOT NULL DEFAULT '',
    return_url      text NOT NULL,
    state           text NOT NULL CONSTRAINT intents_state_known CHECK (state IN
                    ('requires_payment', 'requires_action', 'succeeded', 'refunded')),
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- Webhooks to send. One row is one delivery; a webhook sent twice has two rows with one webhook id.
CREATE TABLE sandbox.deliveries (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id   text NOT NULL,
    payload      jsonb NOT NULL,
    due_at       timestamptz NOT NULL,
    attempts     int NOT NULL DEFAULT 0,
    delivered_at timestamptz
);
CREATE INDEX deliveries_due ON sandbox.deliveries (due_at) WHERE delivered_at IS NULL;
