"""Alignment: our records against the rules, the real executables and reads of known origin."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest

from builders.fastq import (
    random_bases,
    read,
    reverse_complement,
    sequenced,
    simulate_pairs,
    small_genome,
    write_fasta,
    write_fastq,
)
from vexas_uba1.alignments.window import read_window
from vexas_uba1.errors import UserError
from vexas_uba1.locus.builds import Contig
from vexas_uba1.locus.record import load_locus
from vexas_uba1.mapping import aligning, sam
from vexas_uba1.mapping.aligning import AlignOptions, ReadGroup, align_unit
from vexas_uba1.mapping.index import build_index, memory_mb, users_index
from vexas_uba1.realignment.realign import realign
from vexas_uba1.realignment.tails import Places
from vexas_uba1.reference import from_reads

GENOME = small_genome()
GROUP = ReadGroup("lane1", "libA", "patient")
PAIRS = 2000


def placed(folder, *, flank=60_000, position1=25_000):
    """A gene record on chrT whose window is the codon and ``flank`` bases on either side."""
    record = {
        "gene": "GENE",
        "transcript": "TX_1.1",
        "strand": "+",
        "codon": {"reference": "ATG"},
        "window_flank": flank,
        "builds": {
            "B1": {
                "contigs": ["chrT"],
                "length": len(GENOME["chrT"]),
                "codon_positions1": [position1, position1 + 1, position1 + 2],
            }
        },
    }
    path = Path(folder) / f"locus{flank}.yaml"
    path.write_text(json.dumps(record))
    return load_locus(path).placed("B1")


CONTIGS = tuple(Contig(name, len(bases)) for name, bases in GENOME.items())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A genome and reads in folders with awkward names."""
    folder = tmp_path_factory.mktemp("with space") / "-leading dash; $(x)"
    fasta = write_fasta(folder / "genome.fa", GENOME)
    firsts, seconds = simulate_pairs(GENOME, PAIRS)
    reads = (
        write_fastq(folder / "reads 1.fastq.gz", firsts, packed=True),
        write_fastq(folder / "-reads 2.fastq.gz", seconds, packed=True),
    )
    return folder, fasta, reads


@pytest.fixture(scope="module")
def index(world):
    folder, fasta, _ = world
    before = sorted(path.name for path in folder.iterdir())
    built = build_index(fasta, "minimap2", folder / "index", rna=False)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*before, "index"])
    return built


def align(world, index, name, **options):
    folder, _, reads = world
    chosen = {
        "reads": reads,
        "read_group": GROUP,
        "placed": options.pop("placed", None) or placed(folder),
        "index": index,
        "contigs": CONTIGS,
        "rna": False,
        "bam": folder / "out" / f"{name}.bam",
        "scratch": folder / "scratch",
    } | options
    report = align_unit(AlignOptions(**chosen))
    assert not list((folder / "scratch").iterdir()), "scratch files are removed"
    return report, chosen["bam"]


def records(bam):
    with pysam.AlignmentFile(str(bam), "rb") as file:
        return list(file)


@pytest.fixture(scope="module")
def aligned(world, index):
    return align(world, index, "paired")


def five_prime(record):
    return record.reference_end if record.is_reverse else record.reference_start


