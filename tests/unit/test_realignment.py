"""Reads written as the haplotype that explains them best."""

from __future__ import annotations

import random
import tempfile
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.cases import hand_genome
from builders.loci import MOUSE, bundled, mirrored, write
from builders.sam import SUPPLEMENTARY, SamBuilder
from vexas_uba1.alignments.reads import Blocks, Deletions, Insertions
from vexas_uba1.alignments.window import read_window
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.locus.bases import reverse_complement
from vexas_uba1.locus.edits import Edit
from vexas_uba1.locus.normalise import left_normalise
from vexas_uba1.locus.record import load_locus
from vexas_uba1.realignment.realign import realign
from vexas_uba1.realignment.rewriting import Moves, rewrite
from vexas_uba1.realignment.tails import Places
from vexas_uba1.reference import from_fasta, from_reads

GENOME = hand_genome()
EXON2_END1, EXON3_START1, EXON3_END1, EXON4_START1 = 47_198_919, 47_199_048, 47_199_106, 47_199_209
CODON1 = 47_199_051
ACCEPTOR = Edit(47_199_038, 47_199_046, "")
"""c.118-9_118-2del; the drawn intron allows no other placement."""


@cache
def placed():
    return load_locus().placed("GRCh38")


@cache
def reference(introns_known=True):
    start, end = placed().window
    if introns_known:
        return from_fasta(start, bases(start, end), placed().reference_bases())
    by_rule = [at for first, last in placed().splice_intervals(2) for at in range(first, last)]
    return from_reads(start, placed().reference_bases(), {}, by_rule)


@cache
def alleles(introns_known=True):
    return tuple(load_catalogue(load_locus()).place(placed(), reference(introns_known)))


def bases(start, end):
    """Bases of the hand-made genome, 0-based half-open."""
    return GENOME.slice1(start + 1, end - start)


def haplotype(start, end, *edits):
    """Bases of a molecule with edits, from one reference position to another."""
    text, at = "", start
    for edit in sorted(edits):
        text += bases(at, edit.start) + edit.alt
        at = edit.end
    return text + bases(at, end)


def load(sam, spliced=False):
    window = np.arange(*placed().window)
    with tempfile.TemporaryDirectory() as folder:
        bam = sam.write_bam(Path(folder) / "reads.bam")
        return read_window(
            bam, "chrX", window, umi_tags=(), keep_duplicates=True, join_parts=spliced
        )


def builder():
    return SamBuilder([(GENOME.contig, GENOME.length)])


def realigned(sam, *, introns_known=True, spliced=False):
    return realign(
        load(sam, spliced),
        placed(),
        reference(introns_known),
        alleles(introns_known),
        spliced=spliced,
    )


def one(start1, text, cigar=None, *, qual=37, spliced=False, introns_known=True):
    """Realign a single read; return its alignment."""
    sam = builder().read("r", start1, text, cigar=cigar, qual=qual)
    found, _ = realigned(sam, spliced=spliced, introns_known=introns_known)
    return cigar_of(found)


def cigar_of(reads, read=0):
    """1-based start and CIGAR of a read; skipped and deleted bases told apart."""
    blocks, text = reads.blocks, ""
    rows = np.flatnonzero(blocks.read == read)
    gone = {
        int(start): int(end)
        for index, start, end in zip(
            reads.deletions.read, reads.deletions.start, reads.deletions.end, strict=True
        )
        if index == read
    }
    base, position = int(reads.first_base[read]), int(reads.start[read])
    if reads.left_clip[read]:
        text += f"{reads.left_clip[read]}S"
        base += int(reads.left_clip[read])
    for row in rows:
        if blocks.base[row] > base:
            text += f"{blocks.base[row] - base}I"
        if blocks.position[row] > position:
            kind = "D" if gone.get(position) == blocks.position[row] else "N"
            text += f"{blocks.position[row] - position}{kind}"
        text += f"{blocks.length[row]}M"
        base = int(blocks.base[row] + blocks.length[row])
        position = int(blocks.position[row] + blocks.length[row])
    assert position == reads.end[read]
    assert reads.first_base[read + 1] - base == reads.right_clip[read]
    if reads.right_clip[read]:
        text += f"{reads.right_clip[read]}S"
    return int(reads.start[read]) + 1, text


def plain(reads):
    """Everything that realignment may change, as plain values."""
    changing = ("blocks", "deletions", "insertions", "start", "end", "left_clip", "right_clip")
    values = []
    for name in changing:
        value = getattr(reads, name)
        if isinstance(value, Blocks | Deletions | Insertions):
            values += [getattr(value, field.name).tolist() for field in fields(value)]
        else:
            values.append(value.tolist())
    return values


