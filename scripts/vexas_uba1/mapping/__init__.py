"""FASTQ to BAM: trimming, alignment, duplicate marking."""
