-- Purpose: a room's show is read as a show's id, so it has the form of one. Existing rooms fit: they were made for shows of the
-- catalog, whose ids have the form. One that was written by hand and does not fit stops the migration, which changes nothing
-- then; it sells nothing and can be deleted. The table has a row a room, so reading it takes no time.
ALTER TABLE waitroom.rooms
    ADD CONSTRAINT rooms_show_form CHECK (show ~ '^[a-z0-9][a-z0-9-]{0,62}$');
