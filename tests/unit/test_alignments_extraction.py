from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

import vexas_uba1
from builders.sam import (
    DUPLICATE,
    QC_FAILED,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    SamBuilder,
    md5_of,
    write_fasta,
)
from builders.small_gene import (
    CODON,
    CONTIG,
    LENGTH,
    OTHER_LENGTH,
    WINDOW,
    listing,
    random_bases,
    small_genome,
    small_locus,
    small_reads,
    small_sequence,
)
from vexas_uba1.alignments.extraction import Extraction, extract_region
from vexas_uba1.alignments.fasta import open_genome
from vexas_uba1.errors import UserError
from vexas_uba1.locus.record import load_locus

SCRIPTS = Path(vexas_uba1.__file__).parents[1]
BASES = small_sequence()
GROUPS = [
    {
        "ID": "FC1.lane1",
        "SM": "S1",
        "LB": "Doe_John_lib",
        "PL": "illumina",
        "CN": "Clinic",
        "DS": "Doe",
    },
    {"ID": "FC1.lane2", "SM": "S1", "LB": "Doe_John_lib", "PL": "sequencer", "PU": "FC1.2"},
    {"ID": "FC2.lane1", "SM": "S1", "LB": "second", "DT": "2024-01-01"},
]


def extract(source, tmp_path, *, out="S1.uba1.bam", **options):
    options.setdefault("locus", small_locus(tmp_path))
    options.setdefault("genomes", ())
    options.setdefault("sample_id", "S1")
    return extract_region(
        source, out_bam=tmp_path / "out" / out, scratch=tmp_path / "scratch", **options
    )


def told(source, tmp_path, **options):
    with pytest.raises(UserError) as caught:
        extract(source, tmp_path, **options)
    assert not (tmp_path / "out").exists() or listing(tmp_path / "out") == set()
    return str(caught.value)


def written(tmp_path, out="S1.uba1.bam"):
    """Return header text and record lines of the extracted BAM."""
    with pysam.AlignmentFile(str(tmp_path / "out" / out)) as bam:
        return str(bam.header), [record.to_string() for record in bam.fetch(until_eof=True)]


def read_at(builder, name, start, *, length=100, **options):
    return builder.read(name, start + 1, BASES[start : start + length], **options)


def hand_made(**options):
    return SamBuilder([(CONTIG, LENGTH, md5_of(BASES)), ("chr1", 400)], **options)


def genome(tmp_path, sequences=None, name="genome.fa"):
    path = write_fasta(tmp_path / name, sequences or small_genome())
    return open_genome(path, index_dir=tmp_path / "index", shown=name)


# What is taken


def test_all_records_that_overlap_the_window_are_taken_and_no_other(tmp_path):
    start, end = WINDOW
    builder = hand_made()
    read_at(builder, "just_before", start - 100)
    read_at(builder, "reaches_in", start - 99)
    read_at(builder, "inside", CODON)
    read_at(builder, "last", end - 1)
    read_at(builder, "just_after", end)
    builder.read("elsewhere", 10, "ACGT" * 25, contig="chr1")
    bam = builder.write_bam(tmp_path / "reads.bam")
    assert extract(bam, tmp_path).records == 3
    names = [line.split("\t")[0] for line in written(tmp_path)[1]]
    assert names == ["reaches_in", "inside", "last"]


def test_duplicates_secondary_and_supplementary_are_kept_and_counted(tmp_path):
    builder = hand_made()
    for name, flag in {
        "plain": 0,
        "duplicate": DUPLICATE,
        "secondary": SECONDARY,
        "supplementary": SUPPLEMENTARY,
        "qc": QC_FAILED,
    }.items():
        read_at(builder, name, CODON, flag=flag)
    builder.read(
        "unmapped_mate", CODON + 1, "ACGT", cigar="*", flag=1 | UNMAPPED, mate=(CONTIG, CODON + 1)
    )
    found = extract(builder.write_bam(tmp_path / "reads.bam"), tmp_path)
    assert (found.records, found.unmapped) == (5, 1)
    assert (found.duplicates, found.secondary, found.supplementary, found.qc_failed) == (1, 1, 1, 1)


