"""UBA1 codon 41 from sequencing reads: the variant with its VAF, or how little could hide."""

__version__ = "0.1.0"
