-- Purpose: rooms that go back to sleep: what their lines held is kept here, so that receipts and proofs can be checked when the topics are gone.
-- Existing rooms have none. The new column is null: no room is about to sleep.
ALTER TABLE waitroom.rooms ADD COLUMN drowsy_at timestamptz;
CREATE TABLE waitroom.sealed_records (
    room    text NOT NULL REFERENCES waitroom.rooms,
    lane    integer NOT NULL CONSTRAINT sealed_records_lane_positive CHECK (lane >= 0),
    -- The place of the first of them.
    first   bigint NOT NULL CONSTRAINT sealed_records_first_positive CHECK (first >= 0),
    -- 24 bytes a record: when the broker took it, in milliseconds since 1970, and its nonce.
    records bytea NOT NULL CONSTRAINT sealed_records_whole CHECK (octet_length(records) % 24 = 0),
    PRIMARY KEY (room, lane, first)
);
-- Lines whose rooms sleep, until their topics, groups and keys are deleted.
CREATE TABLE waitroom.old_lines (
    room      text NOT NULL REFERENCES waitroom.rooms,
    waking    integer NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room, waking)
);
-- Rooms that closed of late are looked for each second.
CREATE INDEX rooms_closed ON waitroom.rooms (closed_at) WHERE closed_at IS NOT NULL;
