-- Purpose: lists and pages know whether a show's line has opened, as the waiting room told last. A column that may stay empty: nobody told then.
ALTER TABLE catalog.shows ADD COLUMN line_opened boolean;
