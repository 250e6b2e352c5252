"""Inserted bases, compared by number."""

import numpy as np

from builders.sam import SamBuilder
from vexas_uba1.alignments.inserted import inserted_numbers, inserted_text
from vexas_uba1.alignments.window import read_window

FOUR = "ACGT"
TEXTS = ["A", "AA", "AC", FOUR * 7, FOUR * 10, FOUR * 10 + "A", "AC", FOUR * 10, "AN", "N" * 40]


def test_equal_insertions_have_equal_numbers(tmp_path):
    sam = SamBuilder([("chrX", 1000)])
    for number, text in enumerate(TEXTS):
        sam.read(f"r{number}", 101, FOUR * 5 + text + FOUR * 5, cigar=f"20M{len(text)}I20M")
    bam = sam.write_bam(tmp_path / "reads.bam")
    reads = read_window(bam, "chrX", np.arange(50, 300), umi_tags=(), keep_duplicates=True)
    numbers = inserted_numbers(reads, np.arange(len(TEXTS))).tolist()
    assert numbers[2] == numbers[6]
    assert numbers[4] == numbers[7]
    assert numbers[8:] == [-1, -1]
    assert len(set(numbers[:8])) == 6
    assert [inserted_text(reads, row) for row in range(8)] == TEXTS[:8]
