"""The benchmark of docs/performance.md runs and draws what it says; its figures are not judged."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pysam
import pytest

from benchmarks.molecules import ALL, QUICK, SECTION, table
from benchmarks.pages import marks, put_into, section_of
from benchmarks.reads import (
    READ_LENGTH,
    amplicon,
    bundled_genome,
    panel,
    umi_families,
    write_bam,
)

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = marks(SECTION)
HEAD = (
    "| Library | Fragments | Reads | Extraction, CPU s (wall) | MB | Calling, CPU s (wall) | MB "
    "| of it to haplotypes, CPU s | VAF drawn | VAF found |"
)


def test_smallest_benchmark_gives_a_row_of_measurements(tmp_path):
    told = []
    made = table(QUICK[:1], tmp_path, told.append)
    head, rule, row = made.splitlines()
    assert head == HEAD
    assert rule.count("|") == head.count("|") == row.count("|")
    assert told == [f"{row}\n"]
    assert re.fullmatch(
        r"\| amplicon, 100× \| 100 \| 200( \| \d+\.\d\d \(\d+\.\d\d\) \| \d+){2} "
        r"\| \d+\.\d\d \| 1\.00% \| \d\.\d\d% \(\d of \d+[^|]*\) \|",
        row,
    )
    assert list(tmp_path.iterdir()) == []


def test_table_takes_its_place_in_a_page_again_and_again(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for made in ("first\n", "second\n"):
        put_into(page, SECTION, made)
    assert page.read_text() == f"before\n{BEGIN}\nsecond\n{END}\nafter\n"
    page.write_text("no marks\n")
    with pytest.raises(ValueError, match="lacks the marks"):
        put_into(page, SECTION, "table\n")
    assert page.read_text() == "no marks\n"


def test_documented_table_is_one_of_this_script():
    head, _, *rows = section_of(ROOT / "docs" / "performance.md", SECTION).splitlines()
    assert head == HEAD
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [case.name for case in ALL]


def test_reads_are_what_the_page_says(tmp_path):
    genome = bundled_genome()
    library = amplicon(genome, 1_000, 0.01)
    assert library.mutant.sum() == 10
    write_bam(tmp_path / "reads.bam", genome, library, 1)
    codon = genome.placed.codon_positions[0]
    letters, errors, bases, shown = b"", 0, 0, set()
    with pysam.AlignmentFile(str(tmp_path / "reads.bam")) as bam:
        for read in bam.fetch(genome.placed.contig, codon, codon + 3):
            # The MD tag tells the reference that the read was drawn from.
            reference = read.get_reference_sequence()
            start = read.reference_start - genome.placed.window[0]
            assert reference.upper() == genome.bases[start : start + READ_LENGTH]
            errors += sum(letter.islower() for letter in reference)
            bases += READ_LENGTH
            at = codon + 1 - read.reference_start
            if read.query_qualities[at] == 37:
                letters += read.query_sequence[at].encode()
            shown.add((read.is_read1, read.is_reverse, read.is_proper_pair))
    assert bases == 2_000 * READ_LENGTH
    assert 0.0005 < errors / bases < 0.0015
    assert 0.007 < letters.count(b"C") / len(letters) < 0.013
    assert shown == {(first, back, True) for first in (True, False) for back in (True, False)}


def test_panel_and_umi_library_are_as_deep_as_the_page_says():
    genome = bundled_genome()
    library = panel(genome, 500, 0.01, 1)
    mates = library.starts + library.lengths - READ_LENGTH
    coding = np.array(sorted(genome.placed.coding_positions))
    begins = np.concatenate((library.starts, mates))
    over = (begins <= coding[:, None]) & (coding[:, None] < begins + READ_LENGTH)
    assert 450 < over.sum(axis=1).mean() < 550
    families = umi_families(genome, 2_000, 4.0, 0.01, 1)
    assert 7_500 < families.starts.size < 8_500
    assert families.umis.shape == (families.starts.size, 10)
