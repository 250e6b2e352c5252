"""The benchmark of targeted FASTQ runs and draws what it says; its figures are not judged."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.made_up_genome import READ_LENGTH, make_genome, write_pairs
from benchmarks.pages import section_of
from benchmarks.targeted import SECTION, prepare, table
from builders.fastq import reverse_complement
from vexas_uba1.mapping.fastq import QualityRange, read_fragments
from vexas_uba1.samples.sources import LocalFile

ROOT = Path(__file__).resolve().parents[2]
HEAD = "| Step | CPU s | µs a pair |"


@pytest.mark.skipif(shutil.which("bwa") is None, reason="bwa is not installed")
def test_smallest_benchmark_finds_the_same_counts_both_ways(tmp_path):
    told = []
    library = prepare(tmp_path / "made", 1000, 0.5)
    (tmp_path / "out").mkdir()
    made = table(library, tmp_path / "out", told.append)
    text, head, rule, *rows = (line for line in made.splitlines() if line)
    assert re.search(r"Codon 41: ATG \d+, ACG \d+(, \w+ \d+)*, the same both ways\.$", text)
    assert head == HEAD
    assert {line.count("|") for line in (head, rule, *rows)} == {4}
    assert told == [f"{line}\n" for line in rows] and len(rows) == 8
    # The index is built once.
    index = tmp_path / "made" / "0.5" / "bwa" / "genome.bwt"
    before = index.stat().st_mtime_ns
    prepare(tmp_path / "made", 10, 0.5)
    assert index.stat().st_mtime_ns == before


def test_made_up_pairs_come_from_the_made_up_genome(tmp_path):
    genome = make_genome(tmp_path, 0.3, 1)
    assert sum(map(len, genome.contigs.values())) == 300_000
    files = (tmp_path / "1.fastq.gz", tmp_path / "2.fastq.gz")
    count = write_pairs(genome, 200, 2, files)
    local = tuple(LocalFile(file.name, file) for file in files)
    fragments = list(read_fragments(local, QualityRange()))
    assert len(fragments) == count == len({name for name, _ in fragments})
    text = b"".join(bases.tobytes() for bases in genome.contigs.values()).decode()
    exact = 0
    for _, records in fragments:
        one, two = (record.sequence for record in records)
        assert len(one) == len(two) == READ_LENGTH
        two = reverse_complement(two)
        turned = reverse_complement(one), reverse_complement(two)
        exact += (one in text and two in text) or all(bases in text for bases in turned)
    # exp(-300 x 0.003 x 3/4), less some fragments with the variant.
    assert 0.4 < exact / count < 0.6


def test_made_up_gene_is_the_records_with_repeats_in_its_introns(tmp_path):
    genome = make_genome(tmp_path, 0.3, 1)
    placed = genome.placed
    bases = genome.contigs["chrX"]
    known = np.frombuffer(placed.reference_bases().encode(), np.uint8)
    seen = bases[slice(*placed.window)]
    assert (seen == known)[known != ord("N")].all()
    assert bytes(bases[list(placed.codon_positions)]) == b"ATG"


def test_documented_table_is_one_of_this_script():
    text, _, head, _, *rows = section_of(ROOT / "docs" / "performance.md", SECTION).splitlines()
    assert "the same both ways" in text
    assert head == HEAD
    assert len(rows) == 8
