-- Purpose: an order's currency is read as one, so it has the form of one. Only orders to come are looked at here, for the table
-- is large and is locked meanwhile; the next migration looks at those there are.
ALTER TABLE checkout.orders
    ADD CONSTRAINT orders_currency_is_iso CHECK (currency ~ '^[A-Z]{3}$') NOT VALID;