# --- a listed deletion ---------------------------------------------------------------------------


@pytest.mark.parametrize("kept", range(3, 30))
def test_reads_that_end_behind_a_deletion_and_were_aligned_without_it(kept):
    # From 3 bases on the intron before the deletion tells it from the deleted bases.
    left = haplotype(ACCEPTOR.start - kept, 47_199_146, ACCEPTOR)
    assert one(ACCEPTOR.end + 1 - kept, left) == (ACCEPTOR.start + 1 - kept, f"{kept}M8D100M")
    right = haplotype(ACCEPTOR.start - 100, ACCEPTOR.end + kept, ACCEPTOR)
    assert one(ACCEPTOR.start - 99, right) == (ACCEPTOR.start - 99, f"100M8D{kept}M")


@pytest.mark.parametrize("kept", [1, 2])
def test_ends_that_tell_too_little_are_clipped(kept):
    left = haplotype(ACCEPTOR.start - kept, 47_199_146, ACCEPTOR)
    assert one(ACCEPTOR.end + 1 - kept, left) == (ACCEPTOR.end + 1, f"{kept}S100M")


@pytest.mark.parametrize(("kept", "found"), [(5, False), (8, False), (9, True), (25, True)])
def test_clips_at_a_listed_deletion(kept, found):
    left = haplotype(ACCEPTOR.start - kept, 47_199_146, ACCEPTOR)
    there = (ACCEPTOR.start + 1 - kept, f"{kept}M8D100M")
    clipped = (ACCEPTOR.end + 1, f"{kept}S100M")
    assert one(*[clipped[0], left], clipped[1]) == (there if found else clipped)


@pytest.mark.parametrize(("kept", "found"), [(4, False), (5, True), (8, True)])
def test_shorter_clips_at_a_deletion_that_other_reads_show(kept, found):
    sam, left = builder(), haplotype(ACCEPTOR.start - 60, 47_199_146, ACCEPTOR)
    for number in range(2):
        # Written without the gap, so that they show it only once realigned.
        sam.read(f"carrier{number}", ACCEPTOR.end + 1 - 60, left)
    sam.read("clipped", ACCEPTOR.end + 1, left[60 - kept :], cigar=f"{kept}S100M")
    reads, _ = realigned(sam)
    there = (ACCEPTOR.start + 1 - kept, f"{kept}M8D100M")
    assert cigar_of(reads, 2) == (there if found else (ACCEPTOR.end + 1, f"{kept}S100M"))


@pytest.mark.parametrize("cigar", ["96M8D54M", "100M8D50M", "104M8D46M", "97M3D1M5D52M"])
def test_a_deletion_in_a_wrong_place_is_put_right(cigar):
    start = ACCEPTOR.start - 100
    text = haplotype(start, ACCEPTOR.end + 50, ACCEPTOR)
    assert one(start + 1, text, cigar) == (start + 1, "100M8D50M")


def test_a_substitution_beside_the_deletion_stays_one():
    # c.118-2A>C in a read across both exons, and in one that ends soon after it.
    for start in (ACCEPTOR.end - 100, ACCEPTOR.end - 5):
        text = haplotype(start, start + 150, Edit(ACCEPTOR.end - 1, ACCEPTOR.end, "C"))
        assert one(start + 1, text) == (start + 1, "150M")


def test_unknown_introns_are_learnt_from_reads_without_the_deletion():
    sam = builder()
    for shift in range(20):
        start = EXON3_START1 - 80 + shift
        sam.read(f"plain{shift}", start, GENOME.slice1(start, 120))
    carrier = haplotype(ACCEPTOR.start - 60, ACCEPTOR.end + 40, ACCEPTOR)
    sam.read("carrier", ACCEPTOR.end + 1 - 60, carrier)
    found, report = realigned(sam, introns_known=False)
    shown = [cigar_of(found, read) for read in range(found.count)]
    assert shown.count((ACCEPTOR.start - 59, "60M8D40M")) == 1
    assert sum(cigar == "120M" for _, cigar in shown) == 20
    assert dict(report.realigned) == {"haplotype": 1}


def test_unknown_introns_fake_nothing():
    carrier = haplotype(ACCEPTOR.start - 60, ACCEPTOR.end + 40, ACCEPTOR)
    start1 = ACCEPTOR.end + 1 - 60
    assert one(start1, carrier, introns_known=False) == (start1, "100M")


# --- indels that the sample shows ----------------------------------------------------------------

