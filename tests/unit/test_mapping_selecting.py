"""Reads selected from FASTQ: what aligners place on the codon is kept, and faults are told."""

import gzip
import random
import shutil
from dataclasses import replace

import numpy as np
import pysam
import pytest

from builders.fastq import random_bases, read, reverse_complement, write_fastq
from builders.targeted import KINDS, made_up_genome, pair_over, pairs_over_codon
from vexas_uba1.errors import UserError
from vexas_uba1.locus.record import load_locus
from vexas_uba1.mapping import selecting
from vexas_uba1.mapping.aligning import AlignOptions, ReadGroup, align_unit
from vexas_uba1.mapping.bait import make_bait
from vexas_uba1.mapping.fastq import QualityRange, read_fragments
from vexas_uba1.mapping.index import build_index
from vexas_uba1.mapping.selecting import Selection, select_fragments
from vexas_uba1.mapping.trimming import TrimOptions, trim_unit
from vexas_uba1.samples.sources import LocalFile
from vexas_uba1.samples.umi import parse_umi


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_up_genome(tmp_path_factory.mktemp("genome"))


@pytest.fixture(scope="module")
def bait(made):
    return make_bait(made.placed, made.genome)


# --- reading -----------------------------------------------------------------------------------


def local(*paths):
    return tuple(LocalFile(path.name, path.absolute()) for path in paths)


def selected(files, bait, qualities=None):
    selection = Selection()
    found = [
        (name, [(record.name, record.sequence, record.qualities) for record in records])
        for name, records in select_fragments(files, qualities or QualityRange(), bait, selection)
    ]
    return selection, found


def mixed_pairs(made, count=400, length=100):
    """Pairs of the gene (even numbers) and of nothing, of several lengths."""
    rng = random.Random(8)
    pairs = []
    for number in range(count):
        name = f"r{number}"
        if number % 2:
            one, two = (read(name, ("AC" * 20)[: rng.randint(1, 40)]) for _ in range(2))
        else:
            one, two = pair_over(rng, made.contigs["chrX"], made.codon, length, name=name)
            cut = rng.randrange(40, length)
            one = read(name, one.bases[:cut], rng.choice("#5F"))
        pairs.append((one, two))
    return pairs


@pytest.mark.parametrize("block", [90, 1000, 1 << 19])
@pytest.mark.parametrize("packed", [False, True])
def test_kept_pairs_are_whole_and_in_order_whatever_the_blocks(
    tmp_path, made, bait, monkeypatch, block, packed
):
    monkeypatch.setattr(selecting, "_BLOCK", block)
    pairs = mixed_pairs(made)
    files = local(
        *(
            write_fastq(tmp_path / f"{mate}.fq", [pair[mate] for pair in pairs], packed=packed)
            for mate in (0, 1)
        )
    )
    qualities, expected = QualityRange(), QualityRange()
    selection, found = selected(files, bait, qualities)
    careful = [
        (name, [(record.name, record.sequence, record.qualities) for record in records])
        for name, records in read_fragments(files, expected)
    ]
    assert found == careful[::2]
    assert (selection.fragments, selection.kept) == (400, 200)
    assert qualities == expected


def test_one_mate_is_enough(tmp_path, made, bait):
    rng = random.Random(9)
    gene = made.contigs["chrX"][made.codon - 40 : made.codon + 60]
    strange = random_bases(rng, 100)
    one = write_fastq(tmp_path / "1.fq", [read("a", gene), read("b", strange), read("c", strange)])
    two = write_fastq(tmp_path / "2.fq", [read("a", strange), read("b", gene), read("c", strange)])
    assert [name for name, _ in selected(local(one, two), bait)[1]] == ["a", "b"]
    assert [name for name, _ in selected(local(one), bait)[1]] == ["a"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x", "x"),
        ("x/1", "x/2"),
        ("SRR1.7.1", "SRR1.7.2"),
        ("x 1:N:0:ACGT", "x 2:N:0:ACGT"),
        ("x\t1", "x\t2 longer"),
        ("x 1", "x"),
        ("x1 comment", "x2"),
        ("x", "x a much longer comment than the other has"),
    ],
)
def test_mates_names_are_those_of_the_careful_reader(tmp_path, made, bait, one, two):
    gene = made.contigs["chrX"][made.codon - 40 : made.codon + 60]
    files = local(
        write_fastq(tmp_path / "1.fq", [read(one, gene)]),
        write_fastq(tmp_path / "2.fq", [read(two, reverse_complement(gene))]),
    )
    ((name, _),) = read_fragments(files, QualityRange())
    assert [found for found, _ in selected(files, bait)[1]] == [name]


