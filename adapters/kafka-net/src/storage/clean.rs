//! Compaction of one log, segment by segment: what stays is written beside and put in the segment's place.

