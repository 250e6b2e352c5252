"""The only room that opens SAM, BAM, CRAM and FASTA files."""