def test_other_line_ends_and_a_last_line_without_one(tmp_path, made, bait):
    gene = made.contigs["chrX"][made.codon - 40 : made.codon + 60].lower()
    path = tmp_path / "reads.fq"
    path.write_bytes(f"@a c\r\n{gene}\r\n+\r\n{'I' * 100}\r\n@b\n{gene}\n+b\n{'I' * 100}".encode())
    _, found = selected(local(path), bait)
    assert found == [
        ("a", [("a c", gene.upper(), "I" * 100)]),
        ("b", [("b", gene.upper(), "I" * 100)]),
    ]


FAULTS = {
    "empty": b"",
    "no reads": gzip.compress(b"", mtime=0),
    "text": b"hello, world\n",
    "fasta": b">seq\nACGT\n",
    "binary": b"\x00\x01\x02\x03" * 40,
    "short qualities": b"@a\nACGT\n+\nIII\n",
    "long qualities": b"@a\nACGT\n+\nIIII\n@b\nACGT\n+\nIIIII\n",
    "ends in a record": b"@a\nACGT\n+\nIIII\n@b\nAC",
    "ends before a record's end": b"@a\nACGT\n+\nIIII\n@b\nACGT\n+\n",
    "no @": b"@a\nACGT\n+\nIIII\nb\nACGT\n+\nIIII\n",
    "no +": b"@a\nACGT\n+\nIIII\n@b\nACGT\n-\nIIII\n",
    "other +": b"@a\nACGT\n+\nIIII\n@b\nACGT\n+bc\nIIII\n",
    "another name after +": b"@a1\nACGT\n+a1\nIIII\n@a2\nACGT\n+a3\nIIII\n",
    "another comment after +": b"@a c\nACGT\n+\nIIII\n@b c\nACGT\n+b d\nIIII\n",
    "no base": b"@a\nACGT\n+\nIIII\n@b\nAC-T\n+\nIIII\n",
    "no base in a short read": b"@a\nACGT\n+\nIIII\n@b\n-\n+\nI\n",
    "no quality": b"@a\nACGT\n+\nII I\n",
    "not ASCII": b"@a\nACGT\n+\nII\xc3\xa4\n",
    "no name": b"@\nACGT\n+\nIIII\n",
    "a name too long for SAM": b"@" + b"a" * 255 + b" c\nACGT\n+\nIIII\n",
    "a control character in a name": b"@\x0ba\nACGT\n+\nIIII\n",
    "a control character in a comment": b"@a\nACGT\n+\nIIII\n@b\tc \x7f\nACGT\n+\nIIII\n",
    "a carriage return in a name": b"@a\rb\r\nACGT\r\n+\r\nIIII\r\n",
    "empty lines": b"@a\nACGT\n+\nIIII\n\n\n",
    "empty line": b"@a\nACGT\n+\nIIII\n\n",
}


@pytest.mark.parametrize("content", FAULTS.values(), ids=FAULTS)
def test_faults_are_told_as_by_the_careful_reader(tmp_path, bait, content):
    path = tmp_path / "reads.fastq"
    path.write_bytes(content)
    with pytest.raises(UserError) as expected:
        list(read_fragments(local(path), QualityRange()))
    with pytest.raises(UserError) as caught:
        selected(local(path), bait)
    assert caught.value.problems == expected.value.problems


def test_names_and_comments_that_sam_allows_are_read(tmp_path, made, bait):
    gene = made.contigs["chrX"][made.codon - 40 : made.codon + 60]
    names = ["a" * 254, "b" * 254 + " comment", "c comment\twith a tab", "d" + " x" * 300]
    files = local(write_fastq(tmp_path / "r.fq", [read(name, gene) for name in names]))
    expected = [name.split()[0] for name in names]
    assert [name for name, _ in read_fragments(files, QualityRange())] == expected
    assert [name for name, _ in selected(files, bait)[1]] == expected


def test_an_empty_line_at_the_end_is_not_called_truncation(tmp_path, bait):
    path = tmp_path / "r.fq"
    path.write_bytes(b"@a\nACGT\n+\nIIII\n\n")
    with pytest.raises(UserError, match="an empty line follows record 1, the last one"):
        selected(local(path), bait)


def test_a_file_without_line_ends_is_given_up(tmp_path, bait, monkeypatch):
    monkeypatch.setattr(selecting, "_BLOCK", 1000)
    monkeypatch.setattr(selecting, "_LONGEST_RECORD", 5000)
    looked = []
    search = np.flatnonzero
    monkeypatch.setattr(np, "flatnonzero", lambda *about: looked.append(True) or search(*about))
    path = tmp_path / "r.fq"
    path.write_bytes(b"@a\nACGT\n+\nIIII\n" + bytes(500_000))
    with pytest.raises(UserError, match="record 2"):
        selected(local(path), bait)
    assert len(looked) < 50


