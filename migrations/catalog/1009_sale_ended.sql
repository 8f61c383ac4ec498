-- Purpose: a show's page knows that its line has closed and no longer sells. Shows whose room is closed already ended when
-- it did.
ALTER TABLE catalog.shows ADD COLUMN IF NOT EXISTS sale_ended_at timestamptz;
DO $$
BEGIN
    IF to_regclass('waitroom.rooms') IS NOT NULL THEN
        UPDATE catalog.shows s SET sale_ended_at = r.closed_at
        FROM waitroom.rooms r WHERE r.show = s.show AND r.closed_at IS NOT NULL AND s.sale_ended_at IS NULL;
    END IF;
END $$;
