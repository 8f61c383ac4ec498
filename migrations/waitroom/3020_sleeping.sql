-- Purpose: rooms that sleep while nobody queues: they have no line, and let in whoever comes. Existing rooms are awake and stay so, until
-- somebody lets them sleep. The table has a row a room.
ALTER TABLE waitroom.rooms
    -- Whether it has no line now.
    ADD COLUMN asleep boolean NOT NULL DEFAULT false,
    -- Whether it goes to sleep by itself.
    ADD COLUMN sleeps boolean NOT NULL DEFAULT false,
    -- Whether somebody wants it awake: an operator, or its phase.
    ADD COLUMN wake_wanted boolean NOT NULL DEFAULT false,
    -- It wakes where more fans a second come, or more are inside.
    ADD COLUMN wake_per_sec double precision NOT NULL DEFAULT 5
        CONSTRAINT rooms_wake_per_sec_not_negative CHECK (wake_per_sec >= 0),
    -- Null for half of those who may be inside.
    ADD COLUMN wake_active int CONSTRAINT rooms_wake_active_not_negative CHECK (wake_active >= 0),
    -- How often it woke; each waking has a line of its own.
    ADD COLUMN waking int NOT NULL DEFAULT 0 CONSTRAINT rooms_waking_not_negative CHECK (waking >= 0),
    -- Where each lane of that line begins: where the one before ended. Null for at 0.
    ADD COLUMN bases bigint[];
CREATE INDEX rooms_awake ON waitroom.rooms (room) WHERE NOT asleep;
CREATE INDEX rooms_to_wake ON waitroom.rooms (room) WHERE asleep AND wake_wanted;
