"""Primers: the BED, and which bases of which fragments are a primer's."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.calls import CODON, R, grch38, reads_of
from builders.sam import SUPPLEMENTARY, SamBuilder
from vexas_uba1.alignments.reads import Reads
from vexas_uba1.alignments.window import read_window
from vexas_uba1.errors import UserError
from vexas_uba1.primers import OUTSIDE, mask_primers
from vexas_uba1.reference import UNKNOWN
from vexas_uba1.result import PrimerUse
from vexas_uba1.samples.primers import LONGEST_PRIMER, Primer, Primers, load_primers

LEFT = (CODON - 60, CODON - 40)
RIGHT = (CODON + 40, CODON + 60)


def bed(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def primers(*intervals: tuple[int, int, str], contig: str = "chrX") -> Primers:
    return Primers("p.bed", "0" * 64, tuple(Primer(contig, *one) for one in intervals))


PAIR = primers((*LEFT, "+"), (*RIGHT, "-"))


class Builder:
    """Records over the codon, 0-based."""

    def __init__(self) -> None:
        self.sam = SamBuilder([("chrX", 156_040_895)])

    def pair(self, name: str, start: int, end: int, length: int = 80, **more: object) -> Builder:
        self.sam.pair(name, start + 1, "A" * length, end - length + 1, "A" * length, **more)
        return self

    def read(self, name: str, start: int, length: int, **more: object) -> Builder:
        self.sam.read(name, start + 1, "A" * length, **more)
        return self

    def reads(self, folder: Path) -> Reads:
        path = self.sam.write_bam(folder / "reads.bam")
        reach = np.arange(CODON - 300, CODON + 300)
        return read_window(path, "chrX", reach, umi_tags=(), keep_duplicates=True)


def masked(reads: Reads, given_: Primers = PAIR) -> tuple[Reads, PrimerUse]:
    done, use = mask_primers(reads, given_, grch38())
    assert use is not None
    return done, use


def shown(reads: Reads) -> list[list[int]]:
    """Return the reference positions at which each read shows a base."""
    positions: list[list[int]] = [[] for _ in range(reads.count)]
    blocks = reads.blocks
    for row in range(blocks.read.size):
        for at in range(int(blocks.length[row])):
            if reads.code[blocks.base[row] + at] != UNKNOWN:
                positions[int(blocks.read[row])].append(int(blocks.position[row]) + at)
    return positions


def spans(reads: Reads) -> list[tuple[int, int]]:
    """Return first and exclusive last shown position of each read; they must be gapless."""
    found = []
    for positions in shown(reads):
        assert positions == list(range(positions[0], positions[-1] + 1))
        found.append((positions[0], positions[-1] + 1))
    return found


class TestMasking:
    def test_a_fragment_loses_the_primers_at_both_its_ends(self, tmp_path: Path) -> None:
        reads = Builder().pair("a", LEFT[0], RIGHT[1]).reads(tmp_path)
        done, use = masked(reads)
        assert spans(done) == [(LEFT[1], LEFT[0] + 80), (RIGHT[1] - 80, RIGHT[0])]
        assert use == PrimerUse(2, 1, 1, 0)
        assert (reads.code != UNKNOWN).all(), "the given reads are not changed"

    def test_mates_that_read_through_lose_both_primers_too(self, tmp_path: Path) -> None:
        reads = Builder().pair("a", LEFT[0], RIGHT[1], length=120).reads(tmp_path)
        done, _ = masked(reads)
        assert spans(done) == 2 * [(LEFT[1], RIGHT[0])]

    def test_a_neighbouring_amplicon_passes_through(self, tmp_path: Path) -> None:
        other = primers((*LEFT, "+"), (CODON - 140, CODON - 120, "+"))
        reads = Builder().pair("a", CODON - 140, CODON + 110, length=150).reads(tmp_path)
        done, _ = masked(reads, other)
        assert spans(done) == [(CODON - 120, CODON + 10), (CODON - 40, CODON + 110)]

    def test_a_mates_far_end_that_stops_in_a_primer_is_no_fragment_end(
        self, tmp_path: Path
    ) -> None:
        # The reverse read ends inside LEFT by chance; its fragment begins far before it.
        reads = Builder().pair("a", CODON - 200, LEFT[0] + 10 + 80).reads(tmp_path)
        done, use = masked(reads)
        assert spans(done) == [(CODON - 200, CODON - 120), (LEFT[0] + 10, LEFT[0] + 90)]
        assert use.fragments == 0

    @pytest.mark.parametrize("reverse", [False, True])
    def test_a_single_read_loses_them_at_both_ends(self, tmp_path: Path, reverse: bool) -> None:
        made = Builder().read("whole", LEFT[0], 120, reverse=reverse)
        made.read("short", LEFT[1], 20, reverse=reverse)
        assert spans(masked(made.reads(tmp_path))[0]) == [
            (LEFT[1], RIGHT[0]),
            (LEFT[1], LEFT[1] + 20),
        ]

    @pytest.mark.parametrize(
        ("begin", "kept"),
        [
            (LEFT[0] - OUTSIDE - 1, LEFT[0] - OUTSIDE - 1),
            (LEFT[0] - OUTSIDE, LEFT[1]),
            (LEFT[1] - 1, LEFT[1]),
            (LEFT[1], LEFT[1]),
        ],
    )
    def test_an_end_in_the_primer_or_a_few_bases_before_it_counts(
        self, tmp_path: Path, begin: int, kept: int
    ) -> None:
        reads = Builder().read("a", begin, 80).reads(tmp_path)
        assert spans(masked(reads)[0]) == [(kept, begin + 80)]

    @pytest.mark.parametrize(
        ("end", "kept"),
        [
            (RIGHT[1] + OUTSIDE + 1, RIGHT[1] + OUTSIDE + 1),
            (RIGHT[1] + OUTSIDE, RIGHT[0]),
            (RIGHT[0] + 1, RIGHT[0]),
            (RIGHT[0], RIGHT[0]),
        ],
    )
    def test_the_right_end_mirrors_the_left(self, tmp_path: Path, end: int, kept: int) -> None:
        reads = Builder().read("a", end - 80, 80, reverse=True).reads(tmp_path)
        assert spans(masked(reads)[0]) == [(end - 80, kept)]

    def test_a_primers_side_counts_and_without_a_strand_it_is_either(self, tmp_path: Path) -> None:
        made = Builder().read("begins", LEFT[0], 80).read("ends", LEFT[1] - 80, 80, reverse=True)
        reads = made.reads(tmp_path)
        whole = [(LEFT[1] - 80, LEFT[1]), (LEFT[0], LEFT[0] + 80)]
        begins, ends = (LEFT[1], LEFT[0] + 80), (LEFT[1] - 80, LEFT[0])
        for strand, kept in (
            ("+", [whole[0], begins]),
            ("-", [ends, whole[1]]),
            (".", [ends, begins]),
        ):
            assert spans(masked(reads, primers((*LEFT, strand)))[0]) == kept

    def test_clipped_ends_of_a_primer_are_its_end(self, tmp_path: Path) -> None:
        # Three bases of the primer clipped; and a tail of 30 that never was the gene's.
        made = Builder().read("clip", LEFT[0] + 3, 80, cigar="3S77M")
        made.read("tail", LEFT[0], 110, cigar="30S80M")
        reads = made.reads(tmp_path)
        done, _ = masked(reads)
        assert {span[0] for span in spans(done)} == {LEFT[1]}
        first = done.first_base
        for read, clip in ((0, 30), (1, 3)):
            assert (done.code[first[read] : first[read] + clip + 17] == UNKNOWN).all()

    def test_a_clipped_end_at_one_primer_outweighs_the_aligned_end_at_another(
        self, tmp_path: Path
    ) -> None:
        # The neighbour's read begins at its own primer and is clipped up to the inside of LEFT.
        begin = LEFT[0] - 30
        both = primers((*LEFT, "+"), (begin, begin + 20, "+"))
        reads = Builder().read("a", LEFT[0] + 5, 100, cigar="35S65M").reads(tmp_path)
        assert spans(masked(reads, both)[0]) == [(LEFT[0] + 5, LEFT[0] + 70)]

    def test_of_two_primers_at_one_end_the_longer_counts(self, tmp_path: Path) -> None:
        alternative = primers((*LEFT, "+"), (LEFT[0] + 2, LEFT[1] + 6, "+"))
        reads = Builder().read("a", LEFT[0], 80).reads(tmp_path)
        assert spans(masked(reads, alternative)[0]) == [(LEFT[1] + 6, LEFT[0] + 80)]

    def test_gaps_and_insertions_that_touch_a_primer_are_no_evidence(self, tmp_path: Path) -> None:
        made = Builder()
        made.read("in_d", LEFT[0], 78, cigar="10M2D68M").read("in_i", LEFT[0], 80, cigar="10M2I68M")
        made.read("at_d", LEFT[0], 78, cigar="20M2D58M").read("at_i", LEFT[0], 80, cigar="20M2I58M")
        made.read("on_d", LEFT[0], 78, cigar="21M2D57M").read("on_i", LEFT[0], 80, cigar="21M2I57M")
        reads = made.reads(tmp_path)
        assert (reads.deletions.read.size, reads.insertions.read.size) == (3, 3)
        done, _ = masked(reads)
        assert done.deletions.start.tolist() == [LEFT[1] + 1]
        assert done.insertions.position.tolist() == [LEFT[1] + 1]
        # In the reads' order: a deletion saves two bases, an insertion adds two.
        assert (done.code == UNKNOWN).sum() == 18 + 22 + 20 + 22 + 20 + 20

    def test_a_supplementary_part_follows_its_fragment(self, tmp_path: Path) -> None:
        made = Builder().read("a", LEFT[0], 60, cigar="40M20S")
        made.read("a", RIGHT[1] - 20, 60, cigar="40S20M", flag=SUPPLEMENTARY)
        assert spans(masked(made.reads(tmp_path))[0])[0] == (LEFT[1], LEFT[0] + 40)

    def test_fragments_over_the_codon_are_counted_with_those_under_a_primer(
        self, tmp_path: Path
    ) -> None:
        over = primers((CODON - 5, CODON + 15, "+"))
        made = Builder().read("under", CODON - 5, 80).read("passes", CODON - 40, 80)
        made.pair("mates", CODON - 5, CODON + 100, length=100).read("beside", CODON + 3, 80)
        done, use = masked(made.reads(tmp_path), over)
        # That of "beside" begins inside the primer as well, but has no base of the codon.
        assert use == PrimerUse(1, 3, 3, 2)
        assert sum(CODON in positions for positions in shown(done)) == 1

    def test_without_primers_nothing_changes(self, tmp_path: Path) -> None:
        reads = Builder().pair("a", LEFT[0], RIGHT[1]).reads(tmp_path)
        assert mask_primers(reads, None, grch38()) == (reads, None)

    def test_without_reads_nothing_fails(self) -> None:
        done, use = masked(reads_of())
        assert done.count == 0
        assert use == PrimerUse(2, 0, 0, 0)


INTERVAL = st.tuples(
    st.integers(CODON - 30, CODON + 30), st.integers(1, 12), st.sampled_from("+-.")
).map(lambda one: (one[0], one[0] + one[1], one[2]))
ROW = st.tuples(
    st.integers(0, 3), st.integers(CODON - 40, CODON + 20), st.integers(1, 40), st.booleans()
)


@given(st.lists(INTERVAL, min_size=1, max_size=4), st.lists(ROW, max_size=6))
def test_as_the_rule_says_base_by_base(listed, rows):
    """Count again in the plainest way: each base of each single read, each primer."""
    reads = reads_of(
        *(
            R(
                f"f{fragment}.{at}", start, "ACGT" * 10 if length == 40 else "A" * length,
                reverse=reverse, ends=(start, start + length), both_ends=False, inside=None,
            )
            for at, (fragment, start, length, reverse) in enumerate(rows)
        )
    )  # fmt: skip
    done, use = masked(reads, primers(*listed))
    touched = 0
    for positions, (_, start, length, _) in zip(shown(done), rows, strict=True):
        end = start + length
        begun = [p for p in listed if p[2] != "-" and p[0] - OUTSIDE <= start < p[1]]
        ended = [p for p in listed if p[2] != "+" and p[0] < end <= p[1] + OUTSIDE]
        kept = [
            at
            for at in range(start, end)
            if not any(at < p[1] for p in begun) and not any(at >= p[0] for p in ended)
        ]
        assert positions == kept
        touched += bool(begun or ended)
    assert use.fragments == touched


@given(st.permutations(range(6)), st.randoms(use_true_random=False))
def test_the_order_of_reads_changes_nothing(order, random):
    rows = [
        R(f"f{at // 2}", CODON - 40 + random.randrange(60), "A" * 30, number=1 + at % 2,
          reverse=random.random() < 0.5, ends=(CODON - 40 + random.randrange(60), CODON + 30),
          inside=None)
        for at in range(6)
    ]  # fmt: skip
    given_ = primers((CODON - 30, CODON - 10, "."), (CODON + 10, CODON + 35, "."))
    one = shown(masked(reads_of(*rows), given_)[0])
    two = shown(masked(reads_of(*(rows[at] for at in order)), given_)[0])
    assert two == [one[at] for at in order]


class TestBed:
    GOOD = "chrX\t100\t120\tUBA1_LEFT\t0\t+\nchrX\t200\t221\tUBA1_RIGHT\t0\t-\n"
    AS_READ = (Primer("chrX", 100, 120, "+"), Primer("chrX", 200, 221, "-"))

    @pytest.mark.parametrize(
        "text",
        [
            GOOD,
            GOOD.rstrip("\n"),
            GOOD.replace("\n", "\r\n"),
            GOOD.replace("\t", "  "),
            f"\ufeff{GOOD}",
            f"browser position chrX:1-9\ntrack name=p\n# made by hand\n\n \n{GOOD}",
            GOOD.replace("+\n", "+\tACGT\n"),
        ],
    )
    def test_every_usual_form_is_read(self, tmp_path: Path, text: str) -> None:
        assert load_primers(bed(tmp_path / "p.bed", text)).listed == self.AS_READ

    def test_compressed_or_not_it_is_known_by_its_bytes(self, tmp_path: Path) -> None:
        plain = load_primers(bed(tmp_path / "p.bed", self.GOOD))
        packed = load_primers(bed(tmp_path / "p.bed.gz", gzip.compress(self.GOOD.encode())))
        assert packed.listed == plain.listed
        assert (plain.file, packed.file) == ("p.bed", "p.bed.gz")
        assert plain.sha256 != packed.sha256

    @pytest.mark.parametrize("text", ["chrX\t1\t20\n", "chrX\t1\t20\tname\t.\n"])
    def test_without_a_strand_a_primer_may_be_either(self, tmp_path: Path, text: str) -> None:
        (one,) = load_primers(bed(tmp_path / "p.bed", text)).listed
        assert one.strand == "."

    @pytest.mark.parametrize(
        ("line", "said", "value"),
        [
            ("chrX\t100", "at least contig, start and end", "chrX\t100"),
            ("\t100\t120", "at least contig, start and end", "100\t120"),
            ("chrX\tx\t120", "whole numbers", "x"),
            ("chrX\t-1\t120", "whole numbers", "-1"),
            ("chrX\t1e3\t2e3", "whole numbers", "1e3"),
            ("chrX\t100\t١٢٠", "whole numbers", "١٢٠"),
            ("chrX\t1,000\t1,020", "whole numbers", "1,000"),
            ("chrX\t120\t100", "end of a primer must be larger", "chrX\t120\t100"),
            ("chrX\t120\t120", "end of a primer must be larger", "chrX\t120\t120"),
            ("chrX\t100\t120\tn\t0\tplus", "must be the strand", "plus"),
            (f"chrX\t1\t{LONGEST_PRIMER + 2}", "is no primer", f"chrX\t1\t{LONGEST_PRIMER + 2}"),
        ],
    )
    def test_every_malformed_line_is_named(
        self, tmp_path: Path, line: str, said: str, value: str
    ) -> None:
        file = bed(tmp_path / "p.bed", f"# primers\n{line}\n{self.GOOD}{line}\n")
        with pytest.raises(UserError) as caught:
            load_primers(file, "given/p.bed")
        assert [problem.row for problem in caught.value.problems] == [2, 5]
        for problem in caught.value.problems:
            assert (problem.file, problem.value) == ("given/p.bed", value)
            assert said in problem.message
            assert problem.remedy

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "the file is empty"),
            (b"# none\n", "lists no primer"),
            (b"chrX\t1\t20\xff\n", "not text"),
            (b"chrX\t1\t20\x00\n", "not text"),
            (gzip.compress(b"chrX\t1\t20\n" * 99, mtime=0)[:-9], "damaged"),
            (b"\x1f\x8bnot gzip", "damaged"),
        ],
    )
    def test_what_is_no_bed_is_refused(self, tmp_path: Path, content: bytes, said: str) -> None:
        with pytest.raises(UserError, match=said):
            load_primers(bed(tmp_path / "p.bed", content))
        with pytest.raises(UserError, match="not there"):
            load_primers(tmp_path / "missing.bed")


class TestPlace:
    @pytest.mark.parametrize("contig", ["chrX", "X", "ChrX"])
    def test_the_prefix_of_a_contig_does_not_matter(self, contig: str) -> None:
        listed = primers((*LEFT, "+"), contig=contig)
        assert listed.over(grch38()) == listed.listed
        assert listed.over(grch38().with_contig("X")) == listed.listed

    def test_other_contigs_and_other_genes_are_ignored(self) -> None:
        here = PAIR.listed
        other = (Primer("chr1", *LEFT, "+"), Primer("chrX", 1_000, 1_020, "+"))
        assert Primers("p", "0", (*other, *here)).over(grch38()) == here

    def test_a_file_without_the_genes_contig_is_an_error(self) -> None:
        with pytest.raises(UserError) as caught:
            primers((*LEFT, "+"), contig="NC_000023.11").over(grch38())
        (problem,) = caught.value.problems
        assert "no primer lies on chrX" in problem.message
        assert "NC_000023.11" in problem.message
        assert (problem.file, problem.column) == ("p.bed", "primers")

    def test_a_file_on_another_build_is_an_error_that_names_both_places(self) -> None:
        moved = primers((LEFT[0] - 140_601, LEFT[1] - 140_601, "+"))
        with pytest.raises(UserError) as caught:
            moved.over(grch38())
        (problem,) = caught.value.problems
        assert f"chrX:{LEFT[0] - 140_601 + 1}-" in problem.message
        assert "GRCh38" in problem.message and "GRCh38" in problem.remedy