@pytest.mark.parametrize("end", [-1, -9, 3000, 30])
def test_a_truncated_file_is_told_whatever_it_held(tmp_path, bait, end):
    rng = random.Random(10)
    reads = [read(f"r{number}", random_bases(rng, 80)) for number in range(500)]
    path = write_fastq(tmp_path / "reads.fastq.gz", reads, packed=True)
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(UserError) as caught:
        selected(local(path), bait)
    assert "truncated" in caught.value.problems[0].message


def test_damage_within_a_file_is_told(tmp_path, bait):
    rng = random.Random(10)
    reads = [read(f"r{number}", random_bases(rng, 80)) for number in range(500)]
    path = write_fastq(tmp_path / "reads.fastq.gz", reads, packed=True)
    whole = bytearray(path.read_bytes())
    whole[5000:5050] = bytes(50)
    path.write_bytes(bytes(whole))
    with pytest.raises(UserError):
        selected(local(path), bait)


@pytest.mark.parametrize(("counts", "short"), [((500, 300), 1), ((300, 500), 0), ((5, 4), 1)])
def test_unequal_files_are_told(tmp_path, bait, monkeypatch, counts, short):
    monkeypatch.setattr(selecting, "_BLOCK", 5000)
    rng = random.Random(11)
    reads = [read(f"r{number}", random_bases(rng, 80)) for number in range(500)]
    files = local(
        *(write_fastq(tmp_path / f"{i}.fq", reads[:count]) for i, count in enumerate(counts))
    )
    with pytest.raises(UserError) as caught:
        selected(files, bait)
    (problem,) = caught.value.problems
    assert problem.file == f"{short}.fq"
    assert f"ends after {min(counts)} records" in problem.message


def test_mates_out_of_step_are_told_though_no_read_is_of_the_gene(tmp_path, bait):
    rng = random.Random(12)
    reads = [read(f"r{number}", random_bases(rng, 80)) for number in range(5)]
    swapped = [*reads[:2], reads[3], reads[2], reads[4]]
    files = local(write_fastq(tmp_path / "1.fq", reads), write_fastq(tmp_path / "2.fq", swapped))
    with pytest.raises(UserError) as caught:
        selected(files, bait)
    assert "record 3 is 'r2' here but 'r3'" in caught.value.problems[0].message


@pytest.mark.parametrize("count", [1, 500, 1500])
def test_one_mate_given_twice_is_told_however_it_is_packed_and_named(
    tmp_path, bait, monkeypatch, count
):
    monkeypatch.setattr(selecting, "_BLOCK", 5000)
    rng = random.Random(13)
    dark = [("g0", "G" * 80), ("g1", "")]
    reads = [*dark, *((f"r{number}", random_bases(rng, 80)) for number in range(count))]
    files = local(
        *(
            write_fastq(
                tmp_path / f"{mate}.fq",
                [read(f"{name}/{mate}", bases, quality) for name, bases in reads],
                packed=mate == 2,
            )
            for mate, quality in ((1, "F"), (2, "#"))
        )
    )
    for reading in (
        lambda: list(read_fragments(files, QualityRange())),
        lambda: selected(files, bait),
    ):
        with pytest.raises(UserError) as caught:
            reading()
        (problem,) = caught.value.problems
        assert (problem.file, "2.fq: both files are of the same mate" in problem.message) == (
            "1.fq",
            True,
        )


def test_a_few_equal_mates_or_none_that_can_differ_are_no_fault(tmp_path, bait):
    rng = random.Random(14)
    palindromes = [half + reverse_complement(half) for half in (random_bases(rng, 40),) * 900]
    for number, last in enumerate(([], [random_bases(rng, 80)])):
        ones = [read(f"r{i}", bases) for i, bases in enumerate([*palindromes, *last])]
        if not last:
            ones = [read(f"g{i}", "G" * i) for i in range(50)]
        twos = [
            read(one.name, reverse_complement(one.bases) if last else one.bases) for one in ones
        ]
        files = local(
            write_fastq(tmp_path / f"{number}_1.fq", ones),
            write_fastq(tmp_path / f"{number}_2.fq", twos),
        )
        assert len(list(read_fragments(files, QualityRange()))) == len(ones)
        assert selected(files, bait)[0].fragments == len(ones)


