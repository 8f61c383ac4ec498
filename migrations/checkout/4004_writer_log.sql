-- Purpose: the order writer knows which log its offsets are of. Existing offsets are taken to be of the log that is there
-- when a writer next starts. Refusals for lateness are gone: such orders are written as expired, and whoever still asks
-- for one that was refused places it anew.
ALTER TABLE checkout.writer_offsets ADD COLUMN log uuid;
DELETE FROM checkout.refusals WHERE reason = 'too_late';