def assert_valid(bam):
    """Check what Picard's ValidateSamFile does: flags, mates, lengths, MD, NM, order, groups."""
    assert pysam.quickcheck(str(bam)) == ""
    seen = records(bam)
    primary = {(r.query_name, r.is_read2): r for r in seen if not r.is_supplementary}
    places = [(r.reference_id, r.reference_start) for r in seen]
    assert places == sorted(places)
    for r in seen:
        assert r.get_tag("RG") == GROUP.unit
        assert not r.is_secondary
        if not r.is_unmapped:
            assert r.infer_query_length() == len(r.query_sequence)
            operations = [operation for operation, _ in r.cigartuples]
            assert operations[0] in (0, 4, 5) and operations[-1] in (0, 4, 5)
            edits, md = own_differences(r)
            assert (r.get_tag("NM"), r.get_tag("MD")) == (edits, md)
        if not r.is_paired:
            assert not r.flag & (0x2 | 0x8 | 0x20 | 0x40 | 0x80)
            assert (r.next_reference_id, r.template_length) == (-1, 0)
            continue
        assert r.is_read1 != r.is_read2
        mate = primary[r.query_name, r.is_read1]
        assert r.mate_is_unmapped == mate.is_unmapped
        assert r.next_reference_start == mate.reference_start
        assert r.next_reference_id == mate.reference_id
        if mate.is_unmapped or r.is_unmapped:
            assert not r.is_proper_pair and r.template_length == 0
            continue
        assert r.mate_is_reverse == mate.is_reverse
        assert r.get_tag("MC") == mate.cigarstring
        if r.is_supplementary:
            continue
        assert r.get_tag("MQ") == mate.mapping_quality
        assert r.get_tag("ms") > 0
        assert r.is_proper_pair == mate.is_proper_pair
        assert r.template_length == -mate.template_length
        if r.reference_id == mate.reference_id:
            assert r.template_length == five_prime(mate) - five_prime(r)


def own_differences(record):
    """NM and MD from the genome, base by base, written apart from the code under test."""
    reference = GENOME[record.reference_name]
    edits, run, md, deleting = 0, 0, "", False
    read_at, at = 0, record.reference_start
    for operation, length in record.cigartuples:
        for _ in range(length):
            if operation == 0:
                deleting = False
                if record.query_sequence[read_at] == reference[at]:
                    run += 1
                else:
                    md, run, edits = f"{md}{run}{reference[at]}", 0, edits + 1
            if operation == 2:
                md += reference[at] if deleting else f"{run}^{reference[at]}"
                run, edits, deleting = 0, edits + 1, True
            edits += operation == 1
            read_at += operation in (0, 1, 4)
            at += operation in (0, 2, 3)
    return edits, f"{md}{run}"


def test_paired_records_are_valid(aligned):
    report, bam = aligned
    assert_valid(bam)
    seen = records(bam)
    assert report.reads == 2 * PAIRS
    assert report.mapped_reads > 0.98 * 2 * PAIRS
    assert len({r.query_name for r in seen}) == report.fragments_written
    assert any(r.is_supplementary for r in seen) and any(r.is_unmapped for r in seen)
    chimeric = next(r for r in seen if r.is_supplementary)
    assert chimeric.has_tag("SA") and "H" in chimeric.cigarstring


def test_single_reads_are_valid(world, index):
    report, bam = align(world, index, "single", reads=world[2][:1])
    assert_valid(bam)
    assert report.reads == PAIRS


def test_samtools_calmd_agrees(world, aligned):
    _, fasta, _ = world
    copy = world[0] / "copy.fa"
    shutil.copy(fasta, copy)
    lines = pysam.calmd(str(aligned[1]), str(copy)).splitlines()
    ours = [r.to_string() for r in records(aligned[1])]
    # calmd keeps tags that agree and puts others at the end.
    assert [line for line in lines if not line.startswith("@")] == ours


def test_header_names_reads_and_program_but_no_paths(aligned, world):
    with pysam.AlignmentFile(str(aligned[1]), "rb") as file:
        header = file.header.to_dict()
    assert header["HD"]["SO"] == "coordinate"
    assert [(line["SN"], line["LN"]) for line in header["SQ"]] == [
        (contig.name, contig.length) for contig in CONTIGS
    ]
    assert header["RG"] == [
        {"ID": "lane1", "SM": "patient", "LB": "libA", "PU": "lane1", "PL": "ILLUMINA"}
    ]
    assert [line["ID"] for line in header["PG"]] == ["minimap2"]
    assert "CL" not in header["PG"][0]


def test_bytes_do_not_depend_on_threads_nor_pairs_on_their_order(world, index, aligned):
    _, bam = align(world, index, "threads", threads=2)
    assert bam.read_bytes() == aligned[1].read_bytes()
    folder, _, _ = world
    firsts, seconds = simulate_pairs(GENOME, PAIRS)
    order = list(range(PAIRS))
    random.Random(3).shuffle(order)
    reads = (
        write_fastq(folder / "s1.fq", [firsts[i] for i in order]),
        write_fastq(folder / "s2.fq", [seconds[i] for i in order]),
    )
    _, shuffled = align(world, index, "shuffled", reads=reads)
    assert sorted(r.to_string() for r in records(shuffled)) == sorted(
        r.to_string() for r in records(aligned[1])
    )


