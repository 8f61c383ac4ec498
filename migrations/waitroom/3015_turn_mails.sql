-- Purpose: fans who want a mail when their turn is near, until it was sent. Only they are here: joining and waiting touch no
-- table. New table only.
CREATE TABLE waitroom.turn_mails (
    -- Derived from room and address under a key, so that an address is found again, and has one mail a room.
    id             uuid PRIMARY KEY,
    room           text NOT NULL,
    lane           int NOT NULL,
    place_offset   bigint NOT NULL,
    address_sealed text NOT NULL,
    language       text NOT NULL,
    -- Since when the turn is near, and between when and when it was then likely to come.
    near_at        timestamptz,
    turn_from      timestamptz,
    turn_to        timestamptz,
    -- Notifications know that it is near.
    is_heard       boolean NOT NULL DEFAULT false,
    CONSTRAINT turn_mails_one_a_place UNIQUE (room, lane, place_offset),
    CONSTRAINT turn_mails_near_whole CHECK (num_nulls(near_at, turn_from, turn_to) IN (0, 3))
);
CREATE INDEX turn_mails_far ON waitroom.turn_mails (room, place_offset) WHERE near_at IS NULL;
CREATE INDEX turn_mails_near ON waitroom.turn_mails (near_at) WHERE near_at IS NOT NULL;
