-- Purpose: whom a draw has ordered: where each lane ended when it was made. Existing gates let in by arrival.
ALTER TABLE admission.gates ADD COLUMN cohort bigint[];