def test_only_fragments_near_the_gene_are_written_but_all_are_counted(world, index, aligned):
    folder = world[0]
    near = placed(folder, flank=1000, position1=25_000)
    report, bam = align(world, index, "near", placed=near)
    assert report.reads == 2 * PAIRS and report.mapped_reads == aligned[0].mapped_reads
    low = near.window[0] - aligning.MARGIN
    high = near.window[1] + aligning.MARGIN
    kept = records(bam)

    def fragments_near(seen):
        return {
            r.query_name
            for r in seen
            if not r.is_unmapped
            and r.reference_name == "chrT"
            and r.reference_start < high
            and r.reference_end > low
        }

    names = {r.query_name for r in kept}
    assert names == fragments_near(records(aligned[1]))
    assert 0 < len(names) == report.fragments_written < aligned[0].fragments_written
    assert_valid(bam)


def test_no_reads_left_after_trimming_gives_an_empty_bam(world, index):
    empty = write_fastq(world[0] / "none.fq.gz", [], packed=True)
    report, bam = align(world, index, "none", reads=(empty,))
    assert (report.reads, report.fragments_written, records(bam)) == (0, 0, [])


def test_umi_in_the_comment_becomes_a_tag_and_the_name_stays(world, index):
    fragment = GENOME["chrT"][20_000:20_200]
    reads = tuple(
        write_fastq(world[0] / f"u{i}.fq", [read("m1\tRX:Z:ACGT-GGCC", bases)])
        for i, bases in enumerate((fragment[:100], reverse_complement(fragment)[:100]))
    )
    _, bam = align(world, index, "umi", reads=reads)
    assert {(r.query_name, r.get_tag("RX")) for r in records(bam)} == {("m1", "ACGT-GGCC")}


def test_mates_far_apart_or_on_two_contigs_are_no_proper_pair(world, index):
    t, u = GENOME["chrT"], GENOME["chrU"]
    firsts = [read(name, t[20_000:20_100]) for name in ("far", "two", "same", "close")]
    others = (t[24_000:24_100], u[9_000:9_100], t[20_200:20_300], t[20_200:20_300])
    seconds = [read(one.name, reverse_complement(o)) for one, o in zip(firsts, others, strict=True)]
    seconds[2] = read("same", t[20_200:20_300])
    reads = (write_fastq(world[0] / "p1.fq", firsts), write_fastq(world[0] / "p2.fq", seconds))
    _, bam = align(world, index, "apart", reads=reads)
    proper = {r.query_name: r.is_proper_pair for r in records(bam)}
    assert proper == {"far": False, "two": False, "same": False, "close": True}
    assert_valid(bam)


@pytest.mark.parametrize("turned", [False, True])
def test_clips_lie_on_the_right_side_of_either_mate(world, index, turned):
    t, junk = GENOME["chrT"], random_bases(random.Random(31), 25)
    left, right = t[20_000:20_100] + junk, junk + reverse_complement(t[20_200:20_300])
    mates = [read("c", bases) for bases in ((right, left) if turned else (left, right))]
    reads = tuple(write_fastq(world[0] / f"c{i}.fq", [mate]) for i, mate in enumerate(mates))
    _, bam = align(world, index, "clips", reads=reads)
    seen = {r.is_read2: (r.pos, r.cigarstring, r.is_reverse, r.get_tag("NM")) for r in records(bam)}
    assert seen == {
        turned: (20_000, "100M25S", False, 0),
        not turned: (20_200, "100M25S", True, 0),
    }


def run_program(*command):
    done = subprocess.run(command, capture_output=True, check=True)
    return pysam_from_text(done.stdout.decode())


def pysam_from_text(text):
    lines = text.splitlines()
    header = pysam.AlignmentHeader.from_text(
        "\n".join(line for line in lines if line.startswith("@")) + "\n"
    )
    return [pysam.AlignedSegment.fromstring(x, header) for x in lines if not x.startswith("@")]


