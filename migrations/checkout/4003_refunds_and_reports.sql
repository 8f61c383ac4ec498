-- Purpose: refunds that a provider refuses are asked for less and less often and can be seen; reports and lists of orders
-- are found by show and time. Existing refunds that are still owed are asked for at once.
ALTER TABLE checkout.refunds
    -- How often the provider did not do it.
    ADD COLUMN IF NOT EXISTS attempts int NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS next_attempt_at timestamptz NOT NULL DEFAULT now(),
    -- What it said the last time.
    ADD COLUMN IF NOT EXISTS last_fault text;
DROP INDEX IF EXISTS checkout.refunds_open;
CREATE INDEX IF NOT EXISTS refunds_due ON checkout.refunds (next_attempt_at) WHERE done_at IS NULL;
-- When a refund counts in a report.
CREATE INDEX IF NOT EXISTS refunds_by_time ON checkout.refunds ((coalesce(done_at, requested_at)));

CREATE INDEX IF NOT EXISTS orders_by_payment ON checkout.orders (show, paid_at) WHERE paid_at IS NOT NULL;
-- As the lists are sorted, so that a page is read from the index and nothing is sorted.
DROP INDEX IF EXISTS checkout.orders_by_show;
CREATE INDEX orders_by_show ON checkout.orders (show, placed_at DESC, order_id DESC);
