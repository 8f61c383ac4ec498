-- Purpose: every process of checkout writes a row of its own twice a second, to know whether passes can be redeemed.
-- A new table only.
CREATE TABLE checkout.processes (
    process uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 50);
