-- Purpose: letters that were given up can be tried again, with the patience a new letter gets. Existing rows: never retried.
ALTER TABLE notifications.letters ADD COLUMN IF NOT EXISTS retried_at timestamptz;
