-- Purpose: rooms of shows whose sale was stopped: nobody is let in meanwhile, whatever the phase. Existing rooms are not stopped.
ALTER TABLE waitroom.rooms ADD COLUMN stop text
    CONSTRAINT rooms_stop_known CHECK (stop IN ('suspended', 'withdrawn'));
