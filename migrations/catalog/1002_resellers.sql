-- Purpose: resellers' own venues and shows, drafts, allotments, and the outbox of `catalog.events`.
-- Existing venues and shows belong to the house and stay published; their stock is described by an allotment once it is put again.
ALTER TABLE catalog.venues ADD COLUMN reseller uuid;
CREATE INDEX venues_by_reseller ON catalog.venues (reseller, name) WHERE reseller IS NOT NULL;

ALTER TABLE catalog.shows
    -- Who sells it; null is the house.
    ADD COLUMN reseller uuid,
    -- A draft until then: seen by its reseller and nobody else.
    ADD COLUMN published_at timestamptz;
UPDATE catalog.shows SET published_at = created_at;
CREATE INDEX shows_by_reseller ON catalog.shows (reseller, starts_at) WHERE reseller IS NOT NULL;

-- How many tickets of a type are for sale: the truth that checkout's stock follows.
CREATE TABLE catalog.allotments (
    ticket_type uuid PRIMARY KEY CONSTRAINT allotments_ticket_type_exists REFERENCES catalog.ticket_types,
    -- What checkout sells, or what a draft will sell.
    allotted    int NOT NULL CONSTRAINT allotments_within_bounds CHECK (allotted BETWEEN 0 AND 10000000),
    -- What it is to become, while checkout has not answered to `revision`.
    wanted      int CONSTRAINT allotments_wanted_within_bounds CHECK (wanted BETWEEN 0 AND 10000000),
    -- Raised with every change that goes to checkout; 0 for a draft's.
    revision    bigint NOT NULL DEFAULT 0,
    -- Why the last change was refused, in words for the reseller; null where it was not.
    refusal     text,
    changed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX allotments_waiting ON catalog.allotments (changed_at) WHERE wanted IS NOT NULL;

-- Events to publish, written in the transaction that made them true.
CREATE TABLE catalog.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The show, so that its events keep their order.
    key        text NOT NULL,
    payload    jsonb NOT NULL,
    request_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
