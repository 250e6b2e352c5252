"""What simulated reads must be, seen through pysam and gzip alone."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

from builders.simulated import clone, genome_of, sample_of, spec_with
from vexas_uba1.errors import UserError
from vexas_uba1.simulate.run import simulate
from vexas_uba1.simulate.spec import GenomeSpec

CODON38 = (47199050, 47199051, 47199052)  # c.121 to c.123, 0-based
SHIFT = 140601  # GRCh38 - GRCh37
COMPLEMENT = str.maketrans("ACGT", "TGCA")
TRUE_BASES = {"errors__by_quality": False}


def records(path, **options):
    with pysam.AlignmentFile(str(path), **options) as handle:
        return list(handle)


def molecule_of(read):
    return read.query_name.split(":")[3]


def bases_by_molecule(path, positions):
    """Return {molecule: {position: set of bases}} from each read's CIGAR; '-' if deleted."""
    found = defaultdict(lambda: defaultdict(set))
    for read in records(path):
        for at, position in read.get_aligned_pairs():
            if position in positions:
                base = "-" if at is None else read.query_sequence[at]
                found[molecule_of(read)][position].add(base)
    return found


def codons(path, positions=CODON38):
    """Count molecules by codon; those whose reads disagree or miss a base are left out."""
    counts = Counter()
    for seen in bases_by_molecule(path, positions).values():
        if all(len(seen[position]) == 1 for position in positions):
            counts["".join(min(seen[position]) for position in positions)] += 1
    return counts


def fastq(path):
    lines = gzip.decompress(path.read_bytes()).decode("ascii").splitlines()
    assert len(lines) % 4 == 0
    return [(lines[i].split()[0][1:], lines[i + 1], lines[i + 3]) for i in range(0, len(lines), 4)]


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


RUN_IN_CHILD = """
import sys
from pathlib import Path
from builders.simulated import clone, sample_of
sample_of(
    Path(sys.argv[1]),
    clones=[clone(.2, "c.122T>C"), clone(.1, "c.118-9_118-2del")],
    seed=int(sys.argv[2]),
    depth_fragments=40,
    formats=["fastq", "bam", "cram"],
    library__lanes=2,
    library__umi={"length": 6},
    library__copies_mean=1.5,
    errors__artefacts=[{"context": "A[T]T", "alt": "G", "rate": 0.1}],
)
"""


def test_same_seed_gives_same_bytes_in_any_process_and_folder(tmp_path):
    tests = Path(__file__).parents[1]
    for folder, seed, hash_seed in (("a", 5, "1"), ("another-folder", 5, "2"), ("c", 6, "1")):
        paths = os.pathsep.join([str(tests), str(tests.parent / "scripts")])
        subprocess.run(
            [sys.executable, "-c", RUN_IN_CHILD, str(tmp_path / folder), str(seed)],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": paths},
        )
    first, second, other = (digests(tmp_path / name) for name in ("a", "another-folder", "c"))
    assert first == second
    assert {"SIMULATED.bam", "SIMULATED.bam.bai", "SIMULATED.cram", "SIMULATED.cram.crai"} <= set(
        first
    )
    assert len([name for name in first if name.endswith(".fastq.gz")]) == 4
    same = {name for name in first if first[name] == other[name]}
    assert same == {name for name in first if name.startswith("synthetic_GRCh38.fa.gz")}
    for path in (tmp_path / "a").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()
    for path in (tmp_path / "a").glob("*.gz"):
        assert path.read_bytes()[4:8] == bytes(4), f"{path.name} holds a time"