def test_depth_has_no_cap(tmp_path):
    builder = hand_made()
    for number in range(20_000):
        read_at(builder, f"r{number}", CODON - 50)
    bam = builder.write_bam(tmp_path / "deep.bam")
    assert extract(bam, tmp_path).records == 20_000
    assert len(written(tmp_path)[1]) == 20_000


def test_a_window_without_reads_is_no_error(tmp_path):
    builder = hand_made().read("elsewhere", 10, "ACGT" * 25, contig="chr1")
    found = extract(builder.write_bam(tmp_path / "reads.bam"), tmp_path)
    assert (found.records, found.warnings) == (0, ())
    assert written(tmp_path)[1] == []
    assert (tmp_path / "out" / "S1.uba1.bam.bai").is_file()


def test_the_extracted_bam_is_sorted_and_indexed(tmp_path):
    bam = small_reads().write_bam(tmp_path / "reads.bam")
    extract(bam, tmp_path)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "S1.uba1.bam",
        "S1.uba1.bam.bai",
    }
    with pysam.AlignmentFile(str(tmp_path / "out" / "S1.uba1.bam")) as out:
        assert out.header.to_dict()["HD"]["SO"] == "coordinate"
        assert out.check_index()
        here = [read.query_name for read in out.fetch(CONTIG, CODON, CODON + 1)]
    with pysam.AlignmentFile(str(bam)) as given:
        assert sorted(here) == sorted(
            read.query_name for read in given.fetch(CONTIG, CODON, CODON + 1)
        )


def test_records_keep_bases_qualities_positions_and_mates(tmp_path):
    builder = small_reads()
    extract(builder.write_bam(tmp_path / "reads.bam"), tmp_path)
    assert {frozenset(line.split("\t")) for line in written(tmp_path)[1]} == {
        frozenset(line.split("\t")) for line in builder.lines
    }


# Same reads, same bytes


def test_the_order_of_reads_at_one_position_changes_nothing_but_theirs(tmp_path):
    lines = []
    for number in range(60):
        builder = hand_made()
        read_at(builder, f"r{number % 20}", CODON + number % 3, flag=(number % 2) * SECONDARY)
        lines += builder.lines
    checksums, records = set(), set()
    for seed in range(3):
        random.Random(seed).shuffle(lines)
        builder = hand_made()
        builder.lines = list(lines)
        found = extract(builder.write_bam(tmp_path / f"{seed}.bam"), tmp_path, whole_file_limit=100)
        assert (found.records, found.secondary) == (60, 30)
        checksums.add(found.files[0].sha256)
        records.add(tuple(sorted(written(tmp_path)[1])))
    assert (len(checksums), len(records)) == (1, 1)
    builder.lines.pop()
    (without,) = extract(
        builder.write_bam(tmp_path / "one_less.bam"), tmp_path, whole_file_limit=100
    ).files
    assert without.sha256 not in checksums


