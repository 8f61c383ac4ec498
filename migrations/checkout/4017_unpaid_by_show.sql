-- How many tickets of a show are in unpaid orders is asked several times a second while none is free.
CREATE INDEX orders_unpaid_by_show ON checkout.orders (show) WHERE state IN ('placed', 'awaiting_payment');
