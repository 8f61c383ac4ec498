-- Purpose: rooms without a line, which let in whoever comes. Existing rooms keep their method. The table has a row a room, so checking it
-- anew takes no time.
ALTER TABLE waitroom.rooms
    DROP CONSTRAINT rooms_method_known,
    ADD CONSTRAINT rooms_method_known CHECK (method IN ('draw', 'first_come', 'passthrough'));
