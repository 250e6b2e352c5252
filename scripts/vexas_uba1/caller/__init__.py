"""The test of each allele, its VAF with interval, and what the sample could have shown."""