INSERTION = Edit(47_199_069, 47_199_069, "ACATAGACG")


@pytest.mark.parametrize("carriers", [0, 1, 2])
def test_indels_of_other_reads_are_sought(carriers):
    edit = left_normalise(INSERTION, reference())
    sam = builder()
    start = edit.start - 60
    text = haplotype(start, edit.start + 60, edit)
    for number in range(carriers):
        sam.read(f"carrier{number}", start + 1, text, cigar="60M9I60M")
    short = text[:74]
    sam.read("short", start + 1, short)
    found, _ = realigned(sam)
    wanted = "60M9I5M" if carriers > 1 else "74M"
    assert cigar_of(found, found.count - 1) == (start + 1, wanted)


def test_deletions_in_a_run_leave_the_codon_whole():
    # ATGGCC: of the two G the one behind the codon is taken.
    start = CODON1 - 61
    text = haplotype(start, CODON1 + 80, Edit(CODON1 + 1, CODON1 + 2, ""))
    assert one(start + 1, text, "62M1D78M") == (start + 1, "63M1D77M")
    # GGAATG: of the two A the first.
    text = haplotype(start, CODON1 + 80, Edit(CODON1 - 1, CODON1, ""))
    assert one(start + 1, text, "60M1D80M") == (start + 1, "59M1D81M")
    # An insertion of a third G lies behind them.
    text = bases(start, CODON1 + 1) + "G" + bases(CODON1 + 1, CODON1 + 80)
    assert one(start + 1, text, "62M1I79M") == (start + 1, "63M1I78M")


def test_deletions_of_the_codon_itself_stay_there():
    start = CODON1 - 61
    text = haplotype(start, CODON1 + 80, Edit(CODON1 - 1, CODON1 + 2, ""))
    assert one(start + 1, text, "60M3D78M") == (start + 1, "60M3D78M")


def test_the_codon_stays_whole_on_the_other_strand(tmp_path):
    gene = load_locus(write(mirrored(bundled()), tmp_path))
    there = gene.placed("GRCh38")
    start, end = there.window
    window = reverse_complement(bases(GENOME.length - end, GENOME.length - start))
    known = from_fasta(start, window, there.reference_bases())
    listed = tuple(load_catalogue(gene).place(there, known))
    # The G behind the codon lies to its left here.
    text = reverse_complement(haplotype(CODON1 - 81, CODON1 + 60, Edit(CODON1 + 1, CODON1 + 2, "")))
    start1 = GENOME.length - (CODON1 + 60) + 1
    for cigar in ("57M1D83M", "58M1D82M"):
        sam = builder().read("r", start1, text, cigar=cigar)
        with tempfile.TemporaryDirectory() as folder:
            bam = sam.write_bam(Path(folder) / "reads.bam")
            reads = read_window(
                bam, "chrX", np.arange(start, end), umi_tags=(), keep_duplicates=True
            )
        found, _ = realign(reads, there, known, listed, spliced=False)
        gone = range(int(found.deletions.start[0]), int(found.deletions.end[0]))
        assert len(gone) == 1 and not set(gone) & set(there.codon_positions)


# --- clips before the codon ----------------------------------------------------------------------


def changed(text, *changes):
    letters = list(text)
    for at, base in changes:
        letters[at] = base
    return "".join(letters)


def test_a_clip_of_mismatches_before_the_codon_is_aligned():
    text = changed(GENOME.slice1(CODON1 - 60, 72), (60, "C"), (61, "C"))
    assert one(CODON1 - 60, text, "60M12S") == (CODON1 - 60, "72M")
    text = changed(GENOME.slice1(CODON1 - 9, 72), (10, "C"), (11, "A"))
    assert one(CODON1 + 3, text, "12S60M") == (CODON1 - 9, "72M")


@pytest.mark.parametrize(
    ("text", "cigar"),
    [
        # Clipped primers fit perfectly: no aligner ends there.
        (GENOME.slice1(CODON1 - 60, 72), "60M12S"),
        # An adapter.
        (GENOME.slice1(CODON1 - 60, 60) + "AGATCGGAAGAG", "60M12S"),
        (GENOME.slice1(CODON1 - 60, 61) + "AGATCGGAAGAG", "61M12S"),
        # Too few bases to tell.
        (changed(GENOME.slice1(CODON1 - 60, 65), (60, "C")), "60M5S"),
    ],
)
def test_other_clips_stay(text, cigar):
    assert one(CODON1 - 60, text, cigar) == (CODON1 - 60, cigar)