# --- beside the aligners ------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["minimap2", "bwa", None])
def index(request, made, tmp_path_factory):
    """Index of the genome; None for the bundled locus."""
    if request.param is None:
        return None
    if request.param == "bwa" and shutil.which("bwa") is None:
        pytest.skip("bwa is not installed")
    return build_index(made.fasta, request.param, tmp_path_factory.mktemp("i") / "i", rna=False)


def aligned(made, index, paths, folder):
    """Return the placed gene and the records of an alignment of some reads."""
    placed = made.placed if index else load_locus().placed("GRCh38")
    bam = folder / "aligned.bam"
    align_unit(
        AlignOptions(
            reads=paths,
            read_group=ReadGroup("u", "l", "s"),
            placed=placed,
            index=index,
            contigs=made.genome.contigs if index else (),
            rna=False,
            bam=bam,
            scratch=folder / "scratch",
        )
    )
    with pysam.AlignmentFile(str(bam)) as opened:
        return placed, list(opened)


def on_codon(placed, records):
    codon = min(placed.codon_positions)
    return {
        record.query_name
        for record in records
        if record.reference_name == placed.contig
        and not record.is_unmapped
        and record.reference_start < codon + 3
        and record.reference_end > codon
    }


@pytest.mark.parametrize("length", [75, 100, 150])
@pytest.mark.parametrize("mates", [2, 1])
def test_no_fragment_that_alignment_places_on_the_codon_is_lost(
    made, bait, index, tmp_path, length, mates
):
    pairs = list(pairs_over_codon(made, 4000, length, seed=length))
    paths = tuple(
        write_fastq(tmp_path / f"{mate}.fq", [pair[mate] for pair in pairs])
        for mate in range(mates)
    )
    placed, records = aligned(made, index, paths, tmp_path)
    found = on_codon(placed, records)
    chosen = bait if index else make_bait(placed, None)
    selection, kept = selected(local(*paths), chosen)
    assert selection.fragments == 4000
    assert len(found) > 700 * mates, "many must be placed for this to tell anything"
    assert {name.partition("-")[0] for name in found} == set(KINDS)
    assert found <= {name for name, _ in kept}


@pytest.mark.skipif(shutil.which("bwa") is None, reason="bwa is not installed")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_read_that_bwa_places_by_a_mate_in_a_repeat_is_kept_too(tmp_path, order):
    made = made_up_genome(tmp_path, repeat=(-700, -310), unlike=0.05)
    bait, rng, length = make_bait(made.placed, made.genome), random.Random(1), 75
    x, pairs = made.contigs["chrX"], []
    for number in range(6_000):
        own, far = made.codon - rng.randrange(3, 72), made.codon - rng.randrange(405, 690)
        mates = [x[far : far + length], reverse_complement(x[own : own + length])]
        mates[1] = "".join(rng.choice("ACGT") if rng.random() < 0.07 else b for b in mates[1])
        pairs.append([read(f"p{number}", mates[mate]) for mate in order])
    # bwa learns from ordinary pairs how far apart mates lie.
    for number in range(2_000):
        start, size = rng.randrange(2_000, len(x) - 4_000), rng.randrange(380, 760)
        insert = x[start : start + size]
        mates = [insert[:length], reverse_complement(insert[-length:])]
        pairs.append([read(f"n{number}", mates[mate]) for mate in order])
    rng.shuffle(pairs)
    paths = tuple(write_fastq(tmp_path / f"{m}.fq", [pair[m] for pair in pairs]) for m in (0, 1))
    index = build_index(made.fasta, "bwa", tmp_path / "index", rna=False)
    found = on_codon(*aligned(made, index, paths, tmp_path))
    kept = {name for name, _ in selected(local(*paths), bait)[1]}
    by_words = replace(bait, short=bait.short[:0])
    alone = {name for name, _ in selected(local(*paths), by_words)[1]}
    assert len(found - alone) > 5, "some must be placed so for this to tell anything"
    assert found <= kept


def test_few_pairs_are_selected_for_a_mate_in_a_repeat(tmp_path):
    made = made_up_genome(tmp_path, repeat=(-700, -310), unlike=0.05)
    bait, rng = make_bait(made.placed, made.genome), random.Random(2)
    assert bait.with_mate.any() and not make_bait(made.placed, None).with_mate.any()
    inside = made.repeat[100:250]
    ones = [read(f"r{number}", inside) for number in range(1_000)]
    twos = [read(f"r{number}", random_bases(rng, 150)) for number in range(1_000)]
    files = (write_fastq(tmp_path / "1.fq", ones), write_fastq(tmp_path / "2.fq", twos))
    assert selected(local(*files), bait)[0].kept < 500
    assert selected(local(files[0]), bait)[0].kept == 0


