-- Purpose: how a room's pace follows checkout. Existing gates follow it from now on, with the defaults.
ALTER TABLE admission.gates
    ADD COLUMN pace_mode text NOT NULL DEFAULT 'follow'
        CONSTRAINT gates_pace_mode_known CHECK (pace_mode IN ('follow', 'fixed')),
    ADD COLUMN floor_per_sec double precision NOT NULL DEFAULT 1
        CONSTRAINT gates_floor_not_negative CHECK (floor_per_sec >= 0),
    ADD COLUMN order_ms_target int NOT NULL DEFAULT 1000
        CONSTRAINT gates_order_target_sensible CHECK (order_ms_target BETWEEN 100 AND 60000);