def primaries(seen):
    return {
        (r.query_name, r.is_read2): r for r in seen if not r.is_supplementary and not r.is_secondary
    }


def mate_fields(r):
    # Of mates that face away from each other samtools and minimap2 count the distance differently.
    length = r.template_length if r.is_proper_pair else None
    return r.flag, r.next_reference_name, r.next_reference_start, length


@pytest.mark.skipif(shutil.which("minimap2") is None, reason="minimap2 is not installed")
def test_agreement_with_the_minimap2_executable(world, aligned):
    _, fasta, reads = world
    theirs = run_program("minimap2", "-ax", "sr", "--MD", str(fasta), *map(str, reads))
    ours = primaries(records(aligned[1]))
    written = {name for name, _ in ours}
    mapped = {name for name, r in primaries(theirs).items() if name[0] in written}
    assert mapped == set(ours)
    compared = same_place = 0
    for key, their in primaries(theirs).items():
        if key not in ours or their.is_unmapped:
            continue
        our = ours[key]
        compared += 1
        if (our.reference_name, our.pos, our.cigarstring) != (
            their.reference_name,
            their.pos,
            their.cigarstring,
        ):
            continue
        same_place += 1
        assert our.get_tag("NM") == their.get_tag("NM")
        # Older releases leave out a last 0, which the specification asks for.
        assert our.get_tag("MD").removesuffix("0") == their.get_tag("MD").removesuffix("0")
    assert compared > 0.95 * len(ours)
    assert same_place >= 0.995 * compared
    differing = [
        key
        for key, their in primaries(theirs).items()
        if key in ours
        and ours[key].pos == their.pos
        and mate_fields(ours[key]) != mate_fields(their)
    ]
    assert len(differing) <= 0.002 * compared, differing
    supplementary = {
        (r.query_name, r.is_read2, r.pos, r.cigarstring) for r in theirs if r.is_supplementary
    }
    found = {
        (r.query_name, r.is_read2, r.pos, r.cigarstring)
        for r in records(aligned[1])
        if r.is_supplementary
    }
    assert len(found ^ supplementary) <= 0.1 * len(supplementary) + 2


@pytest.mark.skipif(shutil.which("bwa") is None, reason="bwa is not installed")
def test_bwa_records_are_kept_as_they_are(world):
    folder, fasta, reads = world
    built = build_index(fasta, "bwa", folder / "bwa index", rna=False)
    report, bam = align(world, built, "bwa")
    assert report.aligner == "bwa" and report.reads == 2 * PAIRS
    seen = records(bam)
    names = {r.query_name for r in seen}
    theirs = run_program("bwa", "mem", str(built.location), *map(str, reads))
    header_free = {
        (r.query_name, r.flag, r.reference_name, r.pos, r.cigarstring, r.get_tag("NM"))
        for r in theirs
        if r.query_name in names and not r.is_unmapped
    }
    ours = {
        (r.query_name, r.flag, r.reference_name, r.pos, r.cigarstring, r.get_tag("NM"))
        for r in seen
        if not r.is_unmapped
    }
    # fixmate takes the proper-pair flag from pairs that do not face each other.
    assert len(ours ^ header_free) <= 0.01 * len(ours)
    with pysam.AlignmentFile(str(bam), "rb") as file:
        header = file.header.to_dict()
    assert [line["ID"] for line in header["PG"]] == ["bwa"] and "CL" not in header["PG"][0]
    assert {r.get_tag("RG") for r in seen} == {"lane1"}
    _, again = align(world, built, "bwa2", threads=2)
    assert again.read_bytes() == bam.read_bytes()


def test_missing_program_is_the_users_to_install(world, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="bwa-mem2 is not installed"):
        build_index(world[1], "bwa-mem2", world[0] / "never", rna=False)
    assert not (world[0] / "never").exists()


def test_index_of_another_genome_is_refused(world):
    folder = world[0]
    other = write_fasta(folder / "other.fa", {"chrOther": GENOME["chrT"]})
    built = build_index(other, "minimap2", folder / "other", rna=False)
    with pytest.raises(UserError, match="contigs differ") as caught:
        align(world, built, "other")
    assert caught.value.problems[0].column == "aligner_index"
    assert not (folder / "out" / "other.bam").exists()