@pytest.mark.parametrize("index", ["minimap2", "bwa"], indirect=True)
def test_a_relative_of_the_codons_exon_is_selected_and_claims_its_reads(
    made, bait, index, tmp_path
):
    rng = random.Random(3)
    bases, place = made.contigs["chr1"], made.copy + 430
    pairs = [pair_over(rng, bases, place, 100, name=f"r{number}") for number in range(200)]
    paths = tuple(
        write_fastq(tmp_path / f"{mate}.fq", [pair[mate] for pair in pairs]) for mate in (0, 1)
    )
    assert selected(local(*paths), bait)[0].kept == 200
    assert not on_codon(*aligned(made, index, paths, tmp_path))


def test_a_mate_beside_a_repeat_keeps_the_one_within(tmp_path, made, bait):
    at = made.contigs["chrX"].index(made.repeat)
    bases = made.contigs["chrX"][at - 250 : at + len(made.repeat) + 250]
    firsts = [read(f"p{start}", bases[start : start + 100]) for start in range(0, 450, 10)]
    seconds = [
        read(f"p{start}", reverse_complement(bases[start + 250 : start + 350]))
        for start in range(0, 450, 10)
    ]
    files = local(write_fastq(tmp_path / "1.fq", firsts), write_fastq(tmp_path / "2.fq", seconds))
    assert selected(files, bait)[0].kept == 45


# --- trimming ----------------------------------------------------------------------------------


@pytest.mark.parametrize("enabled", [True, False])
def test_kept_pairs_are_trimmed_as_without_selection_and_all_are_counted(
    tmp_path, made, bait, enabled
):
    pairs = mixed_pairs(made)
    files = local(
        *(
            write_fastq(tmp_path / f"{mate}.fq.gz", [pair[mate] for pair in pairs], packed=True)
            for mate in (0, 1)
        )
    )
    gene_alone = local(
        *(write_fastq(tmp_path / f"g{mate}.fq", [p[mate] for p in pairs[::2]]) for mate in (0, 1))
    )

    def trimmed(reads, name, chosen):
        paths = tuple(tmp_path / f"{name}{mate}.fastq.gz" for mate in (0, 1))
        report = trim_unit(TrimOptions(reads, paths, enabled=enabled, bait=chosen))
        return report, [gzip.decompress(path.read_bytes()) for path in paths]

    report, texts = trimmed(files, "targeted", bait)
    all_report, expected = trimmed(gene_alone, "all", None)
    assert texts == expected
    assert report.targeted is not None
    assert (report.targeted.fragments, report.targeted.kept, report.fragments_in) == (400, 200, 400)
    assert report.fragments_out == all_report.fragments_out
    assert [file.name for file in report.files] == ["0.fq.gz", "1.fq.gz"]
    assert all_report.targeted is None


def test_umis_are_taken_from_selected_reads(tmp_path, made, bait):
    rng = random.Random(7)
    one, two = pair_over(rng, made.contigs["chrX"], made.codon, 100)
    files = local(
        write_fastq(
            tmp_path / "1.fq",
            [read("a 1:N", "ACGTACGT" + one.bases), read("b 1:N", random_bases(rng, 108))],
        ),
        write_fastq(
            tmp_path / "2.fq",
            [read("a 2:N", "GGGG" + two.bases), read("b 2:N", random_bases(rng, 104))],
        ),
    )
    paths = tuple(tmp_path / f"out{mate}.fastq.gz" for mate in (0, 1))
    trim_unit(TrimOptions(files, paths, structures=parse_umi("8M+T 4M+T").structures, bait=bait))
    text = gzip.decompress(paths[0].read_bytes()).decode()
    assert text.startswith("@a\tRX:Z:ACGTACGT-GGGG\n")
    assert text.count("RX:Z:") == 1


@pytest.mark.parametrize("enabled", [True, False])
def test_a_file_without_a_read_of_the_gene_is_no_error(tmp_path, made, bait, index, enabled):
    path = write_fastq(tmp_path / "1.fq", [read("a", "AC" * 40)])
    out = tmp_path / "trimmed.fastq.gz"
    report = trim_unit(TrimOptions(local(path), (out,), enabled=enabled, bait=bait))
    assert report.targeted is not None
    assert (report.targeted.fragments, report.targeted.kept, report.fragments_out) == (1, 0, 0)
    assert gzip.decompress(out.read_bytes()) == b""
    assert aligned(made, index, (out,), tmp_path)[1] == []
