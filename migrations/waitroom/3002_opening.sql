-- Purpose: rooms that open by themselves when their sale begins. Existing rooms do not.
ALTER TABLE waitroom.rooms ADD COLUMN opens_at timestamptz;
CREATE INDEX rooms_to_open ON waitroom.rooms (opens_at) WHERE phase IN ('scheduled', 'pre_queue') AND opens_at IS NOT NULL;