def test_the_same_file_gives_the_same_bytes(tmp_path):
    bam = small_reads(groups=GROUPS).write_bam(tmp_path / "reads.bam")
    for out in ("a.bam", "b.bam"):
        extract(bam, tmp_path, out=out)
    for suffix in (".bam", ".bam.bai"):
        first, second = (tmp_path / "out" / f"{name}{suffix}" for name in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_bam_and_cram_give_the_same_records(tmp_path):
    fasta = genome(tmp_path)
    builder = small_reads(groups=GROUPS)
    bam = builder.write_bam(tmp_path / "reads.bam")
    cram = builder.write_cram(tmp_path / "reads.cram", tmp_path / "genome.fa")
    # The header of the CRAM has gained the checksum of chr1.
    of_bam = extract(bam, tmp_path, out="bam.bam", whole_file_limit=100)
    of_cram = extract(cram, tmp_path, out="cram.bam", genomes=[fasta], whole_file_limit=100)
    # In a CRAM the tags have another order.
    records = {
        out: [sorted(line.split("\t")) for line in written(tmp_path, out)[1]]
        for out in ("bam.bam", "cram.bam")
    }
    assert records["bam.bam"] == records["cram.bam"]
    assert of_bam.files[0].sha256 == of_cram.files[0].sha256
    assert of_bam.records == of_cram.records == 80
    assert of_cram.warnings == ()


# Privacy


def test_nothing_private_stays_in_header_or_records(tmp_path):
    builder = hand_made(
        groups=GROUPS,
        header_lines=[
            "@PG\tID:bwa\tPN:bwa\tCL:bwa mem /home/doe/genome.fa",
            "@CO\tpatient John Doe",
        ],
    )
    read_at(
        builder,
        "r1",
        CODON,
        tags={"XP": "Doe", "CO": "Doe", "BX": "Doe", "NM": 0, "MD": "100", "RX": "ACGT", "ZU": "G"},
    )
    fasta = write_fasta(tmp_path / "genome.fa", small_genome())
    cram = builder.write_cram(tmp_path / "doe.cram", fasta)
    found = extract(
        cram,
        tmp_path,
        genomes=[open_genome(fasta, index_dir=tmp_path / "index")],
        umi_tags=("ZU",),
    )
    header, (line,) = written(tmp_path)
    assert header.splitlines() == [
        "@HD\tVN:1.6\tSO:coordinate",
        f"@SQ\tSN:chrX\tLN:{LENGTH}\tM5:{md5_of(BASES)}",
        f"@SQ\tSN:chr1\tLN:400\tM5:{md5_of(small_genome()['chr1'])}",
        "@RG\tID:rg1\tSM:S1\tLB:lib1\tPL:ILLUMINA",
        "@RG\tID:rg2\tSM:S1\tLB:lib1",
        "@RG\tID:rg3\tSM:S1\tLB:lib2",
    ]
    tags = sorted(line.split("\t")[11:])
    assert tags == ["MD:Z:100", "NM:i:0", "RG:Z:rg1", "RX:Z:ACGT", "ZU:Z:G"]
    assert str(tmp_path) not in json.dumps(found.to_json())
    assert "Doe" not in json.dumps(found.to_json())


@pytest.mark.parametrize("umi_tags", [(), ("RG",)])
def test_no_tag_that_is_there_twice_escapes(tmp_path, umi_tags):
    builder = hand_made(groups=GROUPS)
    read_at(builder, "r1", CODON)
    builder.lines = [f"{builder.lines[0]}\tXP:Z:Doe\tRG:Z:FC1.lane2\tXP:Z:Doe"]
    extract(builder.write_bam(tmp_path / "reads.bam"), tmp_path, umi_tags=umi_tags)
    assert written(tmp_path)[1][0].split("\t")[11:] == ["RG:Z:rg2"]


def test_tags_that_calling_needs_are_kept(tmp_path):
    tags = {
        "MD": "100", "NM": 0, "MC": "100M", "SA": "chr1,10,+,50S50M,60,0;", "RX": "AC-GT",
        "MI": "7/A", "CB": "AACC", "UB": "GGTT", "UR": "GGTA", "CR": "AACA",
    }  # fmt: skip
    builder = hand_made()
    read_at(builder, "r1", CODON, tags=tags)
    bam = builder.write_bam(tmp_path / "reads.bam")
    extract(bam, tmp_path)
    assert {field[:2] for field in written(tmp_path)[1][0].split("\t")[11:]} == set(tags) - {
        "UR",
        "CR",
    }
    extract(bam, tmp_path, umi_tags=("CR", "UR"))
    assert {field[:2] for field in written(tmp_path)[1][0].split("\t")[11:]} == set(tags)


# Damaged records


def with_bytes(bam, old, new):
    """Change bytes of a BAM's records, as a faulty program writes them."""
    with pysam.BGZFile(str(bam), "rb") as packed:
        content = packed.read()
    assert content.count(old) == 1
    with pysam.BGZFile(str(bam), "wb") as packed:
        packed.write(content.replace(old, new))
    Path(f"{bam}.bai").unlink()
    return bam


@pytest.mark.parametrize(
    "tag", [b"XXZdamaged!!", b"XX?damaged!\0", b"XXBcdamaged!", "XXZdämaged!\0".encode("latin-1")]
)
def test_a_record_with_a_damaged_tag_is_told(tmp_path, tag):
    builder = hand_made()
    for name in ("whole", "damaged", "after"):
        text = "damaged!" if name == "damaged" else name
        read_at(builder, name, CODON, tags={"XX": text})
    bam = builder.write_bam(tmp_path / "reads.bam")
    message = told(with_bytes(bam, b"XXZdamaged!\0", tag), tmp_path)
    assert "the record of read damaged" in message


def test_a_record_with_cigar_and_bases_of_unlike_length_is_told(tmp_path):
    builder = hand_made()
    read_at(builder, "r1", CODON, length=100)
    read_at(builder, "r2", CODON, length=90)
    bam = builder.write_bam(tmp_path / "reads.bam")
    ninety, fifty = ((length << 4).to_bytes(4, "little") for length in (90, 50))
    message = told(with_bytes(bam, b"r2\0" + ninety, b"r2\0" + fifty), tmp_path)
    assert "reads.bam" in message and "damaged" in message


# Read groups


def two_samples(first="S1", second="S2"):
    builder = hand_made(
        groups=[{"ID": "a", "SM": first}, {"ID": "b", "SM": second}, {"ID": "c", "SM": first}]
    )
    for number, group in enumerate("abca"):
        read_at(builder, f"{group}{number}", CODON, group=group)
    builder.groups, groups = [], builder.groups
    read_at(builder, "without", CODON)
    builder.groups = groups
    return builder


def test_several_samples_in_one_file_stop_unless_one_is_picked(tmp_path):
    bam = two_samples().write_bam(tmp_path / "reads.bam")
    message = told(bam, tmp_path)
    assert "several samples: S1, S2" in message
    assert "read_group_sample" in message


def test_picking_a_sample_takes_its_reads_only(tmp_path):
    bam = two_samples().write_bam(tmp_path / "reads.bam")
    found = extract(bam, tmp_path, read_group_sample="S1")
    header, lines = written(tmp_path)
    assert [line.split("\t")[0] for line in lines] == ["a0", "c2", "a3"]
    assert found.other_read_groups == 2
    assert any("2 reads" in warning and "left out" in warning for warning in found.warnings)
    assert "S2" not in header
    assert [group.id for group in found.read_groups] == ["rg1", "rg2"]
    assert lines[1].endswith("RG:Z:rg2")


def test_picking_a_sample_that_is_not_there_is_told(tmp_path):
    bam = two_samples().write_bam(tmp_path / "reads.bam")
    message = told(bam, tmp_path, read_group_sample="S3")
    assert "it has S1, S2" in message
    assert "'S3'" in message


def test_one_foreign_sample_name_is_a_warning(tmp_path):
    bam = two_samples("other", "other").write_bam(tmp_path / "reads.bam")
    found = extract(bam, tmp_path)
    assert found.foreign_samples == ("other",)
    assert found.records == 5
    assert found.warnings == ("the file's read groups name another sample (other) than S1",)
    assert "SM:S1" in written(tmp_path)[0]


def test_one_foreign_sample_name_that_was_asked_for_is_no_warning(tmp_path):
    builder = hand_made(groups=[{"ID": "a", "SM": "other"}])
    bam = read_at(builder, "r1", CODON).write_bam(tmp_path / "reads.bam")
    found = extract(bam, tmp_path, read_group_sample="other")
    assert (found.records, found.foreign_samples, found.warnings) == (1, (), ())


def test_file_without_read_groups_and_reads_of_unknown_groups_are_taken(tmp_path):
    builder = hand_made()
    read_at(builder, "r1", CODON)
    read_at(builder, "r2", CODON, tags={"RG": "not-in-header"})
    found = extract(builder.write_bam(tmp_path / "reads.bam"), tmp_path)
    assert (found.records, found.read_groups, found.warnings) == (2, (), ())
    assert all("RG:Z" not in line for line in written(tmp_path)[1])


# Duplicate marking


@pytest.mark.parametrize(
    ("fields", "marked"),
    [
        # Names, as programs and mergers of headers write them.
        ("ID:MarkDuplicates", True),
        ("ID:MarkDuplicates.2\tPN:MarkDuplicates", True),
        ("ID:MarkDuplicates-4F1A2B3C", True),
        ("ID:GATK MarkDuplicatesSpark\tPN:GATK MarkDuplicatesSpark", True),
        ("ID:p\tPN:UmiAwareMarkDuplicatesWithMateCigar", True),
        ("ID:mark_duplicates_1", True),
        ("ID:sambamba-markdup", True),
        ("ID:SAMBLASTER\tCL:samblaster -i stdin -o stdout", True),
        ("ID:bamsormadup\tPN:bamsormadup", True),
        ("ID:bammarkduplicates2\tPN:bammarkduplicates2", True),
        ("ID:doppelmark", True),
        ("ID:fastdup.1\tPN:fastdup", True),
        ("ID:no_markdup", False),
        ("ID:undeduplicated", False),
        # Command lines.
        ("ID:samtools.2\tPN:samtools\tCL:samtools markdup in.bam out.bam", True),
        ("ID:samtools\tPN:samtools\tCL:/usr/bin/samtools rmdup -s in.bam out.bam", True),
        ("ID:sambamba\tCL:markdup -t 4 in.bam out.bam", True),
        ("ID:p\tCL:sambamba markdup -t 4 in.bam out.bam", True),
        ("ID:p\tCL:picard MarkDuplicates I=a.bam O=b.bam M=c", True),
        ("ID:p\tCL:picard.sam.markduplicates.MarkDuplicates INPUT=[a.bam]", True),
        ("ID:p\tCL:java -Xmx4g -Djava.io.tmpdir=/x -jar /opt/picard.jar MarkDuplicates I=a", True),
        ("ID:p\tCL:java -jar /opt/MarkDuplicates.jar I=a.bam", True),
        ('ID:p\tCL:gatk --java-options "-Xmx8g -XX:Y" MarkDuplicatesSpark -I a.bam', True),
        ("ID:p\tCL:python3.11 /opt/umi_tools dedup -I a.bam", True),
        ("ID:sentieon\tCL:/opt/driver -i a.bam --algo Dedup --score_info s b.bam", True),
        ("ID:elprep\tCL:elprep sfm a.bam b.bam --mark-duplicates --threads 4", True),
        ("ID:novosort\tCL:novosort -md a.bam", True),
        ("ID:bamsort\tCL:bamsort fixmates=1 markduplicates=1", True),
        ("ID:fgbio\tCL:fgbio CallMolecularConsensusReads -i a.bam", True),
        ("ID:d\tPN:DRAGEN\tCL:dragen --enable-duplicate-marking true -r ref", True),
        ("ID:DRAGEN SW build\tCL:dragen --enable-duplicate-marking=true", True),
        # Programs that could have marked and did not, and files that are called like programs.
        ("ID:d\tPN:DRAGEN\tCL:dragen --enable-duplicate-marking false", False),
        ("ID:d\tPN:DRAGEN\tCL:dragen --output-directory /runs/markdup", False),
        ("ID:novosort\tCL:novosort a.bam", False),
        ("ID:sentieon\tCL:/opt/driver -i dedup.bam --algo LocusCollector Dedup", False),
        ("ID:bwa\tPN:bwa\tCL:bwa mem genome.fa", False),
        ("ID:bwa\tPN:bwa\tCL:bwa mem genome.fa /data/no_markdup/a_R1.fq.gz", False),
        ("ID:bwa\tPN:bwa\tCL:bwa mem genome.fa dedup", False),
        ("ID:bwa\tPN:bwa\tCL:/opt/dragen/bwa mem genome.fa a.fq > undeduplicated.bam", False),
        ("ID:samtools\tPN:samtools\tCL:samtools view -b markdup", False),
        ("ID:samtools\tPN:samtools\tCL:samtools sort -o markdup.bam nodedup.bam", False),
        ("ID:p\tCL:picard SortSam I=MarkDuplicates O=b.bam", False),
        ("ID:p\tCL:java -jar picard.jar SortSam MarkDuplicates", False),
        ("ID:fgbio\tCL:fgbio GroupReadsByUmi -i dedup.bam", False),
    ],
)
def test_program_that_marks_duplicates_is_recognised(tmp_path, fields, marked):
    builder = hand_made(header_lines=[f"@PG\t{fields}"])
    bam = read_at(builder, "r", CODON).write_bam(tmp_path / "reads.bam")
    assert extract(bam, tmp_path).marked_duplicates is marked


def test_flagged_duplicates_count_as_marking(tmp_path):
    bam = read_at(hand_made(), "r", CODON, flag=DUPLICATE).write_bam(tmp_path / "reads.bam")
    assert extract(bam, tmp_path).marked_duplicates


# Builds and FASTAs


def test_build_and_contig_are_reported(tmp_path):
    builder = SamBuilder([("X", OTHER_LENGTH)])
    builder.read("r1", CODON + 500, "ACGT" * 25)
    found = extract(builder.write_bam(tmp_path / "reads.bam"), tmp_path)
    assert (found.build, found.contig, found.contig_length, found.m5, found.placement) == (
        "GRCh37",
        "X",
        OTHER_LENGTH,
        None,
        None,
    )
    placed = found.placed(small_locus(tmp_path))
    assert (placed.contig, placed.codon_positions[0]) == ("X", CODON + 500)


def test_unknown_length_no_contig_and_conflict_with_the_configuration_are_told(tmp_path):
    unknown = SamBuilder([(CONTIG, 12_345)]).write_bam(tmp_path / "unknown.bam")
    assert "12345" in told(unknown, tmp_path)
    without = SamBuilder([("chr1", 400)]).write_bam(tmp_path / "without.bam")
    assert "chr1" in told(without, tmp_path)
    bam = small_reads().write_bam(tmp_path / "reads.bam")
    assert "GRCh37" in told(bam, tmp_path, wanted_build="GRCh37")
    assert extract(bam, tmp_path, wanted_build="auto").build == "GRCh38"


def test_fasta_of_another_build_is_told_with_both_lengths(tmp_path):
    bam = small_reads().write_bam(tmp_path / "reads.bam")
    other = genome(tmp_path, {CONTIG: random_bases(OTHER_LENGTH, 7)}, "other.fa")
    message = told(bam, tmp_path, genomes=[other])
    assert f"chrX, {LENGTH} bases" in message
    assert f"other.fa has chrX ({OTHER_LENGTH})" in message


def test_the_fasta_of_the_reads_build_is_chosen_among_several(tmp_path):
    fasta = genome(tmp_path)
    other = genome(tmp_path, {CONTIG: random_bases(OTHER_LENGTH, 7)}, "other.fa")
    cram = small_reads().write_cram(tmp_path / "reads.cram", tmp_path / "genome.fa")
    assert extract(cram, tmp_path, genomes=[other, fasta]).records == 80


def test_among_fastas_of_one_length_the_checksum_decides(tmp_path):
    fasta = genome(tmp_path)
    like = genome(tmp_path, {CONTIG: random_bases(LENGTH, 8), "chr1": "A" * 400}, "like.fa")
    cram = small_reads().write_cram(tmp_path / "reads.cram", tmp_path / "genome.fa")
    assert extract(cram, tmp_path, genomes=[like, fasta]).records == 80


def test_fasta_with_other_bases_than_the_bams_header_says_is_told(tmp_path):
    bam = small_reads().write_bam(tmp_path / "reads.bam")
    like = genome(tmp_path, {CONTIG: random_bases(LENGTH, 8)}, "like.fa")
    assert "like.fa has other bases" in told(bam, tmp_path, genomes=[like])


def test_fasta_that_names_the_contig_otherwise_fits_a_bam(tmp_path):
    bam = small_reads().write_bam(tmp_path / "reads.bam")
    assert extract(bam, tmp_path, genomes=[genome(tmp_path, {"X": BASES})]).records == 80


def unknown_assembly():
    """Return a contig that holds the bundled gene at new coordinates, and the codon's place."""
    placed = load_locus().placed("GRCh38")
    known = placed.reference_bases()
    filler = random_bases(len(known), 3)
    gene = "".join(
        drawn if base == "N" else base for base, drawn in zip(known, filler, strict=True)
    )
    return random_bases(5_000, 4) + gene + random_bases(7_000, 5), 5_000 + (
        placed.codon_positions[0] - placed.window[0]
    )


def test_gene_is_found_in_the_fasta_of_an_unknown_assembly(tmp_path):
    bases, codon = unknown_assembly()
    builder = SamBuilder([(CONTIG, len(bases)), ("chr1", 400)])
    builder.read("r1", codon - 20, bases[codon - 21 : codon + 79])
    bam = builder.write_bam(tmp_path / "reads.bam")
    fasta = genome(tmp_path, {"chr1": "ACGT" * 100, CONTIG: bases}, "assembly.fa")
    found = extract(bam, tmp_path, locus=load_locus(), genomes=[fasta])
    assert found.records == 1
    assert found.placed(load_locus()).codon_positions == (codon, codon + 1, codon + 2)
    assert Extraction.from_json(found.to_json()) == found


def test_unknown_assembly_without_its_fasta_or_with_another_is_told(tmp_path):
    bases, _ = unknown_assembly()
    bam = SamBuilder([(CONTIG, len(bases))]).write_bam(tmp_path / "reads.bam")
    assert str(len(bases)) in told(bam, tmp_path, locus=load_locus())
    other = genome(tmp_path, {CONTIG: random_bases(len(bases), 9)}, "other.fa")
    message = told(bam, tmp_path, locus=load_locus(), genomes=[other])
    assert message.startswith("other.fa: ")
    assert "does not hold" in message


# The record of it


def test_extraction_comes_back_from_json(tmp_path):
    bam = small_reads(groups=GROUPS).write_bam(tmp_path / "reads.bam")
    found = extract(bam, tmp_path)
    assert Extraction.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_input_file_is_known_by_its_checksum(tmp_path):
    bam = small_reads().write_bam(tmp_path / "reads.bam")
    (file,) = extract(bam, tmp_path).files
    content = bam.read_bytes()
    assert (file.name, file.bytes, file.sha256_of) == ("reads.bam", len(content), "file")
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    (large,) = extract(bam, tmp_path, whole_file_limit=100).files
    assert large.sha256_of == "uba1_records"
    records = [line.split("\t") for line in written(tmp_path)[1]]
    lines = ["\t".join([*fields[:11], *sorted(fields[11:])]) for fields in records]
    of_each = [hashlib.sha256(line.encode()).digest() for line in lines]
    total = sum(int.from_bytes(digest, "big") for digest in of_each) % 2**256
    assert large.sha256 == hashlib.sha256(total.to_bytes(32, "big")).hexdigest()


def test_an_earlier_output_stays_whole_when_reading_fails(tmp_path):
    builder = hand_made()
    for number in range(3000):
        read_at(builder, f"r{number}", CODON - 50, qual=number % 40)
    bam = builder.write_bam(tmp_path / "reads.bam")
    extract(bam, tmp_path)
    before = listing(tmp_path / "out")
    content = bytearray(bam.read_bytes())
    content[len(content) // 2] ^= 255
    bam.write_bytes(content)
    (tmp_path / "reads.bam.bai").touch()
    with pytest.raises(UserError, match="damaged"):
        extract(bam, tmp_path)
    assert listing(tmp_path / "out") == before


_WITH_LITTLE_SPACE = """
import resource, signal, sys
from pathlib import Path
from vexas_uba1.alignments.extraction import extract_region
from vexas_uba1.locus.record import load_locus
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
bam, record, out, scratch = map(Path, sys.argv[2:])
try:
    extract_region(
        bam, locus=load_locus(record), genomes=[], sample_id="S1", out_bam=out, scratch=scratch
    )
except OSError as error:
    print(error.errno)
"""


@pytest.mark.parametrize("limit", [100, 2000])
def test_output_that_cannot_be_written_is_an_error_of_the_system_and_leaves_nothing(
    tmp_path, limit
):
    builder = hand_made()
    for number in range(500):
        read_at(builder, f"r{number}", CODON - 50, qual=number % 40)
    bam = builder.write_bam(tmp_path / "reads.bam")
    small_locus(tmp_path)
    arguments = [bam, tmp_path / "small-locus.yaml", tmp_path / "out" / "a.bam", tmp_path / "s"]
    done = subprocess.run(
        [sys.executable, "-c", _WITH_LITTLE_SPACE, str(limit), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) > 0
    assert listing(tmp_path / "out") == set()
