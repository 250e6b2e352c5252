"""What molecules show as alleles: haplotypes of a few positions, and indels wherever placed."""
