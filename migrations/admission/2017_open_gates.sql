-- Purpose: controllers look several times a second which gates are open; rooms that have closed or sleep must cost that look nothing.
CREATE INDEX gates_open ON admission.gates (room) WHERE state <> 'closed';