def test_a_misread_base_does_not_undo_a_clipped_primer():
    sam, start1 = builder(), CODON1 - 60
    text = GENOME.slice1(start1, 80)
    for number in range(4):
        sam.read(f"primer{number}", start1, text, cigar="60M20S")
    sam.read("misread", start1, changed(text, (60, "C")), cigar="60M20S")
    found, report = realigned(sam)
    assert not report.realigned and found.blocks.length.tolist() == [60] * 5


@pytest.mark.parametrize("witnesses", [0, 1, 2])
@pytest.mark.parametrize("kept", [1, 3, 5])
def test_a_short_clip_with_a_change_that_others_show_is_aligned(kept, witnesses):
    sam, start1 = builder(), CODON1 - 60
    text = changed(GENOME.slice1(start1, 120), (61, "C"))
    for number in range(witnesses):
        sam.read(f"witness{number}", start1, text)
    sam.read("clipped", start1, text[: 61 + kept], cigar=f"61M{kept}S")
    # Another base there, or another beside it, is no witness's.
    sam.read("other", start1, changed(text, (61, "G"))[: 61 + kept], cigar=f"61M{kept}S")
    found, _ = realigned(sam)
    assert cigar_of(found, found.count - 1)[1] == f"61M{kept}S"
    wanted = f"{61 + kept}M" if witnesses > 1 else f"61M{kept}S"
    assert cigar_of(found, found.count - 2)[1] == wanted


def test_the_clip_of_a_read_with_a_further_part_stays():
    text = changed(GENOME.slice1(CODON1 - 60, 72), (60, "C"), (61, "C"))
    sam = builder().read("r", CODON1 - 60, text, cigar="60M12S")
    sam.read("r", CODON1 + 400, text[60:], flag=SUPPLEMENTARY)
    found, _ = realigned(sam)
    assert cigar_of(found)[1] == "60M12S"


def test_a_clip_is_aligned_as_far_as_no_other_part_holds_it():
    text = changed(GENOME.slice1(CODON1 - 60, 72), (60, "C"), (61, "C")) + "ACGT" * 10
    sam = builder().read("r", CODON1 - 60, text, cigar="60M52S")
    sam.read("r", CODON1 + 400, text[72:], cigar="72H40M", flag=SUPPLEMENTARY)
    found, _ = realigned(sam)
    assert cigar_of(found)[1] == "72M40S"
    assert cigar_of(found, 1)[1] == "40M"


# --- RNA -----------------------------------------------------------------------------------------


def spliced_text(before, length):
    """Bases of the transcript, the first ``before`` of them in exon 2."""
    text = GENOME.slice1(EXON2_END1 - before + 1, before)
    text += GENOME.slice1(EXON3_START1, 59) + GENOME.slice1(EXON4_START1, 100)
    return text[:length]


@pytest.mark.parametrize("introns_known", [True, False])
@pytest.mark.parametrize("variant", [None, "G"])
@pytest.mark.parametrize("beyond", [6, 7, 8, 12, 30, 59])
@pytest.mark.parametrize("overrun", [0, 1, None])
def test_overhangs_follow_the_transcript(beyond, overrun, variant, introns_known):
    text = spliced_text(60, 60 + beyond)
    if variant:
        text = changed(text, (63, variant))
    aligned = len(text) if overrun is None else 60 + overrun
    cigar = f"{aligned}M" + (f"{len(text) - aligned}S" if aligned < len(text) else "")
    start1 = EXON2_END1 - 59
    found = one(start1, text, cigar, spliced=True, introns_known=introns_known)
    assert found == (start1, f"60M128N{beyond}M")


@pytest.mark.parametrize("introns_known", [True, False])
@pytest.mark.parametrize("beyond", [1, 2, 3, 5, 6, 20])
def test_overhangs_to_the_left(beyond, introns_known):
    text = spliced_text(beyond, beyond + 59)
    # Exon 2 ends in C: read over the acceptor it would be c.118-1G>C.
    found = one(EXON3_START1 - beyond, text, spliced=True, introns_known=introns_known)
    if beyond < 6:
        assert found == (EXON3_START1, f"{beyond}S59M")
    else:
        assert found == (EXON2_END1 - beyond + 1, f"{beyond}M128N59M")


