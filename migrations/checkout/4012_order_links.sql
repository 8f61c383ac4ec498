-- Purpose: a link to an order carries a random secret, of which the hash is kept, in place of one that is sealed under a key:
-- it outlives the key, and can be revoked. Links that were sent before stay good for the orders there are, while the key that
-- sealed them is in use and until the order's links are revoked.
CREATE TABLE checkout.order_links (
    -- SHA-256 of the secret.
    secret_hash bytea CONSTRAINT order_links_pkey PRIMARY KEY,
    -- Without a reference: a fan's page has its link while the order may still wait in the log.
    order_id    uuid NOT NULL,
    -- `page`, or `letter ` and the letter's id.
    holder      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);
CREATE INDEX order_links_by_order ON checkout.order_links (order_id, holder, created_at DESC);

-- Somebody had all links of an order replaced by a new one, which goes out by mail.
CREATE TABLE checkout.link_renewals (
    renewal    uuid PRIMARY KEY,
    order_id   uuid NOT NULL CONSTRAINT link_renewals_order_exists REFERENCES checkout.orders,
    renewed_at timestamptz NOT NULL DEFAULT now()
);

-- Whether links sealed under a key open the order: those that were sent before, and none for orders to come.
ALTER TABLE checkout.orders ADD COLUMN sealed_links boolean NOT NULL DEFAULT true;
ALTER TABLE checkout.orders ALTER COLUMN sealed_links SET DEFAULT false;
