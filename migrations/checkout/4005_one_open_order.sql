-- Purpose: a session has one order that is open or paid, whichever partitions its commands went through. Sessions that have
-- more keep them, for they may be paid: all but the first are marked and stand outside the rule. Orders cannot be written
-- while the index is built.
ALTER TABLE checkout.orders ADD COLUMN beside_another boolean NOT NULL DEFAULT false;
UPDATE checkout.orders SET beside_another = true
FROM (SELECT order_id, row_number() OVER (PARTITION BY session ORDER BY placed_at, order_id) AS nth
      FROM checkout.orders WHERE state IN ('placed', 'awaiting_payment', 'paid', 'fulfilled')) AS ranked
WHERE orders.order_id = ranked.order_id AND ranked.nth > 1;
CREATE UNIQUE INDEX orders_one_open_per_session ON checkout.orders (session)
    WHERE state IN ('placed', 'awaiting_payment', 'paid', 'fulfilled') AND NOT beside_another;
