-- Purpose: lists and pages know what is left, as checkout told last. Two columns that may stay empty: nobody told then.
ALTER TABLE catalog.shows ADD COLUMN stock_level text CONSTRAINT shows_stock_level_known
    CHECK (stock_level IN ('available', 'few_left', 'all_held', 'sold_out'));
ALTER TABLE catalog.ticket_types ADD COLUMN stock_level text CONSTRAINT ticket_types_stock_level_known
    CHECK (stock_level IN ('available', 'few_left', 'all_held', 'sold_out'));