def test_file_that_is_no_index_is_refused(world):
    path = world[0] / "text.mmi"
    path.write_text("this is no index\n")
    with pytest.raises(UserError):
        align(world, users_index(path, "minimap2", "text.mmi"), "text")


@pytest.mark.parametrize("aligner", ["minimap2", "bwa", "bwa-mem2"])
def test_missing_index_is_told_before_anything_runs(tmp_path, aligner):
    with pytest.raises(UserError) as caught:
        users_index(tmp_path / "genome", aligner, "genome")
    assert caught.value.problems[0].value == "genome"


def test_bwa_takes_neither_rna_nor_the_bundled_locus(world):
    with pytest.raises(UserError, match="RNA"):
        build_index(world[1], "bwa", world[0] / "never", rna=True)
    with pytest.raises(UserError, match="splice junctions"):
        align(world, aligning.AlignerIndex("bwa", Path("x"), "x"), "never", rna=True)


def test_memory_grows_with_genome():
    small, large = (memory_mb("minimap2", n, rna=False, building=True) for n in (10**6, 3 * 10**9))
    assert small < 2000 < 10_000 < large


def spliced_genome():
    """A contig with a gene of four exons and canonical introns, and its mRNA."""
    rng = random.Random(5)
    exons = [random_bases(rng, length) for length in (300, 150, 200, 400)]
    introns = ["GT" + random_bases(rng, 800) + "AG" for _ in exons[1:]]
    body = exons[0] + "".join(i + e for i, e in zip(introns, exons[1:], strict=True))
    return random_bases(rng, 5000) + body + random_bases(rng, 43_000), "".join(exons)


def test_spliced_reads_jump_their_introns(tmp_path):
    genome, mrna = spliced_genome()
    rng = random.Random(6)
    fasta = write_fasta(tmp_path / "g.fa", {"chrT": genome[:50_000]})
    firsts, seconds = [], []
    for number in range(300):
        start = rng.randrange(len(mrna) - 260)
        fragment = mrna[start : start + 260]
        if number % 2:
            fragment = reverse_complement(fragment)
        firsts.append(read(f"r{number}", sequenced(rng, fragment[:100])))
        seconds.append(read(f"r{number}", sequenced(rng, reverse_complement(fragment)[:100])))
    reads = (write_fastq(tmp_path / "1.fq", firsts), write_fastq(tmp_path / "2.fq", seconds))
    built = build_index(fasta, "minimap2", tmp_path / "index", rna=True)
    bam = tmp_path / "rna.bam"
    report = align_unit(
        AlignOptions(
            reads, GROUP, placed(tmp_path), built, (Contig("chrT", 50_000),), True, bam,
            tmp_path / "scratch",
        )
    )  # fmt: skip
    assert report.aligner == "minimap2 splice:sr"
    seen = records(bam)
    assert len({(r.query_name, r.is_read2) for r in seen}) == 600, "each mate keeps its number"
    spliced = [r for r in seen if "N" in (r.cigarstring or "")]
    assert len(spliced) > 150
    starts = {5300, 5300 + 804 + 150, 5300 + 2 * 804 + 350}
    jumps = set()
    for r in spliced:
        at = r.reference_start
        for operation, length in r.cigartuples:
            if operation == 3:
                jumps.add((at, length))
            at += length if operation in (0, 2, 3) else 0
    right = {(start, 804) for start in starts}
    assert right <= jumps
    assert sum(r.is_proper_pair for r in seen) > 0.95 * len(seen)
    for r in spliced:
        aligned_bases = r.get_reference_sequence().upper()
        positions = r.get_reference_positions()
        if "I" not in r.cigarstring and "D" not in r.cigarstring:
            assert aligned_bases == "".join(genome[p] for p in positions), "MD skips the intron"
    if shutil.which("minimap2") is not None:
        theirs = primaries(run_program("minimap2", "-ax", "splice", str(fasta), str(reads[0])))
        ours = {key: r for key, r in primaries(seen).items() if not key[1]}
        both = [k for k, r in theirs.items() if not r.is_unmapped and k in ours]
        same = [k for k in both if abs(theirs[k].pos - ours[k].pos) <= 10]
        assert len(same) >= 0.95 * len(both) > 200


