-- Purpose: rooms that close by themselves when their show is over. Existing rooms do so once the catalog tells of their show.
ALTER TABLE waitroom.rooms ADD COLUMN IF NOT EXISTS closes_at timestamptz;
CREATE INDEX IF NOT EXISTS rooms_to_close ON waitroom.rooms (closes_at) WHERE phase <> 'closed' AND closes_at IS NOT NULL;
