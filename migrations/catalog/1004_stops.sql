-- Purpose: shows that are withdrawn, and resellers who may not sell. Existing shows are not withdrawn; the portal tells of
-- resellers who are suspended already when it starts.
ALTER TABLE catalog.shows
    -- Since when nothing of it is sold, for good.
    ADD COLUMN withdrawn_at     timestamptz,
    -- Who did it, such as `admin ada@example.org`.
    ADD COLUMN withdrawn_by     text,
    -- Why, for its reseller and the console; null where its reseller did it.
    ADD COLUMN withdrawn_reason text,
    ADD CONSTRAINT shows_withdrawn_by_somebody CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL));

-- Resellers of whose shows nothing is sold until they may sell again.
CREATE TABLE catalog.stopped_resellers (
    reseller   uuid PRIMARY KEY,
    stopped_at timestamptz NOT NULL DEFAULT now()
);