@pytest.mark.parametrize(
    "library",
    [
        {},
        {"library__paired": False},
        {"library__insert_mean": 320, "library__read_length": 75},  # mates with a gap between
        {"library__copies_mean": 2, "library__umi": {"length": 6, "duplex": True}},
    ],
)
def test_truth_equals_a_naive_count(tmp_path, library):
    clones = [
        clone(0.3, "c.122T>C"),
        clone(0.2, "c.121A>G", "c.123G>C"),
        clone(0.1, "c.[119G>C;121A>T]"),
    ]
    sample = sample_of(tmp_path, clones=clones, **TRUE_BASES, **library)
    truth = sample.truth["codon"]
    assert truth["haplotypes"] == dict(codons(sample.bam))
    assert truth["depth_molecules"] == sum(truth["haplotypes"].values())
    assert set(truth["haplotypes"]) == {"ATG", "ACG", "GTC", "TTG"}
    assert sample.truth["molecules"] == len({molecule_of(read) for read in records(sample.bam)})
    for position, alt, name in ((CODON38[1], "C", "c.122T>C"), (CODON38[0], "G", "c.121A>G")):
        seen = bases_by_molecule(sample.bam, {position})
        allele = next(a for a in sample.truth["alleles"] if a["hgvs_c"] == name)
        assert allele["depth_molecules"] == len(seen)
        assert allele["alt_molecules"] == sum(bases == {position: {alt}} for bases in seen.values())