# --- the bundled locus -------------------------------------------------------------------------


def locus_with_introns(seed):
    """UBA1's window on GRCh38 with introns drawn from a seed, and the offset of its first base."""
    gene = load_locus().placed("GRCh38")
    rng = random.Random(seed)
    bases = gene.reference_bases()
    return gene, "".join(rng.choice("ACGT") if base == "N" else base for base in bases)


def haplotype(gene, bases, changes):
    altered = list(bases)
    for position, base in changes.items():
        altered[position - gene.window[0]] = base
    return "".join(altered)


def align_bundled(tmp_path, gene, pairs, *, rna=False):
    reads = tuple(
        write_fastq(tmp_path / f"{i}.fq", [pair[i] for pair in pairs]) for i in range(len(pairs[0]))
    )
    bam = tmp_path / "bundled.bam"
    scratch = tmp_path / "scratch"
    report = align_unit(AlignOptions(reads, GROUP, gene, None, (), rna, bam, scratch))
    assert report.bundled_locus
    return records(bam), bam


def codon_of(record, codon):
    """The bases aligned to the codon, or None if it is not aligned as a whole."""
    at = {position: base for base, position in record.get_aligned_pairs(matches_only=True)}
    if not set(codon) <= set(at):
        return None
    return "".join(record.query_sequence[at[position]] for position in codon)


@pytest.mark.parametrize("length", [75, 150])
def test_bundled_locus_keeps_variants_as_well_as_the_reference(tmp_path, length):
    gene, bases = locus_with_introns(11)
    codon, start = gene.codon_positions, gene.window[0]
    changes = {
        "ATG": {},
        "ACG": {codon[1]: "C"},
        "GTG": {codon[0]: "G"},
        "TTG": {codon[0] - 2: "C", codon[0]: "T"},
    }
    rng = random.Random(12)
    places = [codon[0] - rng.randint(0, length - 3) for _ in range(250)]
    pairs = []
    for name, change in changes.items():
        carrier = haplotype(gene, bases, change)
        for number, place in enumerate(places):
            fragment = carrier[place - start : place - start + length]
            strand = reverse_complement(fragment) if number % 2 else fragment
            pairs.append((read(f"{name}_{number}", strand),))
    seen, bam = align_bundled(tmp_path, gene, pairs)
    kept = dict.fromkeys(changes, 0)
    for record in seen:
        found = codon_of(record, codon)
        if found is not None:
            name, number = record.query_name.split("_")
            # A change within the last bases of a read is clipped by any aligner.
            assert found == name or places[int(number)] > codon[0] - 6
            kept[name] += found == name
    assert kept["ATG"] >= (0.65 if length == 75 else 0.8) * len(places)
    for single in ("ACG", "GTG"):
        assert kept[single] >= 0.97 * kept["ATG"], kept
    assert kept["TTG"] >= 0.88 * kept["ATG"], kept
    with pysam.AlignmentFile(str(bam), "rb") as file:
        assert file.header.to_dict()["SQ"] == [{"SN": "chrX", "LN": 156_040_895}]


def test_bundled_locus_places_the_acceptor_deletion(tmp_path):
    gene, bases = locus_with_introns(13)
    exon_start = gene.codon_positions[0] - 3
    first = exon_start - 9 - gene.window[0]
    carrier = bases[:first] + bases[first + 8 :]
    # The intron is unknown: only a read that reaches 12 bases into both exons shows the deletion.
    pairs = [(read(f"r{i}", carrier[first - i : first - i + 150]),) for i in range(132, 138)]
    seen, _ = align_bundled(tmp_path, gene, pairs)
    assert [r.cigarstring for r in seen if "8D" in r.cigarstring] == [
        f"{i}M8D{150 - i}M" for i in range(137, 131, -1)
    ]


def test_bundled_locus_leaves_foreign_reads_unaligned(tmp_path):
    rng = random.Random(14)
    pairs = [(read(f"r{i}", random_bases(rng, 150)),) for i in range(2000)]
    gene = load_locus().placed("GRCh38")
    seen, _ = align_bundled(tmp_path, gene, pairs)
    assert seen == []


