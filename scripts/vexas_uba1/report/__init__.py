"""Everything a reader is given for one sample, written from ``result.json`` alone."""
