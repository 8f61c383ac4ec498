-- Purpose: rooms, one per protected sale. Fans are not here: the line is a Kafka topic. New table only.
CREATE SCHEMA IF NOT EXISTS waitroom;

CREATE TABLE waitroom.rooms (
    room       text PRIMARY KEY CONSTRAINT rooms_slug_form CHECK (room ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    show       text NOT NULL CONSTRAINT rooms_one_per_show UNIQUE,
    phase      text NOT NULL CONSTRAINT rooms_phase_known
               CHECK (phase IN ('draft', 'scheduled', 'pre_queue', 'open', 'paused', 'closed')),
    lanes      int NOT NULL CONSTRAINT rooms_lanes_positive CHECK (lanes BETWEEN 1 AND 256),
    -- Shown to everybody who waits.
    message    text NOT NULL DEFAULT '',
    opened_at  timestamptz,
    closed_at  timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