def test_the_number_of_mutant_molecules_is_drawn_unless_exact(tmp_path):
    amplicon = {"regions": ["c.118-60_176+40"], "library__ends": "fixed", "depth_fragments": 1000}
    drawn = []
    for seed in range(4):
        clones = [clone(0.3, "c.122T>C")]
        sample = sample_of(tmp_path / str(seed), clones=clones, seed=seed, **amplicon)
        assert sample.truth["codon"]["depth_molecules"] == 1000
        drawn.append(sample.truth["alleles"][0]["alt_molecules"])
    assert len(set(drawn)) > 1
    assert all(abs(count - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5 for count in drawn)
    clones = [clone(0.0305, "c.121A>G"), clone(0.25, "c.122T>C"), clone(0.1, "c.118-9_118-2del")]
    sample = sample_of(tmp_path / "exact", clones=clones, exact=True, **amplicon)
    assert [a["alt_molecules"] for a in sample.truth["alleles"]] == [31, 250, 100]


def test_exact_counts_hold_with_random_ends_and_unequal_sites(tmp_path):
    clones = [clone(0.03, "c.121A>G"), clone(0.3, "c.1861A>T"), clone(0.2, "c.118-9_118-2del")]
    sample = sample_of(tmp_path, clones=clones, exact=True, regions=["exon 3", "exon 16"])
    for allele in sample.truth["alleles"]:
        wanted = int(allele["vaf"] * allele["depth_molecules"] + 0.5)
        assert abs(allele["alt_molecules"] - wanted) <= (1 if "del" in allele["hgvs_c"] else 0)


def test_alleles_in_cis_share_molecules_and_in_trans_do_not(tmp_path):
    cis = sample_of(tmp_path / "cis", clones=[clone(0.4, "c.121A>G", "c.122T>C")], **TRUE_BASES)
    trans = sample_of(
        tmp_path / "trans", clones=[clone(0.4, "c.121A>G"), clone(0.4, "c.122T>C")], **TRUE_BASES
    )
    assert set(codons(cis.bam)) == {"ATG", "GCG"}
    assert set(codons(trans.bam)) == {"ATG", "GTG", "ACG"}


def test_a_deletion_is_aligned_as_it_is(tmp_path):
    clones = [clone(0.5, "c.118-9_118-2del")]
    sample = sample_of(tmp_path, clones=clones, **TRUE_BASES)
    genome = genome_of(GenomeSpec())
    deleted = [read for read in records(sample.bam) if "D" in read.cigarstring]
    assert {n for read in deleted for op, n in read.cigartuples if op == 2} == {8}
    starts = {read.reference_start + read.cigartuples[0][1] for read in deleted}
    assert len(starts) == 1
    start = starts.pop()
    named = 47199038  # c.118-9, 0-based; left of it only where the bases repeat
    bases = genome.sequence.slice(0, 47200000)
    assert bases[:start] + bases[start + 8 :] == bases[:named] + bases[named + 8 :]
    flanks = {start - 1, start + 8}
    seen = {
        m: s
        for m, s in bases_by_molecule(sample.bam, {start - 1, start, start + 8}).items()
        if flanks <= set(s)
    }
    allele = sample.truth["alleles"][0]
    assert allele["hgvs_c"] == "c.118-9_118-2del"
    assert allele["alt_molecules"] == sum(bases[start] == {"-"} for bases in seen.values()) > 0
    assert allele["depth_molecules"] == len(seen)


def test_insertions_are_i_inside_a_read_and_s_at_its_end(tmp_path):
    clones = [clone(1.0, "c.130_131insCATCATCAT")]
    sample = sample_of(tmp_path, clones=clones, depth_fragments=600, **TRUE_BASES)
    reads = records(sample.bam)
    inserted = [read for read in reads if read.cigartuples and (1, 9) in read.cigartuples]
    clipped = [read for read in reads if "S" in read.cigarstring]
    assert inserted and clipped
    assert all(n <= 9 for read in clipped for op, n in read.cigartuples if op == 4)
    assert not any("I" in read.cigarstring for read in clipped)
    for read in inserted:
        at = read.cigartuples[0][1]
        assert sorted(read.query_sequence[at : at + 9]) == sorted("CATCATCAT")


@pytest.mark.parametrize("molecule", ["dna", "rna"])
def test_md_and_nm_agree_with_the_fasta(tmp_path, molecule):
    clones = [clone(0.3, "c.122T>C", "c.130_131insCAT"), clone(0.3, "c.140_143del")]
    sample = sample_of(tmp_path, clones=clones, qualities__first=20, library__molecule=molecule)
    kinds = Counter()
    with pysam.FastaFile(str(sample.fasta)) as fasta:
        for read in records(sample.bam):
            distance = sum(n for op, n in read.cigartuples if op in (1, 2))
            for at, position, base in read.get_aligned_pairs(with_seq=True):
                if position is None or base is None:  # inserted, or an intron
                    continue
                assert base.upper() == fasta.fetch("chrX", position, position + 1)
                if at is not None:
                    distance += base.islower()
                    assert base.islower() == (base.upper() != read.query_sequence[at])
            assert read.get_tag("NM") == distance
            kinds.update(set(read.cigarstring) - set("0123456789"))
    assert {"M", "I", "D"} <= set(kinds)


def test_md_and_nm_are_those_of_samtools_calmd(tmp_path):
    clones = [clone(0.4, "c.122T>C", "c.130_131insCAT"), clone(0.3, "c.118-9_118-2del")]
    sample = sample_of(tmp_path, clones=clones, qualities__first=15)
    redone = tmp_path / "calmd.bam"
    stripped = tmp_path / "stripped.bam"
    with (
        pysam.AlignmentFile(str(sample.bam)) as old,
        pysam.AlignmentFile(str(stripped), "wb", header=old.header) as new,
    ):
        for read in old:
            read.set_tag("MD", None)
            read.set_tag("NM", None)
            new.write(read)
    content = subprocess.run(
        [
            sys.executable,
            "-c",
            "import pysam, sys; pysam.calmd('-b', *sys.argv[1:], catch_stdout=False)",
            str(stripped),
            str(sample.fasta),
        ],
        check=True,
        capture_output=True,
    ).stdout
    redone.write_bytes(content)
    told = [(r.get_tag("MD"), r.get_tag("NM")) for r in records(redone)]
    assert told == [(r.get_tag("MD"), r.get_tag("NM")) for r in records(sample.bam)]
    assert len(told) > 300


def test_mates_face_each_other_over_one_molecule(tmp_path):
    sample = sample_of(tmp_path, **TRUE_BASES)
    pairs = defaultdict(list)
    for read in records(sample.bam):
        pairs[read.query_name].append(read)
    overlapping = forward_first = 0
    for first, second in pairs.values():
        assert first.is_proper_pair and second.is_proper_pair
        assert {first.is_read1, second.is_read1} == {True, False}
        forward, reverse = (first, second) if second.is_reverse else (second, first)
        assert not forward.is_reverse and reverse.is_reverse
        assert forward.mate_is_reverse and not reverse.mate_is_reverse
        assert forward.next_reference_start == reverse.reference_start
        assert reverse.next_reference_start == forward.reference_start
        assert forward.reference_start <= reverse.reference_start
        length = reverse.reference_end - forward.reference_start
        assert (forward.template_length, reverse.template_length) == (length, -length)
        assert 50 <= length <= 290  # mean 170, four standard deviations of 30
        overlap = forward.reference_end - reverse.reference_start
        if overlap > 0:
            overlapping += 1
            assert forward.query_sequence[-overlap:] == reverse.query_sequence[:overlap]
        forward_first += forward.is_read1
    assert overlapping > 0.5 * len(pairs)
    assert abs(forward_first - len(pairs) / 2) < 5 * (len(pairs) / 4) ** 0.5


@pytest.mark.parametrize(("quality", "rate"), [(10, 0.1), (20, 0.01), (30, 0.001)])
def test_bases_are_wrong_as_often_as_their_quality_says(tmp_path, quality, rate):
    sample = sample_of(
        tmp_path,
        qualities__first=quality,
        qualities__last=quality,
        qualities__sd=0,
        depth_fragments=600,
    )
    reads = records(sample.bam)
    bases = sum(len(read.query_sequence) for read in reads)
    wrong = sum(read.get_tag("NM") for read in reads)
    assert {q for read in reads for q in read.query_qualities} == {quality}
    assert abs(wrong - bases * rate) < 5 * (bases * rate) ** 0.5


def test_wrong_bases_are_spread_over_the_three_others(tmp_path):
    sample = sample_of(tmp_path, qualities__first=10, qualities__last=10, qualities__sd=0)
    changes = Counter(
        (base.upper(), read.query_sequence[at])
        for read in records(sample.bam)
        for at, _, base in read.get_aligned_pairs(with_seq=True)
        if base.islower()
    )
    assert len(changes) == 12
    for base in "ACGT":
        counts = [count for (old, _), count in changes.items() if old == base]
        assert max(counts) < 1.4 * min(counts)


def test_qualities_fall_along_the_read_and_keep_to_levels(tmp_path):
    sample = sample_of(tmp_path, qualities__first=38, qualities__last=20)
    cycles = [read.get_forward_qualities() for read in records(sample.bam)]
    full = np.array([list(read) for read in cycles if len(read) == 100])
    means = full.mean(axis=0)
    assert abs(means[0] - 38) < 0.5 and abs(means[-1] - 20) < 0.5 and abs(means[50] - 29) < 0.6
    levels = sample_of(tmp_path / "levels", qualities__levels=[12, 23, 37])
    assert {q for read in records(levels.bam) for q in read.query_qualities} <= {12, 23, 37}


def test_an_artefact_of_one_strand_stays_on_it(tmp_path):
    artefact = {"context": "A[T]T", "alt": "G", "rate": 0.2, "strand": "reverse", "quality": 11}
    sample = sample_of(tmp_path, errors__artefacts=[artefact], depth_fragments=500, **TRUE_BASES)
    at_codon = Counter()
    for read in records(sample.bam):
        for at, position, base in read.get_aligned_pairs(with_seq=True):
            if position == CODON38[0]:
                at_codon[read.is_reverse, read.query_sequence[at]] += 1
            if base.islower():
                # On the reverse strand T>G at A[T]T is A>C at A[A]T of the forward strand.
                assert read.is_reverse
                assert (base.upper(), read.query_sequence[at]) == ("A", "C")
                assert genome_of(GenomeSpec()).sequence.slice(position - 1, position + 2) == "AAT"
                assert read.query_qualities[at] == 11
    assert set(at_codon) == {(False, "A"), (True, "A"), (True, "C")}
    reverse = at_codon[True, "A"] + at_codon[True, "C"]
    assert abs(at_codon[True, "C"] - 0.2 * reverse) < 5 * (reverse * 0.16) ** 0.5


def test_damage_of_a_molecule_is_shared_by_mates_and_copies(tmp_path):
    artefact = {"context": "N[C]N", "alt": "T", "rate": 0.03, "level": "molecule"}
    sample = sample_of(tmp_path, errors__artefacts=[artefact], library__copies_mean=2, **TRUE_BASES)
    changes = Counter()
    by_molecule = defaultdict(set)
    for read in records(sample.bam):
        first_is_reverse = read.is_reverse if read.is_read1 else not read.is_reverse
        for at, position, base in read.get_aligned_pairs(with_seq=True):
            by_molecule[molecule_of(read), position].add(read.query_sequence[at])
            if base.islower():
                changes[first_is_reverse, base.upper(), read.query_sequence[at]] += 1
    assert all(len(bases) == 1 for bases in by_molecule.values())
    assert set(changes) == {(False, "C", "T"), (True, "G", "A")}


def test_copies_share_ends_and_umi_and_can_be_flagged(tmp_path):
    sample = sample_of(
        tmp_path,
        library__copies_mean=3,
        library__umi={"length": 8},
        library__flag_duplicates=True,
        **TRUE_BASES,
    )
    ends, umis, flags = defaultdict(set), defaultdict(set), defaultdict(list)
    for read in records(sample.bam):
        ends[molecule_of(read)].add(
            (min(read.reference_start, read.next_reference_start), abs(read.template_length))
        )
        umis[molecule_of(read)].add(read.get_tag("RX"))
        if read.is_read1:
            flags[molecule_of(read)].append(read.is_duplicate)
    assert all(len(found) == 1 for found in (*ends.values(), *umis.values()))
    assert all(found.count(False) == 1 for found in flags.values())
    copies = [len(found) for found in flags.values()]
    assert 2.7 < sum(copies) / len(copies) < 3.3
    assert {len(umi) for found in umis.values() for umi in found} == {8}
    assert len({umi for found in umis.values() for umi in found}) > 0.95 * len(umis)


def test_umis_stand_in_front_of_fastq_reads_and_in_rx(tmp_path):
    sample = sample_of(
        tmp_path,
        formats=["fastq", "bam"],
        library__umi={"length": 5, "duplex": True},
        library__copies_mean=1.5,
    )
    (files,) = sample.fastq
    first, second = ({name: seq for name, seq, _ in fastq(path)} for path in (files.fq1, files.fq2))
    strands = defaultdict(dict)
    for read in records(sample.bam):
        own, other = read.get_tag("RX").split("-")
        assert (own, other) == (first[read.query_name][:5], second[read.query_name][:5])
        bases = read.get_forward_sequence()
        whole = (first if read.is_read1 else second)[read.query_name]
        assert len(whole) == 105
        assert whole[5 : 5 + len(bases)] == bases
        strands[molecule_of(read)][read.is_read1 != read.is_reverse] = (own, other)
    both = [found for found in strands.values() if len(found) == 2]
    assert len(both) == len(strands)
    assert sum(found[True] == found[False][::-1] for found in both) > 0.95 * len(both)


def test_reads_through_a_short_molecule_meet_the_other_umi_first(tmp_path):
    sample = sample_of(
        tmp_path,
        formats=["fastq", "bam"],
        library__insert_mean=60,
        library__insert_sd=0,
        library__umi={"length": 5, "duplex": True},
        **TRUE_BASES,
    )
    umis = {read.query_name: read.get_tag("RX").split("-") for read in records(sample.bam)}
    (files,) = sample.fastq
    for path, other in ((files.fq1, 1), (files.fq2, 0)):
        for name, bases, _ in fastq(path):
            assert bases[65:70] == umis[name][other].translate(COMPLEMENT)[::-1]
            assert bases[70:83] == "AGATCGGAAGAGC"
    assert len(umis) > 200


def test_fastq_pairs_are_in_step_and_short_molecules_show_the_adapter(tmp_path):
    sample = sample_of(
        tmp_path,
        formats=["fastq"],
        library__lanes=2,
        library__insert_mean=80,
        library__insert_sd=20,
        **TRUE_BASES,
    )
    assert [files.lane for files in sample.fastq] == ["L001", "L002"]
    names = []
    for files in sample.fastq:
        first, second = fastq(files.fq1), fastq(files.fq2)
        assert [name for name, _, _ in first] == [name for name, _, _ in second]
        names += [name for name, _, _ in first]
        through = 0
        for (_, one, quality), (_, two, _) in zip(first, second, strict=True):
            assert len(one) == len(two) == len(quality) == 100
            insert = one.find("AGATCGGAAGAGC")
            if 0 < insert < 87:
                through += 1
                assert two[:insert] == one[:insert].translate(COMPLEMENT)[::-1]
                assert two[insert : insert + 13] == "AGATCGGAAGAGC"
            if 0 < insert < 60:
                assert one[insert + 33 :] == "G" * (100 - 33 - insert)
        assert through > 0.5 * len(first)
    assert len(set(names)) == len(names) == sample.truth["molecules"]
    assert all(name.startswith("SYNTHETIC:") for name in names)


def test_single_reads_start_at_either_end(tmp_path):
    sample = sample_of(tmp_path, formats=["fastq", "bam"], library__paired=False)
    reads = records(sample.bam)
    assert not any(read.is_paired for read in reads)
    assert 0.4 < sum(read.is_reverse for read in reads) / len(reads) < 0.6
    assert sample.fastq[0].fq2 is None


def test_grch37_is_grch38_moved(tmp_path):
    new = sample_of(tmp_path / "38", clones=[clone(0.5, "c.122T>C")])
    old = sample_of(
        tmp_path / "37", clones=[clone(0.5, "c.122T>C")], genome__build="GRCh37", genome__contig="X"
    )
    with pysam.AlignmentFile(str(old.bam)) as handle:
        assert (handle.references, handle.lengths) == (("X",), (155270560,))
    with pysam.AlignmentFile(str(new.bam)) as handle:
        assert (handle.references, handle.lengths) == (("chrX",), (156040895,))
    moved = [(r.query_name, r.reference_start + SHIFT, r.query_sequence) for r in records(old.bam)]
    assert moved == [(r.query_name, r.reference_start, r.query_sequence) for r in records(new.bam)]
    assert codons(old.bam, tuple(p - SHIFT for p in CODON38)) == codons(new.bam)


def test_a_cram_holds_what_the_bam_holds_and_no_path(tmp_path):
    sample = sample_of(tmp_path, formats=["bam", "cram"], clones=[clone(0.5, "c.118-9_118-2del")])

    def plain(path, **options):
        return [
            (line[:11], sorted(line[11:]))
            for line in (r.to_string().split("\t") for r in records(path, **options))
        ]

    assert plain(sample.cram, reference_filename=str(sample.fasta)) == plain(sample.bam)
    with pysam.AlignmentFile(str(sample.cram), reference_filename=str(sample.fasta)) as handle:
        header = str(handle.header)
        found = sum(1 for _ in handle.fetch("chrX", CODON38[0], CODON38[2]))
    with pysam.AlignmentFile(str(sample.bam)) as handle:
        assert header == str(handle.header)
        assert found == sum(1 for _ in handle.fetch("chrX", CODON38[0], CODON38[2])) > 0
    assert "UR:" not in header and "@PG" not in header


def test_the_header_states_the_checksum_of_the_fasta(tmp_path):
    sample = sample_of(tmp_path)
    with pysam.AlignmentFile(str(sample.bam)) as handle:
        contig = handle.header.to_dict()["SQ"][0]
        assert handle.header.to_dict()["HD"]["SO"] == "coordinate"
        assert {group["SM"] for group in handle.header.to_dict()["RG"]} == {"SIMULATED"}
        assert "synthetic" in str(handle.header)
    with pysam.FastaFile(str(sample.fasta)) as fasta:
        bases = fasta.fetch("chrX")
    assert hashlib.md5(bases.encode("ascii"), usedforsecurity=False).hexdigest() == contig["M5"]
    assert len(bases) == contig["LN"]
    assert bases[47199045:47199056] == "AG" + "GGAATGGCC"  # acceptor, then c.118 on


def test_rna_reads_are_spliced_at_the_exons_borders(tmp_path):
    sample = sample_of(
        tmp_path,
        library__molecule="rna",
        clones=[clone(0.4, "c.122T>C")],
        regions=["coding"],
        depth_fragments=60,
        **TRUE_BASES,
    )
    genome = genome_of(GenomeSpec())
    exons = [interval for _, interval in genome.placed.exon_intervals]
    introns = {(one[1], two[0]) for one, two in pairwise(exons)}
    found = set()
    for read in records(sample.bam):
        at = read.reference_start
        for operation, length in read.cigartuples:
            if operation == 3:
                found.add((at, at + length))
            at += length
        assert read.get_tag("NM") <= 1
    assert found == introns
    assert sample.truth["codon"]["haplotypes"] == dict(codons(sample.bam))
    assert sample.truth["codon"]["haplotypes"]["ACG"] > 0
    with pytest.raises(UserError, match="introns"):
        sample_of(tmp_path / "no", library__molecule="rna", clones=[clone(0.4, "c.118-1G>C")])


def test_an_amplicon_has_fixed_ends(tmp_path):
    sample = sample_of(
        tmp_path,
        regions=["c.118-60_176+40"],
        library__ends="fixed",
        depth_fragments=50,
        clones=[clone(0.5, "c.118-9_118-2del")],
        **TRUE_BASES,
    )
    reads = records(sample.bam)
    assert {r.reference_start for r in reads if not r.is_reverse} == {47199047 - 60}
    assert {r.reference_end for r in reads if r.is_reverse} == {47199106 + 40}
    assert len(reads) == 100


@pytest.mark.parametrize("paired", [True, False])
def test_depth_is_what_was_asked_for_over_the_whole_region(tmp_path, paired):
    sample = sample_of(
        tmp_path,
        regions=["exon 2", "exon 3", "exon 4"],
        depth_fragments=400,
        library__paired=paired,
        **TRUE_BASES,
    )
    wanted = range(47199048, 47199106, 19)
    depths = [len(bases_by_molecule(sample.bam, {position})) for position in wanted]
    assert all(abs(depth - 400) < 5 * 400**0.5 for depth in depths)


def test_no_depth_gives_a_bam_without_reads(tmp_path):
    sample = sample_of(tmp_path, depth_fragments=0, formats=["bam", "cram", "fastq"])
    assert records(sample.bam) == []
    assert records(sample.cram, reference_filename=str(sample.fasta)) == []
    assert sample.truth["codon"] == {"depth_molecules": 0, "haplotypes": {"ATG": 0}}
    assert fastq(sample.fastq[0].fq1) == []


def test_alleles_that_cannot_be_are_refused(tmp_path):
    wrong = [["c.122A>C"], ["nonsense"], ["c.121A>G", "c.121A>C"], ["c.9999A>G"]]
    for alleles in wrong:
        with pytest.raises(UserError, match="clone 1"):
            simulate(spec_with(clones=[clone(0.1, *alleles)]), tmp_path)
    assert list(tmp_path.iterdir()) == []
