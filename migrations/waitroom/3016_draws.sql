-- Purpose: how a room orders those who come before it opens, and the draws of those that draw. Existing rooms let in whoever came
-- first, as they did, and open no pre-queue by themselves. Both tables have a row a room, so checking the phases anew takes no time.
ALTER TABLE waitroom.rooms
    ADD COLUMN method text NOT NULL DEFAULT 'first_come'
        CONSTRAINT rooms_method_known CHECK (method IN ('draw', 'first_come')),
    -- When fans may join who wait for the opening; null where somebody lets them.
    ADD COLUMN joins_at timestamptz,
    DROP CONSTRAINT rooms_phase_known,
    ADD CONSTRAINT rooms_phase_known
        CHECK (phase IN ('draft', 'scheduled', 'pre_queue', 'drawing', 'open', 'paused', 'closed'));
CREATE INDEX rooms_to_join ON waitroom.rooms (joins_at) WHERE phase = 'scheduled' AND joins_at IS NOT NULL;
CREATE INDEX rooms_to_draw ON waitroom.rooms (opens_at) WHERE phase = 'drawing';

CREATE TABLE waitroom.draws (
    room           text PRIMARY KEY REFERENCES waitroom.rooms,
    -- Secret until it is drawn; what is published before is its SHA-256.
    seed           bytea NOT NULL CONSTRAINT draws_seed_length CHECK (octet_length(seed) = 32),
    entropy_source text NOT NULL CONSTRAINT draws_source_known CHECK (entropy_source IN ('none', 'operator', 'drand')),
    committed_at   timestamptz NOT NULL DEFAULT now(),
    -- Where each lane ended when entries closed.
    ends           bigint[],
    frozen_at      timestamptz,
    entropy        jsonb,
    drawn_at       timestamptz,
    CONSTRAINT draws_frozen_whole CHECK (num_nulls(ends, frozen_at) IN (0, 2)),
    CONSTRAINT draws_entropy_after_frozen CHECK (entropy IS NULL OR ends IS NOT NULL),
    CONSTRAINT draws_drawn_whole CHECK (drawn_at IS NULL OR entropy IS NOT NULL)
);
