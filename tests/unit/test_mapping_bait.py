"""Reads selected for the gene: none that can come from codon 41 is lost, and faults are told."""

import gzip
import random

import mappy
import numpy as np
import pytest

from builders.fastq import random_bases, read, reverse_complement, write_fastq
from builders.targeted import made_up_genome, pair_over
from vexas_uba1.errors import UserError
from vexas_uba1.locus.record import load_locus
from vexas_uba1.mapping import baiting
from vexas_uba1.mapping.bait import NEAR, NEAR_WORD, PROTECTED, WIDE_WORD, make_bait
from vexas_uba1.mapping.fastq import QualityRange, read_fragments
from vexas_uba1.mapping.selecting import Selection, select_fragments
from vexas_uba1.mapping.trimming import TrimOptions, trim_unit
from vexas_uba1.samples.sources import LocalFile


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
    return bait.takes(rows, np.array([len(text) for text in texts]))


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
    for at in range(len(window) - WIDE_WORD):
        run = window[at : at + WIDE_WORD + 1]
        if made.repeat[:WIDE_WORD] in run or any(
            run[i : i + WIDE_WORD] in made.repeat for i in (0, 1)
        ):
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
    assert lost_by_chance(NEAR_WORD, 100, 0.05) ** 2 < 1e-8
    assert lost_by_chance(NEAR_WORD, 75, 0.05) ** 2 < 1.2e-6
    assert lost_by_chance(NEAR_WORD, 100, 0.05) < 1e-4
    assert lost_by_chance(NEAR_WORD, 75, 0.05) < 1.1e-3


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
def test_no_pair_that_the_whole_genome_aligns_to_the_codon_is_lost(made, bait, length):
    """Of reads 5 % apart from the reference, a third with a deletion of up to 50 bases."""
    rng = random.Random(length)
    chr_x = made.contigs["chrX"]
    aligner = mappy.Aligner(str(made.fasta), preset="sr")
    pairs = []
    for number in range(600):
        deleted = rng.randrange(1, 51) if number % 3 == 0 else 0
        bases = chr_x[: made.codon] + chr_x[made.codon + deleted :]
        pair = pair_over(rng, bases, made.codon, length)
        pairs.append(tuple(substituted(rng, one.bases, 0.05) for one in pair))

    def aligned(pair):
        return any(
            hit.ctg == "chrX" and hit.r_st <= made.codon < hit.r_en for hit in aligner.map(*pair)
        )

    over_codon = np.array([aligned(pair) for pair in pairs])
    selected_pairs = taken(bait, [one for one, _ in pairs]) | taken(bait, [two for _, two in pairs])
    assert over_codon.sum() > 100
    assert not (over_codon & ~selected_pairs).any()


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
    made = made_up_genome(tmp_path, repeat=(-400, -20))
    bait = make_bait(made.placed, made.genome)
    near, far = made.repeat[-(PROTECTED - 20) :], made.repeat[: -(PROTECTED - 20)]
    words = [near[at : at + NEAR_WORD] for at in range(len(near) - NEAR_WORD + 1)]
    assert taken(bait, words).all()
    assert not taken(bait, [far[:100]]).any()


def test_without_a_genome_the_exons_are_the_bait():
    placed = load_locus().placed("GRCh38")
    bait = make_bait(placed, None)
    exon = placed.locus.exons[10].bases
    assert taken(bait, [exon[:40], reverse_complement(exon[-40:])]).all()


def test_a_gene_of_which_nothing_is_known_is_refused(tmp_path):
    record = tmp_path / "mouse.yaml"
    record.write_text(
        'gene: Uba1\ntranscript: T.1\nstrand: "+"\ncodon: {reference: ATG}\nbuilds:\n'
        "  B: {contigs: [chrX], length: 5000, codon_positions1: [2001, 2002, 2003]}\n"
    )
    with pytest.raises(UserError) as caught:
        make_bait(load_locus(record).placed("B"), None)
    assert "targeted: false" in caught.value.problems[0].remedy


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
    monkeypatch.setattr(baiting, "_BLOCK", block)
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
        write_fastq(tmp_path / "2.fq", [read(two, gene)]),
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
    "no base": b"@a\nACGT\n+\nIIII\n@b\nAC-T\n+\nIIII\n",
    "no base in a short read": b"@a\nACGT\n+\nIIII\n@b\n-\n+\nI\n",
    "no quality": b"@a\nACGT\n+\nII I\n",
    "not ASCII": b"@a\nACGT\n+\nII\xc3\xa4\n",
    "no name": b"@\nACGT\n+\nIIII\n",
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
    monkeypatch.setattr(baiting, "_BLOCK", 5000)
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
    assert (report.targeted.pairs, report.targeted.kept, report.fragments_in) == (400, 200, 400)
    assert report.fragments_out == all_report.fragments_out
    assert [file.name for file in report.files] == ["0.fq.gz", "1.fq.gz"]
    assert all_report.targeted is None


@pytest.mark.parametrize("enabled", [True, False])
def test_a_file_without_a_read_of_the_gene_is_no_error(tmp_path, bait, enabled):
    path = write_fastq(tmp_path / "1.fq", [read("a", "AC" * 40)])
    out = tmp_path / "trimmed.fastq.gz"
    report = trim_unit(TrimOptions(local(path), (out,), enabled=enabled, bait=bait))
    assert report.targeted is not None
    assert (report.targeted.pairs, report.targeted.kept, report.fragments_out) == (1, 0, 0)
    assert gzip.decompress(out.read_bytes()) == b""
