"""Reads compared with the haplotypes they may come from, so that no placement hides an allele."""
