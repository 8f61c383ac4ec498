-- Purpose: what proves that a line's past was not changed: roots over its records, and its heads with their times. One recorder a room writes
-- them; nothing of it is changed once it stands. Rooms that are open get theirs from now on, over all their records.
CREATE TABLE waitroom.recorders (
    room       text PRIMARY KEY REFERENCES waitroom.rooms,
    holder     uuid NOT NULL,
    held_until timestamptz NOT NULL,
    -- When all of a closed room's line was recorded.
    ended_at   timestamptz
);
CREATE TABLE waitroom.roots (
    room text NOT NULL REFERENCES waitroom.rooms,
    lane integer NOT NULL CONSTRAINT roots_lane_positive CHECK (lane >= 0),
    -- Over how many records.
    size bigint NOT NULL CONSTRAINT roots_size_positive CHECK (size > 0),
    root bytea NOT NULL CONSTRAINT roots_length CHECK (octet_length(root) = 32),
    -- When the lane ended there.
    at   timestamptz NOT NULL,
    PRIMARY KEY (room, lane, size)
);
CREATE TABLE waitroom.heads (
    room text NOT NULL REFERENCES waitroom.rooms,
    lane integer NOT NULL CONSTRAINT heads_lane_positive CHECK (lane >= 0),
    head bigint NOT NULL CONSTRAINT heads_head_positive CHECK (head > 0),
    at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room, lane, head)
);
ALTER TABLE waitroom.draws
    -- Over the records of each lane that take part.
    ADD COLUMN roots bytea[],
    ADD CONSTRAINT draws_roots_of_ends CHECK (roots IS NULL OR cardinality(roots) = cardinality(ends));
-- Over each full 4,096 records of a lane, so that a proof needs few records and not all.
CREATE TABLE waitroom.root_blocks (
    room  text NOT NULL REFERENCES waitroom.rooms,
    lane  integer NOT NULL,
    block bigint NOT NULL,
    root  bytea NOT NULL CONSTRAINT root_blocks_length CHECK (octet_length(root) = 32),
    PRIMARY KEY (room, lane, block)
);
