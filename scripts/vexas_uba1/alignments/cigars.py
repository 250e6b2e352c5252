"""Operations of a CIGAR, by number (SAM specification 1.6, section 4.2)."""

MATCH, INSERTION, DELETION, SKIP, SOFT, HARD, PAD, EQUAL, DIFF = range(9)
ALIGNED = frozenset({MATCH, EQUAL, DIFF})
