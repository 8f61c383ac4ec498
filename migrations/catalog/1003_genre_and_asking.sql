-- Purpose: a show's genre is its own, so that no seller writes on another's page; allotments that nobody answered are
-- asked for again. Existing shows keep the genre their performer had; allotments that wait were asked for at their last
-- change.
ALTER TABLE catalog.shows ADD COLUMN IF NOT EXISTS genre text NOT NULL DEFAULT '';
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM information_schema.columns
        WHERE (table_schema, table_name, column_name) = ('catalog', 'performers', 'genre')
    ) THEN
        UPDATE catalog.shows s SET genre = p.genre FROM catalog.performers p WHERE p.performer_id = s.performer_id;
        ALTER TABLE catalog.performers DROP COLUMN genre;
    END IF;

    IF NOT EXISTS (
        SELECT FROM information_schema.columns
        WHERE (table_schema, table_name, column_name) = ('catalog', 'allotments', 'asked_at')
    ) THEN
        -- When checkout was last asked for `wanted`.
        ALTER TABLE catalog.allotments ADD COLUMN asked_at timestamptz NOT NULL DEFAULT now();
        UPDATE catalog.allotments SET asked_at = changed_at;
    END IF;
END $$;

DROP INDEX IF EXISTS catalog.allotments_waiting;
CREATE INDEX allotments_waiting ON catalog.allotments (asked_at) WHERE wanted IS NOT NULL;