@pytest.mark.parametrize("length", [59, 150])
@pytest.mark.parametrize(
    "changes", [[], [(3, "G")], [(1, "C"), (3, "T")], [(3, "C"), (4, "C"), (5, "C")]]
)
def test_parts_of_a_spliced_read_meet_at_the_junction(changes, length):
    text = GENOME.slice1(EXON2_END1 - 79, 80)
    rest = changed(spliced_text(0, length), *changes)
    gap = changes[-1][0] + 1 if changes else 0
    sam = builder().read("r", EXON2_END1 - 79, text + rest, cigar=f"80M{length}S")
    sam.read("r", EXON3_START1 + gap, rest[gap:], cigar=f"{80 + gap}H{59 - gap}M{length - 59}S",
             flag=SUPPLEMENTARY)  # fmt: skip
    found, _ = realigned(sam, spliced=True)
    beyond = f"102N{length - 59}M" if length > 59 else ""
    assert found.count == 1
    assert cigar_of(found) == (EXON2_END1 - 79, f"80M128N59M{beyond}")
    assert found.insertions.read.size == 0


def test_what_lies_between_parts_is_no_insertion():
    # The second part begins elsewhere than an exon; an end of it is carried on all the same.
    text = GENOME.slice1(EXON2_END1 - 79, 60) + "ACGT" + GENOME.slice1(EXON3_START1 + 10, 49)
    text += GENOME.slice1(EXON4_START1, 12)
    sam = builder().read("r", EXON2_END1 - 79, text, cigar="60M65S")
    sam.read("r", EXON3_START1 + 10, text[64:], cigar="64H49M12S", flag=SUPPLEMENTARY)
    found, _ = realigned(sam, spliced=True)
    assert found.end[0] == EXON4_START1 + 11
    assert found.insertions.read.size == 0


def test_overhangs_over_two_junctions():
    start1 = EXON2_END1 - 39
    text = spliced_text(40, 110)
    for cigar in ("40M70S", "41M69S", "40M128N59M11S", "40M128N63M7S"):
        assert one(start1, text, cigar, spliced=True) == (start1, "40M128N59M102N11M")


@pytest.mark.parametrize(
    "cigar", ["58M128N17M", "61M128N14M", "60M3D15M", "60M2I13M", "59M131N16M"]
)
def test_wrong_gaps_near_a_junction(cigar):
    start1 = EXON2_END1 - 59
    assert one(start1, spliced_text(60, 75), cigar, spliced=True) == (start1, "60M128N15M")


@pytest.mark.parametrize("length", [61, 62, 63, 70, 120])
def test_unspliced_reads_stay_in_the_intron(length):
    start1 = EXON2_END1 - 59
    text = GENOME.slice1(start1, length)
    # One base beyond the junction is G in the intron and in exon 3.
    wanted = "60M1S" if length == 61 else f"{length}M"
    assert one(start1, text, spliced=True) == (start1, wanted)


def test_introns_stay_as_they_are_in_dna():
    start1 = EXON2_END1 - 59
    text = spliced_text(60, 75)
    assert one(start1, text, "61M14S") == (start1, "61M14S")


@pytest.mark.parametrize(
    "cigar", ["60M128N15M", "60M290N15M", "60M131N15M", "50M3D10M128N15M", "30M2000N30M"]
)
def test_other_splicing_stays(cigar):
    # The known junction, exon skipping, an acceptor three bases further on, a deletion before it.
    start1 = EXON2_END1 - (62 if "3D" in cigar else 59)
    text, at = "", start1
    for part in cigar.replace("M", "M ").replace("N", "N ").replace("D", "D ").split():
        if part[-1] == "M":
            text += GENOME.slice1(at, int(part[:-1]))
        at += int(part[:-1])
    assert one(start1, text, cigar, spliced=True) == (start1, cigar)


# --- long reads ----------------------------------------------------------------------------------


LISTED = (ACCEPTOR.start, ACCEPTOR.end)


def erring(middle, cigar):
    """Realign a read that has three indels of one base far from the listed deletion.

    Args:
        middle: Its bases from 40 before the deletion to 40 behind it.
        cigar: Of these.

    Returns:
        The reads, and the deletions in the middle.
    """
    low, high = ACCEPTOR.start - 40, ACCEPTOR.end + 40
    text = bases(low - 121, low - 61) + bases(low - 60, low) + middle
    text += (
        bases(high, high + 60) + "T" + bases(high + 60, high + 120) + bases(high + 121, high + 181)
    )
    cigar = f"60M1D60M{cigar}60M1I60M1D60M"
    found, _ = realigned(builder().read("r", low - 120, text, cigar=cigar, qual=12))
    gone = zip(found.deletions.start.tolist(), found.deletions.end.tolist(), strict=True)
    return found, [one for one in gone if low <= one[0] < high]


