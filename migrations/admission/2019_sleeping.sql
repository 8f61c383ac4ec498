-- Purpose: gates of rooms that sleep, which no controller looks after, and how often a room woke: each waking has a line of its own, in which
-- places are counted on from where the earlier ones ended. Existing gates are of rooms that are awake, in their first line. The table has a
-- row a room, so checking the states anew takes no time.
ALTER TABLE admission.gates
    DROP CONSTRAINT gates_state_known,
    ADD CONSTRAINT gates_state_known CHECK (state IN ('waiting', 'running', 'paused', 'closed', 'asleep')),
    ADD COLUMN waking int NOT NULL DEFAULT 0 CONSTRAINT gates_waking_not_negative CHECK (waking >= 0),
    -- Where each lane of the line begins; null for at 0.
    ADD COLUMN bases bigint[];
CREATE INDEX gates_awake ON admission.gates (room) WHERE state NOT IN ('closed', 'asleep');
