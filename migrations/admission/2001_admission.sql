-- Purpose: how fast each room lets fans in. New table only.
CREATE SCHEMA IF NOT EXISTS admission;

CREATE TABLE admission.gates (
    room              text PRIMARY KEY,
    lanes             int NOT NULL CONSTRAINT gates_lanes_positive CHECK (lanes BETWEEN 1 AND 256),
    rate_per_sec      double precision NOT NULL CONSTRAINT gates_rate_not_negative CHECK (rate_per_sec >= 0),
    max_active        int NOT NULL CONSTRAINT gates_max_active_not_negative CHECK (max_active >= 0),
    claim_window_secs int NOT NULL CONSTRAINT gates_claim_window_positive CHECK (claim_window_secs BETWEEN 1 AND 86400),
    state             text NOT NULL CONSTRAINT gates_state_known CHECK (state IN ('waiting', 'running', 'paused', 'closed')),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
