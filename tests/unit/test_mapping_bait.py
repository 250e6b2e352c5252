"""Reads selected for the gene: none that can come from codon 41 is lost, and faults are told."""

import random

import numpy as np
import pytest

from builders.fastq import random_bases, reverse_complement
from builders.targeted import made_up_genome, pair_over
from vexas_uba1.errors import UserError
from vexas_uba1.locus.record import load_locus
from vexas_uba1.mapping.bait import (
    BUNDLED_NEAR_WORD,
    NEAR,
    NEAR_WORD,
    SHORT_WORD,
    TAKEN,
    WIDE_WORD,
    make_bait,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_up_genome(tmp_path_factory.mktemp("genome"))


@pytest.fixture(scope="module")
def bait(made):
    return make_bait(made.placed, made.genome)


def taken(bait, texts):
    """Which reads the bait takes; each is filled up with bases that hold no word."""
    width = max(16, max(map(len, texts)))
    width += width % 2
    filled = "".join(text.ljust(width, "N") for text in texts)
    rows = np.frombuffer(filled.encode(), dtype=np.uint8).reshape(-1, width)
    return bait.takes(rows, np.array([len(text) for text in texts])) == TAKEN


def lost_by_chance(word, length, error):
    """Chance that a read has no ``word`` bases in a row without a substitution."""
    run = np.zeros(word)
    run[0] = 1
    for _ in range(length):
        run = np.append(run.sum() * error, run[:-1] * (1 - error))
    return run.sum()


def substituted(rng, bases, error):
    return "".join(
        rng.choice("ACGT".replace(base, "")) if rng.random() < error else base for base in bases
    )


# --- what is taken -----------------------------------------------------------------------------


def test_every_run_of_bases_of_the_window_is_found_wherever_it_lies_in_a_read(made, bait):
    rng = random.Random(1)
    start, end = made.placed.window
    window = made.contigs["chrX"][start:end]
    texts = []
    low = window.index(made.repeat)
    high = low + len(made.repeat)
    for at in range(len(window) - WIDE_WORD):
        run = window[at : at + WIDE_WORD + 1]
        # A copy's neighbours are sometimes like this one's.
        if min(at + len(run), high) - max(at, low) > WIDE_WORD - 4:
            continue
        before = rng.randrange(60)
        text = random_bases(rng, before) + run + random_bases(rng, 60 - before)
        texts.append(text if at % 2 else reverse_complement(text))
    assert len(texts) > 20_000
    assert taken(bait, texts).all()


def test_shorter_runs_count_around_the_codon(made, bait):
    rng = random.Random(2)
    low, high = made.codon - NEAR, made.codon + 3 + NEAR
    near = made.contigs["chrX"][low:high]
    runs = [near[at : at + NEAR_WORD] for at in range(len(near) - NEAR_WORD + 1)]
    texts = [random_bases(rng, 31) + run + random_bases(rng, 30) for run in runs]
    assert taken(bait, texts).all()
    assert taken(bait, [reverse_complement(text) for text in texts]).all()
    assert taken(bait, [text.lower() for text in texts]).all()


@pytest.mark.parametrize("length", [75, 100, 150])
@pytest.mark.parametrize("error", [0.0, 0.01, 0.05])
def test_no_pair_over_the_codon_is_lost(made, bait, length, error):
    rng = random.Random(length)
    pairs = [pair_over(rng, made.contigs["chrX"], made.codon, length) for _ in range(1500)]
    firsts, seconds = (
        [substituted(rng, pair[mate].bases, error) for pair in pairs] for mate in (0, 1)
    )
    assert (taken(bait, firsts) | taken(bait, seconds)).all()


def test_the_chance_of_a_loss_is_as_documented():
    # docs/methods.md names these; 5 % of the bases substituted.
    assert lost_by_chance(NEAR_WORD, 100, 0.05) ** 2 < 7.2e-8
    assert lost_by_chance(NEAR_WORD, 75, 0.05) ** 2 < 6.6e-6
    assert lost_by_chance(NEAR_WORD, 100, 0.05) < 2.7e-4
    assert lost_by_chance(NEAR_WORD, 75, 0.05) < 2.6e-3
    assert lost_by_chance(SHORT_WORD, 75, 0.05) < 1.8e-5


@pytest.mark.parametrize(("length", "error"), [(75, 0.10), (100, 0.15)])
def test_single_reads_are_lost_no_more_often_than_that(made, bait, length, error):
    rng = random.Random(3)
    chr_x = made.contigs["chrX"]
    texts = []
    for _ in range(4000):
        start = made.codon - rng.randrange(3, length - 3)
        texts.append(substituted(rng, chr_x[start : start + length], error))
    lost = (~taken(bait, texts)).sum()
    expected = lost_by_chance(NEAR_WORD, length, error) * len(texts)
    assert 0 < lost < expected + 4 * expected**0.5


@pytest.mark.parametrize("length", [75, 100, 150])
@pytest.mark.parametrize("deleted", [1, 2, 3, 8, 12, 20, 35, 50])
def test_no_read_across_a_deletion_is_lost(made, bait, length, deleted):
    rng = random.Random(deleted)
    chr_x, codon = made.contigs["chrX"], made.codon
    texts = []
    for shift in range(-deleted, 4):
        first = codon + shift
        bases = chr_x[first - length : first] + chr_x[first + deleted :][:length]
        for start in range(3, length - 3, 5):
            text = substituted(rng, bases[start : start + length], 0.01)
            texts.append(text if rng.random() < 0.5 else reverse_complement(text))
    assert taken(bait, texts).all()


def test_no_read_with_the_acceptor_deletion_is_lost(made, bait):
    # c.118-9_118-2del: eight bases of the intron, with the A of its last AG.
    chr_x, exon = made.contigs["chrX"], made.codon - 3
    bases = chr_x[exon - 109 : exon - 9] + chr_x[exon - 1 : exon + 150]
    texts = [bases[start : start + 75] for start in range(30, 99)]
    assert taken(bait, texts).all()


def test_unknown_bases_in_a_read_hide_no_other_word(made, bait):
    chr_x = made.contigs["chrX"]
    known = chr_x[made.codon - 5 : made.codon - 5 + NEAR_WORD]
    assert taken(bait, ["N" * 40 + known + "N" * 40, "N" * 93, ""]).tolist() == [True, False, False]


def test_spliced_reads_are_found_by_the_joined_exons(made, bait):
    places = made.placed.transcript_index
    joined = made.placed.transcript_bases
    codon = places[made.codon]
    rng = random.Random(4)
    runs = [joined[at : at + NEAR_WORD] for at in range(codon - 140, codon + 130)]
    assert taken(bait, [random_bases(rng, 20) + run + random_bases(rng, 9) for run in runs]).all()


def test_few_other_reads_are_taken(bait):
    rng = random.Random(6)
    texts = [random_bases(rng, 100) for _ in range(20_000)]
    assert taken(bait, texts).mean() < 0.02


def test_a_word_across_two_reads_is_none(made, bait):
    word = made.contigs["chrX"][made.codon : made.codon + 2 * WIDE_WORD]
    halves = ["N" * 10 + word[:6], word[6:17] + "N" * 5]
    assert not taken(bait, halves).any()


# --- repeats -----------------------------------------------------------------------------------


def test_a_repeat_of_the_genome_in_a_far_intron_takes_no_reads(made, bait):
    inside = [made.repeat[at : at + 100] for at in range(0, 200, 7)]
    assert not taken(bait, inside).any()
    assert taken(make_bait(made.placed, None), inside).sum() == 0, "introns are not known then"


def test_a_repeat_beside_the_codon_is_kept_as_far_as_a_read_reaches(tmp_path):
    made = made_up_genome(tmp_path, repeat=(-600, -20))
    bait = make_bait(made.placed, made.genome)
    near, far = made.repeat[-(NEAR - 20) :], made.repeat[: -(NEAR - 20)]
    words = [near[at : at + NEAR_WORD] for at in range(len(near) - NEAR_WORD + 1)]
    assert taken(bait, words).all()
    # But for exon 2, which lies there as well.
    assert not taken(bait, [far[:100]]).any()


def test_without_a_genome_the_exons_are_the_bait():
    placed = load_locus().placed("GRCh38")
    bait = make_bait(placed, None)
    exon = placed.locus.exons[10].bases
    assert taken(bait, [exon[:40], reverse_complement(exon[-40:])]).all()


def test_without_a_genome_as_few_bases_are_enough_as_alignment_begins_with():
    placed = load_locus().placed("GRCh38")
    bait = make_bait(placed, None)
    codon = min(placed.codon_positions) - placed.window[0]
    exon = placed.reference_bases()[codon - 3 : codon + 56]
    rng = random.Random(5)
    runs = [exon[at : at + BUNDLED_NEAR_WORD] for at in range(len(exon) - BUNDLED_NEAR_WORD)]
    assert taken(bait, ["N" * rng.randrange(30) + run + "N" * 30 for run in runs]).all()


def test_a_gene_of_which_nothing_is_known_is_refused(tmp_path):
    record = tmp_path / "mouse.yaml"
    record.write_text(
        'gene: Uba1\ntranscript: T.1\nstrand: "+"\ncodon: {reference: ATG}\nbuilds:\n'
        "  B: {contigs: [chrX], length: 5000, codon_positions1: [2001, 2002, 2003]}\n"
    )
    with pytest.raises(UserError) as caught:
        make_bait(load_locus(record).placed("B"), None)
    assert "targeted: false" in caught.value.problems[0].remedy