@pytest.mark.parametrize(
    ("edits", "cigar"),
    [
        ([Edit(LISTED[0] - 1, LISTED[1], "")], "39M9D40M"),
        ([Edit(LISTED[0], LISTED[1] + 1, "")], "40M9D39M"),
        ([ACCEPTOR, Edit(LISTED[1] + 3, LISTED[1] + 4, "")], "40M8D3M1D36M"),
        ([ACCEPTOR], "36M4D4M4D40M"),
        ([Edit(*LISTED, "T")], "40M1I8D40M"),
        ([Edit(*LISTED, "TC")], "42M6D40M"),
    ],
)
def test_a_read_that_errs_in_length_shows_a_listed_deletion(edits, cigar):
    low, high = ACCEPTOR.start - 40, ACCEPTOR.end + 40
    _, gone = erring(haplotype(low, high, *edits), cigar)
    assert LISTED in gone


@pytest.mark.parametrize(
    ("edits", "cigar"),
    [
        ([], "88M"),
        ([Edit(LISTED[0] + 2, LISTED[0] + 3, "")], "42M1D45M"),
        ([Edit(LISTED[0] + 2, LISTED[0] + 5, "")], "42M3D43M"),
    ],
)
def test_a_read_that_errs_in_length_and_has_no_listed_deletion(edits, cigar):
    low, high = ACCEPTOR.start - 40, ACCEPTOR.end + 40
    found, gone = erring(haplotype(low, high, *edits), cigar)
    assert gone == [(edit.start, edit.end) for edit in edits]
    assert (found.code < 4).all()


def test_what_neither_explains_is_unknown_at_the_deletion():
    # Half of the listed bases.
    low, high = ACCEPTOR.start - 40, ACCEPTOR.end + 40
    edit = Edit(LISTED[0] + 2, LISTED[0] + 6, "")
    found, gone = erring(haplotype(low, high, edit), "42M4D42M")
    assert gone == []
    places = Places(found)
    unknown = places.positions(np.flatnonzero(found.code == 4))
    assert set(unknown.tolist()) == {*range(LISTED[0] - 1, LISTED[1] + 1)} - {
        *range(edit.start, edit.end)
    }


def test_a_read_that_errs_little_keeps_its_own_deletion():
    low, high = ACCEPTOR.start - 100, ACCEPTOR.end + 100
    edit = Edit(LISTED[0], LISTED[1] + 1, "")
    sam = builder().read("r", low + 1, haplotype(low, high, edit), cigar="100M9D99M")
    found, _ = realigned(sam)
    assert (found.deletions.start[0], found.deletions.end[0]) == (edit.start, edit.end)


def test_scattered_indels_beside_the_codon():
    # T put in before the codon, an A of AAG lacking behind it; the aligner wrote four indels.
    start = CODON1 - 101
    text = bases(start, CODON1 - 5) + "T" + bases(CODON1 - 5, CODON1 + 6)
    text += bases(CODON1 + 7, CODON1 + 99)
    found = one(start + 1, text, "96M1I4M1D2M1I5M1D91M", qual=15)
    assert found == (start + 1, "96M1I10M1D93M")
    assert one(start + 1, text, found[1], qual=15) == found


def test_a_deletion_beside_a_changed_codon_leaves_it_whole():
    # AACGCC may be AACG-CC, or A, a lacking base, and C for G.
    start = CODON1 - 61
    text = changed(haplotype(start, CODON1 + 80, Edit(CODON1 + 1, CODON1 + 2, "")), (61, "C"))
    found = one(start + 1, text, "61M1D79M", qual=15)
    assert found == (start + 1, "63M1D77M")


# --- properties ----------------------------------------------------------------------------------

EDITS = st.one_of(
    st.just(ACCEPTOR),
    st.builds(
        lambda at, size: Edit(at, at + size, ""),
        st.integers(EXON3_START1 + 2, EXON3_END1 - 8),
        st.integers(1, 6),
    ),
    st.builds(
        lambda at, alt: Edit(at, at, alt),
        st.integers(EXON3_START1 + 2, EXON3_END1 - 8),
        st.text("ACGT", min_size=1, max_size=6),
    ),
)


def covers_reference(reads, read):
    """Whether every aligned base of a read equals the reference."""
    rows = reads.blocks.read == read
    return all(
        (
            reads.code[base : base + length]
            == reference().codes[position - reference().start :][:length]
        ).all()
        for base, position, length in zip(
            reads.blocks.base[rows],
            reads.blocks.position[rows],
            reads.blocks.length[rows],
            strict=True,
        )
    )


