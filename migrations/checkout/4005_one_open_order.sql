-- Purpose: a session has one order that is open or paid, whichever partitions its commands went through. Sessions that have
-- more keep them, for they may be paid: all but the first are marked and stand outside the rule. They are looked for before
-- anything is locked; those that come between that and the lock make the index fail, and the migration is run again. From
-- the first change until the index is built, which takes as long as reading all orders, orders can be neither read nor
-- written: so it may take longer than the statements of a request.
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '30s';
CREATE TEMPORARY TABLE sessions_with_many ON COMMIT DROP AS
SELECT session FROM checkout.orders WHERE state IN ('placed', 'awaiting_payment', 'paid', 'fulfilled')
GROUP BY session HAVING count(*) > 1;
ALTER TABLE checkout.orders ADD COLUMN beside_another boolean NOT NULL DEFAULT false;
UPDATE checkout.orders SET beside_another = true
FROM (SELECT order_id, row_number() OVER (PARTITION BY session ORDER BY placed_at, order_id) AS nth
      FROM checkout.orders JOIN sessions_with_many USING (session)
      WHERE state IN ('placed', 'awaiting_payment', 'paid', 'fulfilled')) AS ranked
WHERE orders.order_id = ranked.order_id AND ranked.nth > 1;
CREATE UNIQUE INDEX orders_one_open_per_session ON checkout.orders (session)
    WHERE state IN ('placed', 'awaiting_payment', 'paid', 'fulfilled') AND NOT beside_another;
