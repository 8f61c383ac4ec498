-- Purpose: what is on sale: venues, performers, shows, ticket types. New tables only.
CREATE SCHEMA IF NOT EXISTS catalog;

CREATE TABLE catalog.venues (
    venue_id  uuid PRIMARY KEY,
    name      text NOT NULL,
    city      text NOT NULL,
    country   text NOT NULL CONSTRAINT venues_country_is_iso CHECK (country ~ '^[A-Z]{2}$'),
    address   text NOT NULL DEFAULT '',
    -- IANA name; show times are told in the venue's zone.
    time_zone text NOT NULL
);

CREATE TABLE catalog.performers (
    performer_id uuid PRIMARY KEY,
    name         text NOT NULL CONSTRAINT performers_name_once UNIQUE,
    genre        text NOT NULL DEFAULT ''
);

CREATE TABLE catalog.shows (
    -- The public id, a slug such as `mira-vale-harbour-lights`.
    show         text PRIMARY KEY CONSTRAINT shows_slug_form CHECK (show ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    title        text NOT NULL,
    performer_id uuid NOT NULL CONSTRAINT shows_performer_exists REFERENCES catalog.performers,
    venue_id     uuid NOT NULL CONSTRAINT shows_venue_exists REFERENCES catalog.venues,
    description  text NOT NULL DEFAULT '',
    doors_at     timestamptz NOT NULL,
    starts_at    timestamptz NOT NULL,
    on_sale_at   timestamptz NOT NULL,
    high_traffic boolean NOT NULL DEFAULT false,
    -- Unlisted shows have pages but stand in no list (rehearsals).
    listed       boolean NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX shows_listed_by_date ON catalog.shows (starts_at) WHERE listed;

CREATE TABLE catalog.ticket_types (
    ticket_type   uuid PRIMARY KEY,
    show          text NOT NULL CONSTRAINT ticket_types_show_exists REFERENCES catalog.shows,
    name          text NOT NULL,
    description   text NOT NULL DEFAULT '',
    price_minor   bigint NOT NULL CONSTRAINT ticket_types_price_not_negative CHECK (price_minor >= 0),
    currency      text NOT NULL CONSTRAINT ticket_types_currency_is_iso CHECK (currency ~ '^[A-Z]{3}$'),
    per_order_max int NOT NULL DEFAULT 4 CONSTRAINT ticket_types_per_order_positive CHECK (per_order_max BETWEEN 1 AND 50),
    position      int NOT NULL DEFAULT 0,
    CONSTRAINT ticket_types_name_once UNIQUE (show, name)
);