@settings(max_examples=60, deadline=None)
@given(edit=EDITS, seed=st.integers(0, 10**6))
def test_reads_of_a_haplotype_show_its_edit_or_nothing(edit, seed):
    edit = left_normalise(edit, reference())
    rng = random.Random(seed)
    sam, size = builder(), len(edit.alt) - (edit.end - edit.start)
    cigar = f"70M{-size}D{70}M" if size < 0 else f"70M{size}I70M"
    for number in range(2):
        text = haplotype(edit.start - 70, edit.end + 70, edit)
        sam.read(f"spanning{number}", edit.start - 69, text, cigar=cigar)
    for number in range(8):
        few = rng.randrange(1, 40)
        if rng.random() < 0.5:
            text = haplotype(edit.start - 80, edit.end + few, edit)
            sam.read(f"right{number}", edit.start - 79, text)
        else:
            text = haplotype(edit.start - few, edit.end + 80, edit)
            sam.read(f"left{number}", edit.start - few - size + 1, text)
    found, _ = realigned(sam)
    shown = {
        left_normalise(Edit(int(start), int(end), ""), reference())
        for start, end in zip(found.deletions.start, found.deletions.end, strict=True)
    } | {
        left_normalise(
            Edit(
                int(at), int(at), "".join("ACGT"[code] for code in found.code[base : base + length])
            ),
            reference(),
        )
        for at, base, length in zip(
            found.insertions.position, found.insertions.base, found.insertions.length, strict=True
        )
    }
    assert shown == {edit}
    assert all(covers_reference(found, read) for read in range(found.count))
    again, report = realign(found, placed(), reference(), alleles(), spliced=False)
    assert plain(again) == plain(found) and not report.realigned


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(EXON2_END1 - 60, EXON3_END1),
    length=st.integers(30, 120),
    left=st.integers(0, 14),
    right=st.integers(0, 14),
    spliced=st.booleans(),
)
def test_reads_of_the_reference_stay_under_any_clip(start, length, left, right, spliced):
    text = GENOME.slice1(start, length + left + right)
    cigar = (f"{left}S" if left else "") + f"{length}M" + (f"{right}S" if right else "")
    found = one(start + left, text, cigar, spliced=spliced)
    in_intron = spliced and found[1] != cigar
    # Of RNA a few bases of an intron that could be of the next exon are clipped.
    assert found == (start + left, cigar) or in_intron
    if in_intron:
        assert "N" not in found[1] and "D" not in found[1] and "I" not in found[1]


@pytest.mark.parametrize("spliced", [True, False])
def test_the_order_of_reads_does_not_matter(spliced):
    made = []
    for number in range(12):
        kept = 3 + 2 * number
        carrier = haplotype(ACCEPTOR.start - kept, 47_199_146, ACCEPTOR)
        # All begin at one base, so that the file's order decides.
        made.append((EXON2_END1 - 59, spliced_text(60, 62 + 3 * number), None))
        made.append((ACCEPTOR.end + 1, carrier, f"{kept}S100M"))
    shown = []
    for seed in range(3):
        sam = builder()
        for start1, text, cigar in random.Random(seed).sample(made, len(made)):
            sam.read(f"r{len(text)}{cigar}", start1, text, cigar=cigar)
        found, report = realigned(sam, spliced=spliced)
        shown.append(sorted(cigar_of(found, read) for read in range(found.count)))
        assert report.realigned
    assert shown[0] == shown[1] == shown[2]


@pytest.mark.parametrize("cigar", ["12I100M", "12S100M"])
def test_bases_put_in_at_an_end_are_clipped_ones(cigar):
    text = haplotype(ACCEPTOR.start - 12, 47_199_146, ACCEPTOR)
    assert one(ACCEPTOR.end + 1, text, cigar) == (ACCEPTOR.start - 11, "12M8D100M")


def test_no_reads_at_all():
    found, report = realigned(builder())
    assert found.count == 0 and report.compared == 0 and not report.realigned


# --- rewriting -----------------------------------------------------------------------------------


def test_rewriting_keeps_what_lies_outside():
    text = GENOME.slice1(CODON1, 60)
    sam = builder().read("r", CODON1, text, cigar="10M2D10M5N10M1I9M20S")
    sam.read("other", CODON1 + 3, text[:20], cigar="5M1D15M")
    before = load(sam)
    # The 9 bases behind the insertion move by one.
    first = np.array([31])
    moved = np.arange(CODON1 + 37, CODON1 + 46)
    moves = Moves.of_bases(
        np.array([0]), first[:, None] + np.arange(9), np.ones((1, 9), dtype=bool), moved[None]
    )
    after = rewrite(before, moves)
    assert cigar_of(before) == (CODON1, "10M2D10M5N10M1I9M20S")
    assert cigar_of(after) == (CODON1, "10M2D10M5N10M1I1D9M20S")
    assert cigar_of(after, 1) == cigar_of(before, 1) == (CODON1 + 3, "5M1D15M")
    places = Places(after)
    assert places.positions(np.array([0, 9, 10, 30, 31])).tolist() == [
        CODON1 - 1, CODON1 + 8, CODON1 + 11, -1, CODON1 + 37,
    ]  # fmt: skip