def test_bundled_locus_takes_rna_across_its_unknown_introns(tmp_path):
    gene = load_locus().placed("GRCh38")
    codon = gene.codon_positions
    in_mrna = gene.transcript_positions.index(codon[0])
    mrna = gene.transcript_bases.replace("N", "A")
    pairs = []
    for name, offset in (("ATG", None), ("GTG", 0), ("ACG", 1), ("ATA", 2)):
        carrier = list(mrna)
        if offset is not None:
            carrier[in_mrna + offset] = name[offset]
        for number, start in enumerate(range(in_mrna - 72, in_mrna + 1)):
            fragment = "".join(carrier)[start : start + 220]
            mates = fragment[:75], reverse_complement(fragment)[:75]
            pairs.append(tuple(read(f"{name}_{number}", mate) for mate in mates))
    seen, bam = align_bundled(tmp_path, gene, pairs, rna=True)
    assert all(record.is_proper_pair for record in seen)
    ordered = str(tmp_path / "ordered.bam")
    pysam.sort("-o", ordered, str(bam))
    pysam.index(ordered)
    window = np.arange(*gene.window)
    reads = read_window(Path(ordered), "chrX", window, umi_tags=(), keep_duplicates=True)
    known = from_reads(gene.window[0], gene.reference_bases(), {}, ())
    found, _ = realign(reads, gene, known, (), spliced=True)
    kept = dict.fromkeys(("ATG", "GTG", "ACG", "ATA"), 0)
    places = Places(found)
    for number in np.flatnonzero(found.number == 1):
        bases = np.arange(*found.first_base[number : number + 2])
        at = dict(zip(places.positions(bases).tolist(), found.code[bases], strict=True))
        if at.keys() >= set(codon):
            kept["".join("ACGT"[at[position]] for position in codon)] += 1
    assert kept["ATG"] == 73, "all of them, however few bases lie beyond the junction"
    assert min(kept.values()) == 73, "and all that carry a variant"


# --- records from hits -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bases", "cigar", "reference", "expected"),
    [
        ("ACGT", ((4, 0),), "ACGT", (0, "4")),
        ("TCGA", ((4, 0),), "ACGT", (2, "0A2T0")),
        ("ACGT", ((2, 0), (3, 2), (2, 0)), "ACTTTGT", (3, "2^TTT2")),
        ("ACGT", ((1, 0), (2, 1), (1, 0)), "AT", (2, "2")),
        ("ACGT", ((2, 0), (2, 2), (2, 0)), "ACTTAT", (3, "2^TT0A1")),
        ("ACGT", ((2, 0), (90, 3), (2, 0)), "AC" + "N" * 90 + "GT", (0, "4")),
        ("ACGT", ((4, 0),), "ACNT", (1, "2N1")),
        ("ACNT", ((4, 0),), "ACNT", (1, "2N1")),
    ],
)
def test_differences_by_hand(bases, cigar, reference, expected):
    assert sam.differences(bases, cigar, reference) == expected


def test_unaligned_mate_lies_at_its_mates_place():
    hit = sam.Hit("chrT", 100, 104, True, 60, ((4, 0),), 0, 0)
    reads = [
        sam.Read("n", "TTTT", "ABCD", (), ()),
        sam.Read("n", "ACGG", "ABCD", (), (hit,)),
    ]
    lines = sam.sam_lines(
        reads, read_group="g", is_proper=lambda a, b: True, reference=lambda *_: "CCGT"
    )
    fields = [line.split("\t") for line in lines]
    assert [f[1] for f in fields] == [str(0x1 | 0x4 | 0x40 | 0x20), str(0x1 | 0x8 | 0x10 | 0x80)]
    assert [f[2:9] for f in fields] == [
        ["chrT", "101", "0", "*", "=", "101", "0"],
        ["chrT", "101", "60", "4M", "=", "101", "0"],
    ]
    assert [f[9:11] for f in fields] == [["TTTT", "ABCD"], ["CCGT", "DCBA"]]
