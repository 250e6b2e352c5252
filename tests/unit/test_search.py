"""What deserves a closer look, and what costs nothing because it does not."""

from __future__ import annotations

import numpy as np
import pytest

from builders.calls import CODON, R, grch38, molecules_of, record_reference
from vexas_uba1.alleles.placements import Runs, join_placements
from vexas_uba1.alleles.views import Views
from vexas_uba1.caller.caller import Caller, Counting, TestLevels
from vexas_uba1.caller.search import outstanding
from vexas_uba1.locus.hgvs import parse_c
from vexas_uba1.noise import ErrorModel, count_positions

START = CODON - 3  # c.118
EXON = "GGAATGGCCAAGAACGGC"
POSITIONS = np.arange(START, START + len(EXON))
PLAIN = ErrorModel()


def sample(count, shown, times, **keys):
    rows = [R(f"n{n}", START, EXON) for n in range(count - times)]
    return molecules_of(*rows, *(R(f"x{n}", START, shown, **keys) for n in range(times)))


def chosen(molecules, model=PLAIN, listed=()):
    known = record_reference()
    indels = join_placements(molecules.indels, known, Runs.of(known))
    counted = count_positions(molecules, known, POSITIONS)
    return [indel.allele for indel in outstanding(indels, counted, model, listed)]


GONE = EXON[:7] + "-" + EXON[8:]
C125DEL = parse_c("c.126del", grch38(), record_reference())


@pytest.mark.parametrize(("times", "stands_out"), [(1, False), (2, False), (4, True), (200, True)])
def test_a_deletion_stands_out_by_more_molecules_than_errors_give(times, stands_out):
    # 300 molecules at 1e-4: two are seen in one of 2,000 places.
    assert (chosen(sample(300, GONE, times)) == [C125DEL]) is stands_out


def test_where_the_sample_errs_more_often_it_takes_more():
    noisy = ErrorModel(indel_scale=np.full((2, 6), 200.0))
    assert chosen(sample(300, GONE, 15), noisy) == []
    assert chosen(sample(300, GONE, 40), noisy) == [C125DEL]


def test_of_a_listed_deletion_two_molecules_are_enough():
    assert chosen(sample(300, GONE, 2), listed=[C125DEL]) == [C125DEL]
    assert chosen(sample(300, GONE, 1), listed=[C125DEL]) == []


def test_two_placements_of_one_molecule_each_are_two_molecules():
    other = EXON[:8] + "-" + EXON[9:]
    rows = [R(f"n{n}", START, EXON) for n in range(10)]
    molecules = molecules_of(*rows, R("l", START, GONE), R("r", START, other))
    assert chosen(molecules, listed=[C125DEL]) == [C125DEL]


def test_what_one_molecule_shows_gets_no_view(monkeypatch):
    asked = []
    read = Views.at

    def noted(self, positions, indels=()):
        asked.append((tuple(positions), tuple(indels)))
        return read(self, positions, indels)

    monkeypatch.setattr(Views, "at", noted)
    rows = [R(f"n{n}", START, EXON) for n in range(200)]
    for at in range(len(EXON) - 2):
        rows.append(R(f"d{at}", START, EXON[: at + 1] + "-" + EXON[at + 2 :]))
        rows.append(R(f"i{at}", START, EXON, insertions=((START + at + 1, "ACGT"),)))
        rows.append(R(f"s{at}", START, EXON[:at] + "T" + EXON[at + 1 :]))
    made = Caller(
        molecules_of(*rows), grch38(), record_reference(), {}, POSITIONS, Counting(), TestLevels()
    )
    assert made.searched() == []
    assert {positions for positions, _ in asked} == {grch38().codon_positions}
    assert not any(indels for _, indels in asked)