def test_a_record_that_knows_only_the_codon(tmp_path):
    gene = load_locus(write(MOUSE, tmp_path)).placed("GRCm39")
    start, end = gene.window
    rng = random.Random(4)
    text = "".join(rng.choice("ACGT") for _ in range(300))
    codon = gene.codon_positions[0]
    text = text[:150] + "ATG" + text[153:]
    sam = SamBuilder([("chrX", gene.build.length)])
    sam.read("plain", codon - 149, text)
    sam.read("deletion", codon - 149, text[:150] + text[153:], cigar="150M3D147M")
    sam.read("clip", codon - 149, text[:160], cigar="145M15S")
    bam = sam.write_bam(tmp_path / "reads.bam")
    reads = read_window(bam, "chrX", np.arange(start, end), umi_tags=(), keep_duplicates=True)
    known = from_reads(start, gene.reference_bases(), {}, ())
    for spliced in (False, True):
        found, report = realign(reads, gene, known, (), spliced=spliced)
        assert plain(found) == plain(reads) and not report.realigned


def test_a_deletion_is_sought_with_the_changes_beside_it():
    # ATG>CC: carriers show the lost base and both changed ones; a clipped end holds all of them.
    at = CODON1 - 1
    sam, delins = builder(), Edit(at, at + 3, "CC")
    for number in range(6):
        text = haplotype(at - 60 + number, at + 60, delins)
        sam.read(f"whole{number}", at - 59 + number, text, cigar=f"{60 - number}M1D59M")
    clipped = haplotype(at - 70, at + 12, delins)
    sam.read("clipped", at - 69, clipped, cigar=f"70M{len(clipped) - 70}S")
    reads, _ = realigned(sam)
    # ATGG became CCG: the lost base is written as the G behind the codon, in all reads.
    assert set(reads.deletions.start.tolist()) == {at + 3}
    assert reads.deletions.read.tolist() == list(range(7))


def test_a_rare_writing_of_a_delins_takes_no_reads_of_the_common_one():
    # ATG>CC with the lost base before the codon, and in few reads two bases earlier: the few reads'
    # substitutions are a part of that candidate, and would cost the other reads nothing there.
    at = CODON1 - 1
    sam, delins = builder(), Edit(at, at + 3, "CC")
    for number in range(33):
        text = haplotype(at - 60 + number, at + 60, delins)
        lost = 60 - number if number % 11 else 58 - number
        sam.read(f"r{number}", at - 59 + number, text, cigar=f"{lost}M1D{len(text) - lost}M")
    reads, _ = realigned(sam)
    assert reads.deletions.read.tolist() == list(range(33))
    assert set(reads.deletions.start.tolist()) == {at + 3}


def test_an_end_within_a_haplotype_of_several_changes_is_no_substitution():
    at = CODON1 - 1
    sam, delins = builder(), Edit(at, at + 1, "GTTAT")
    for number in range(6):
        text = haplotype(at - 60 + number, at + 60, delins)
        cigar = f"{60 - number}M4I{len(text) - 64 + number}M"
        sam.read(f"whole{number}", at - 59 + number, text, cigar=cigar)
    # ATTGG: the first two are the haplotype's, and without it A and c.121A>T.
    sam.read("end", at, "A" + haplotype(at, at + 60, delins)[4:], cigar="61M")
    reads, report = realigned(sam)
    assert report.realigned["uninformative"] == 1
    assert cigar_of(reads, 6)[0] > at + 1


def test_a_gap_that_nothing_explains_better_is_not_compared():
    at = CODON1 - 1
    sam, deletion = builder(), Edit(at + 9, at + 12, "")
    for number in range(4):
        text = haplotype(at - 60 + number, at + 60, deletion)
        sam.read(f"whole{number}", at - 59 + number, text, cigar=f"{69 - number}M3D48M")
    text = haplotype(at - 60, at + 60, Edit(at + 15, at + 16, ""))
    sam.read("another", at - 59, text, cigar="75M1D44M")
    reads, report = realigned(sam)
    assert (at - 59, "75M1D44M") in [cigar_of(reads, read) for read in range(5)]
    assert report.compared == 0
