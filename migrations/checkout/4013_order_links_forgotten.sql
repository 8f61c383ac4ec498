-- Purpose: links that are of no use any more are looked for by their age, in batches.
CREATE INDEX order_links_by_age ON checkout.order_links (created_at, secret_hash);
CREATE INDEX order_links_revoked ON checkout.order_links (revoked_at) WHERE revoked_at IS NOT NULL;
