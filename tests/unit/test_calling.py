"""One sample from BAM to call: what the rooms give together, and what must not change it."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pysam
import pytest
from cattrs import unstructure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders.cases import MARKED, call_bam, hand_genome, locus, options_of, reads_of, run_case
from builders.loci import MOUSE, bundled, mirrored, shifted, write
from builders.sam import DUPLICATE, SECONDARY, SUPPLEMENTARY, SamBuilder
from builders.simulated import clone, sample_of
from vexas_uba1 import paths
from vexas_uba1.alignments.fasta import open_genome
from vexas_uba1.calling import worst
from vexas_uba1.errors import UserError
from vexas_uba1.locus.bases import reverse_complement
from vexas_uba1.locus.record import load_locus
from vexas_uba1.observing import _counting
from vexas_uba1.verdict import decide

# Paired and single reads, two clones, a deletion, an insertion, a silent neighbour, poor bases.
MIXED = [
    {"count": 60, "start1": 47198930, "cigar": "100M", "spread": 20, "mate": {"start1": 47199000}},
    {"count": 60, "start1": 47198960, "cigar": "120M", "spread": 60},
    {
        "count": 20, "start1": 47198930, "cigar": "125M", "spread": 15,
        "change": {47199052: "C"}, "mate": {"start1": 47198970, "change": {47199052: "C"}},
    },
    {"count": 12, "start1": 47198960, "cigar": "120M", "spread": 60, "change": {47199051: "G"}},
    {"count": 9, "start1": 47198950, "cigar": "89M8D40M"},
    {"count": 8, "start1": 47198953, "cigar": "100M3I30M", "insert": "CCC"},
    {
        "count": 5, "start1": 47198930, "cigar": "125M", "change": {47199053: "A"},
        "mate": {"start1": 47198970},
    },
    {"count": 4, "start1": 47198960, "cigar": "120M", "quality": 8, "change": {47199060: "T"}},
]  # fmt: skip
MAN = {"sex": "male", "assay": "wes"}


def builder_of(templates, genome=None, **keys):
    return reads_of(templates, genome or hand_genome(), **keys)


def comparable(call, *ignored):
    """Return a call as JSON values, without the checksums of its file."""
    values = json.loads(json.dumps(unstructure(call)))
    values["input"]["files"] = None
    for key in ignored:
        section, _, field = key.partition(".")
        values[section].pop(field)
    return values


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """The records of MIXED and their call."""
    folder = tmp_path_factory.mktemp("mixed")
    builder = builder_of(MIXED)
    return builder.lines, call_bam(builder.write_bam(folder / "m.bam"), folder, sample=MAN)


def called(lines, folder, *, genome=None, **keys):
    genome = genome or hand_genome()
    builder = SamBuilder([(genome.contig, genome.length)], header_lines=[MARKED])
    builder.lines = list(lines)
    return call_bam(builder.write_bam(folder / "again.bam"), folder, sample=MAN, **keys)


def test_the_mixture_is_called_as_written(mixed):
    _, call = mixed
    counts = {v.hgvs_c: (v.alt_fragments, v.depth_fragments) for v in call.variants}
    assert counts == {
        "c.122T>C": (20, 173),
        "c.121A>G": (12, 173),
        "c.118-9_118-2del": (9, 178),
        "c.122_123insCCC": (8, 173),
    }
    assert call.codon41.haplotypes == {"ATG": 133, "ACG": 20, "GTG": 12, "ins": 8}
    assert call.codon41.discordant_fragments == 5


def test_the_order_of_reads_changes_nothing(mixed, tmp_path):
    lines, call = mixed
    shuffled = random.Random(3).sample(lines, len(lines))
    assert comparable(called(shuffled, tmp_path)) == comparable(call)


def test_which_mate_is_first_changes_nothing(mixed, tmp_path):
    lines, call = mixed
    swapped = []
    for line in lines:
        fields = line.split("\t")
        flag = int(fields[1])
        fields[1] = str(flag ^ (64 | 128) if flag & 1 else flag)
        swapped.append("\t".join(fields))
    assert comparable(called(swapped, tmp_path)) == comparable(call)


def test_names_of_reads_change_nothing(mixed, tmp_path):
    lines, call = mixed
    names = dict.fromkeys(line.partition("\t")[0] for line in lines)
    numbers = {name: str(9999 - at) for at, name in enumerate(names)}
    parts = (line.partition("\t") for line in lines)
    renamed = [f"{numbers[name]}\t{rest}" for name, _, rest in parts]
    assert comparable(called(renamed, tmp_path)) == comparable(call)


def test_flagged_copies_change_only_their_count(mixed, tmp_path):
    lines, call = mixed
    copies = []
    for number, line in enumerate(lines):
        fields = line.split("\t")
        for flag in (DUPLICATE, SECONDARY):
            changed = [f"copy{number}", str(int(fields[1]) | flag), *fields[2:]]
            copies.append("\t".join(changed))
    more = called([*lines, *copies], tmp_path)
    # Where none is flagged a warning tells of equal ends.
    ignored = ("qc.records_in_window", "qc.excluded_records", "qc.duplicates", "qc.warnings")
    assert comparable(more, *ignored) == comparable(call, *ignored)
    assert more.qc.excluded_records == {"duplicate": len(lines), "secondary": len(lines)}
    assert more.qc.duplicates.molecules == call.qc.duplicates.molecules
    assert more.qc.duplicates.left_out > 0 == call.qc.duplicates.left_out


def test_reads_outside_of_the_window_change_nothing(mixed, tmp_path):
    lines, call = mixed
    genome = hand_genome()
    contigs = [(genome.contig, genome.length), ("chr1", 248956422)]
    outside = SamBuilder(contigs, header_lines=[MARKED])
    outside.lines = list(lines)
    for at in (1_000, 47_100_000, 47_300_000, genome.length - 200):
        outside.read(f"far{at}", at, "ACGT" * 25)
    outside.read("other contig", 47_199_000, "ACGT" * 25, contig="chr1")
    again = call_bam(outside.write_bam(tmp_path / "o.bam"), tmp_path, sample=MAN)
    assert comparable(again) == comparable(call)


def test_the_contigs_name_changes_nothing_but_the_name(mixed, tmp_path):
    _, call = mixed
    renamed = hand_genome(contig="X")
    again = call_bam(builder_of(MIXED, renamed).write_bam(tmp_path / "x.bam"), tmp_path, sample=MAN)
    assert again.input.contig == "X" and {v.chrom for v in again.variants} == {"X"}
    variants = tuple(replace(variant, chrom="chrX") for variant in again.variants)
    again = replace(again, variants=variants, input=replace(again.input, contig="chrX"))
    assert comparable(again) == comparable(call)


@given(st.randoms(use_true_random=False))
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_subset_of_reads_is_called_the_same_in_any_order(mixed, tmp_path, chance):
    lines, _ = mixed
    names = sorted({line.split("\t")[0] for line in lines})
    kept = set(chance.sample(names, 60))
    some = [line for line in lines if line.split("\t")[0] in kept]
    shuffled = chance.sample(some, len(some))
    one, other = called(some, tmp_path), called(shuffled, tmp_path)
    assert comparable(one) == comparable(other)
    assert sum(one.codon41.haplotypes.values()) == one.codon41.depth_fragments


def moved(lines, offset, contig):
    for line in lines:
        fields = line.split("\t")
        fields[2], fields[3] = contig, str(int(fields[3]) + offset)
        if fields[7] != "0":
            fields[7] = str(int(fields[7]) + offset)
        yield "\t".join(fields)


def test_a_shifted_record_on_a_renamed_contig_gives_the_same(mixed, tmp_path):
    lines, call = mixed
    offset = 1_234_567
    gene = load_locus(write(shifted(bundled(), offset, ["scaffold_7"]), tmp_path))
    builder = SamBuilder([("scaffold_7", 156_040_895 + offset)], header_lines=[MARKED])
    builder.lines = list(moved(lines, offset, "scaffold_7"))
    again = call_bam(builder.write_bam(tmp_path / "s.bam"), tmp_path, gene=gene, sample=MAN)
    assert [v.pos - offset for v in again.variants] == [v.pos for v in call.variants]
    assert call.coverage == tuple(
        replace(exon, start=exon.start - offset, end=exon.end - offset) for exon in again.coverage
    )
    assert call.reads_view.alt_rows == again.reads_view.alt_rows
    assert call.reads_view.reference_rows == again.reads_view.reference_rows
    ignored = ("variants", "coverage", "reads_view", "input", "parameters")
    one, other = unstructure(call), unstructure(again)
    # Of a contig without a chromosome's name it says so.
    assert one["qc"].pop("sex_check") != other["qc"].pop("sex_check")
    assert {k: v for k, v in one.items() if k not in ignored} == {
        k: v for k, v in other.items() if k not in ignored
    }
    assert decide(again) == decide(call)


def test_a_gene_on_the_reverse_strand_gives_the_same(mixed, tmp_path):
    lines, call = mixed
    gene = load_locus(write(mirrored(bundled()), tmp_path))
    length = 156_040_895
    builder = SamBuilder([("chrX", length)], header_lines=[MARKED])
    for line in lines:
        name, flag, _, start1, mapq, cigar, *_ = fields = line.split("\t")
        end1 = int(start1) + pysam.AlignedSegment.fromstring(
            line, pysam.AlignmentHeader.from_references(["chrX"], [length])
        ).reference_length - 1  # fmt: skip
        turned = "".join(reversed(_operations(cigar)))
        builder.read(
            name, length + 1 - end1, reverse_complement(fields[9]), cigar=turned,
            qual=fields[10][::-1], flag=int(flag) & ~(16 | 32) & ~(1 | 2 | 64 | 128),
            reverse=not int(flag) & 16, mapq=int(mapq),
        )  # fmt: skip
    again = call_bam(builder.write_bam(tmp_path / "m.bam"), tmp_path, gene=gene, sample=MAN)
    assert again.codon41 == call.codon41
    one = {v.hgvs_c: (v.hgvs_p, v.alt_fragments, v.depth_fragments) for v in call.variants}
    two = {v.hgvs_c: (v.hgvs_p, v.alt_fragments, v.depth_fragments) for v in again.variants}
    assert one == two
    assert decide(again).code == decide(call).code


def _operations(cigar):
    found, number = [], ""
    for letter in cigar:
        number += letter
        if letter.isalpha():
            found.append(number)
            number = ""
    return found


def test_a_catalogue_without_the_row_gives_another_verdict(tmp_path):
    table = (paths.resources() / "uba1" / "variants.tsv").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines() if not line.startswith("c.122T>C\t")]
    (tmp_path / "variants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    gene = load_locus(write({**bundled(), "catalogue": "variants.tsv"}, tmp_path))
    templates = [
        {"count": 150, "start1": 47198960, "cigar": "150M", "spread": 60},
        {"count": 50, "start1": 47198960, "cigar": "150M", "spread": 60, "change": {47199052: "C"}},
    ]
    bam = builder_of(templates).write_bam(tmp_path / "r.bam")
    with_row = decide(call_bam(bam, tmp_path, sample=MAN))
    without = decide(call_bam(bam, tmp_path, gene=gene, sample=MAN))
    assert (with_row.code, without.code) == ("detected", "other_variant")
    assert "c.122T>C" in without.text and "VEXAS" not in without.text


MOUSE_CODON1 = 20_534_934


def mouse_call(tmp_path, *kinds, length=100):
    """Call reads over the codon of a mouse; kinds are (count, the codon's bases)."""
    gene = load_locus(write(MOUSE, tmp_path))
    generator = random.Random(5)
    before, after = ("".join(generator.choices("ACGT", k=50)) for _ in range(2))
    builder = SamBuilder([("chrX", 169_476_592)], header_lines=[MARKED])
    for number, (count, codon) in enumerate(kinds):
        for fragment in range(count):
            shift = fragment % 30
            bases = (before + codon + after)[shift:]
            builder.read(
                f"{number}.{fragment}", MOUSE_CODON1 - 50 + shift, bases, reverse=fragment % 2 == 1
            )
    bam = builder.write_bam(tmp_path / "mouse.bam")
    return call_bam(bam, tmp_path, gene=gene, sample={"assay": "wes"})


def test_a_mouse_with_a_change_of_the_codon(tmp_path):
    call = mouse_call(tmp_path, (150, "ATG"), (50, "GTG"))
    verdict = decide(call)
    assert verdict.code == "other_variant"
    assert call.codon41.haplotypes == {"ATG": 150, "GTG": 50}
    (variant,) = call.variants
    assert (variant.pos, variant.ref, variant.alt) == (MOUSE_CODON1, "A", "G")
    assert variant.at_codon41 and variant.changes_protein
    assert verdict.text.startswith("Uba1 ") and "VEXAS" not in verdict.text
    assert call.catalogue_version == "none"


def test_a_mouse_without_one(tmp_path):
    negative = mouse_call(tmp_path, (200, "ATG"))
    assert decide(negative).code == "not_detected" and negative.variants == ()
    assert decide(mouse_call(tmp_path, (8, "ATG"))).code == "not_assessable"
    assert decide(mouse_call(tmp_path)).code == "not_assessable"


@pytest.mark.parametrize("alleles", [("c.122T>C",), ("c.118-9_118-2del",), ()])
def test_a_fasta_changes_no_verdict(alleles, tmp_path):
    clones = [clone(0.2, *alleles)] if alleles else []
    sample = sample_of(tmp_path / "s", depth_fragments=300, clones=clones, genome__intron_seed=97)
    genomes = (open_genome(sample.fasta, index_dir=tmp_path / "index"),)
    results = []
    for given_genomes in ((), genomes):
        call = call_bam(sample.bam, tmp_path, genomes=given_genomes, sample=MAN)
        results.append((call.qc.reference_source, decide(call), comparable(call)))
    (md, by_md, one), (fasta, by_fasta, other) = results
    assert (md, fasta) == ("md", "fasta")
    assert by_md == by_fasta and one["variants"] == other["variants"]
    assert one["codon41"] == other["codon41"]


def test_the_worst_limit():
    assert worst([0.1, 0.3, 0.2]) == 0.3
    assert worst([0.1, None]) is None
    assert worst([]) is None


@pytest.mark.parametrize(
    ("sample", "options", "most", "floor", "unit"),
    [
        ({"assay": "panel"}, {}, None, None, "fragments"),
        ({"assay": "panel"}, {"input_ng": 10.0}, None, None, "fragments"),
        ({"assay": "amplicon"}, {}, None, 0.01, "reads"),
        ({"assay": "amplicon"}, {"amplicon_limit_floor_vaf": 0.03}, None, 0.03, "reads"),
        ({"assay": "amplicon", "sex": "male"}, {"input_ng": 10.0}, 1515, None, "input_copies"),
        ({"assay": "amplicon"}, {"input_ng": 10.0}, 1515, None, "input_copies"),
        ({"assay": "amplicon", "sex": "female"}, {"input_ng": 10.0}, 3030, None, "input_copies"),
        ({"assay": "amplicon"}, {"input_ng": 0.001}, 1, None, "input_copies"),
        (
            {"assay": "amplicon", "sex": "male", "transplant": "allogeneic", "donor_sex": "female"},
            {"input_ng": 10.0},
            3030,
            None,
            "input_copies",
        ),
        ({"assay": "amplicon"}, {"umi_tags": ["RX"], "input_ng": 10.0}, None, None, "molecules"),
        ({"assay": "wgs"}, {"umi_tags": ["RX"]}, None, None, "molecules"),
    ],
)
def test_what_an_observation_is_worth(sample, options, most, floor, unit):
    counting, named = _counting(options_of(sample, options))
    assert (counting.most_molecules, counting.limit_floor, named) == (most, floor, unit)


@pytest.fixture(scope="module")
def deep_exon_3(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deep")
    case = {
        "reads": [{"count": 500, "start1": 47198960, "cigar": "150M", "spread": 60}],
        "sample": {"sex": "male", "assay": "panel"},
    }
    return run_case(case, folder).call


def test_targets_say_what_was_looked_at(deep_exon_3):
    targets = {target.name: target for target in deep_exon_3.targets}
    assert list(targets)[:4] == ["codon 41", "exon 3 splice acceptor", "c.167", "c.1861"]
    kinds = {target.kind for target in deep_exon_3.targets}
    assert kinds == {"codon41", "vexas_locus", "exon"}
    codon, exon3, exon4 = targets["codon 41"], targets["exon 3"], targets["exon 4"]
    assert (codon.depth_fragments, codon.positions, codon.positions_below_required) == (500, 3, 0)
    assert codon.assessable and targets["exon 3 splice acceptor"].assessable
    assert exon3.depth_fragments > 400 and exon3.positions == 59
    assert exon4.depth_fragments == 0 and exon4.limit_of_detection_vaf is None
    assert exon4.positions_below_required == exon4.positions == 169
    assert not exon4.assessable
    # Exons with 26 numbers, each once.
    assert [name for name in targets if name.startswith("exon ") and "splice" not in name] == [
        f"exon {number}" for number in range(1, 27)
    ]


def test_only_decisive_alleles_decide_what_could_be_seen(deep_exon_3):
    codon = deep_exon_3.codon41
    target = next(target for target in deep_exon_3.targets if target.kind == "codon41")
    assert target.limit_of_detection_vaf == codon.limit_of_detection_vaf
    limits = codon.limit_of_detection_by_allele
    assert codon.limit_of_detection_vaf == max(
        limits[f"c.{one}"] for one in ("121A>G", "121A>C", "122T>C")
    )
    # What does not decide is asked at a stricter level.
    assert limits["c.122T>C"] <= limits["c.123G>A"]


def test_a_place_is_as_deep_as_its_least_covered_allele(tmp_path):
    # 100 reads begin behind the base before c.118-9, so they cannot show the deletion.
    reads = [
        {"count": 300, "start1": 47198950, "cigar": "150M"},
        {"count": 100, "start1": 47199039, "cigar": "100M"},
    ]
    call = run_case({"reads": reads, "sample": {"assay": "panel"}}, tmp_path).call
    target = next(target for target in call.targets if target.name == "exon 3 splice acceptor")
    depths = {allele.hgvs_c: allele.depth_fragments for allele in call.forced_alleles}
    assert depths["c.118-1G>C"] == depths["c.118-2A>C"] == 400
    assert depths["c.118-9_118-2del"] == target.depth_fragments == 300


def test_an_untranslated_exon_is_looked_at_too(tmp_path):
    reads = [{"count": 600, "start1": 47193800, "cigar": "250M"}]
    call = run_case({"reads": reads, "sample": {"assay": "panel"}}, tmp_path).call
    exon = next(target for target in call.targets if target.name == "exon 1")
    assert (exon.depth_fragments, exon.positions, exon.positions_below_required) == (600, 196, 0)
    assert exon.assessable


def test_an_exon_partly_read_is_not_assessable(tmp_path):
    # 47198960 to 47199079 and on: the last bases of exon 3 are read by fewer.
    reads = [{"count": 500, "start1": 47198960, "cigar": "120M"}]
    call = run_case({"reads": reads, "sample": {"assay": "panel"}}, tmp_path).call
    exon = next(target for target in call.targets if target.name == "exon 3")
    assert exon.positions_below_required == 47199106 - 47199079
    assert not exon.assessable and exon.limit_of_detection_vaf < 0.02


def test_every_listed_allele_is_counted(deep_exon_3):
    forced = {allele.hgvs_c: allele for allele in deep_exon_3.forced_alleles}
    entries = (paths.resources() / "uba1" / "variants.tsv").read_text(encoding="utf-8")
    listed = {line.split("\t")[0] for line in entries.splitlines() if line.startswith("c.")}
    assert listed <= set(forced)
    assert set(forced) == listed  # the list holds all nine single-base changes of the codon
    assert forced["c.122T>C"].depth_fragments == 500 and forced["c.122T>C"].alt_fragments == 0
    assert forced["c.1861A>T"].depth_fragments == 0
    assert forced["c.1861A>T"].limit_of_detection_vaf is None


def test_the_codons_limit_is_the_worst_canonical_one(deep_exon_3):
    codon = deep_exon_3.codon41
    canonical = [
        codon.limit_of_detection_by_allele[f"c.{n}"] for n in ("121A>G", "121A>C", "122T>C")
    ]
    assert codon.limit_of_detection_vaf == max(canonical)
    assert len(codon.limit_of_detection_by_allele) == 10


def test_what_was_used_is_written_down(deep_exon_3):
    assert deep_exon_3.parameters["required_limit_vaf"] == 0.02
    assert deep_exon_3.parameters["power"] == 0.95
    assert deep_exon_3.parameters["locus_sha256"] == locus().sha256
    assert deep_exon_3.locus_version == locus().version
    assert set(deep_exon_3.software) >= {"vexas-uba1", "pysam", "htslib", "numpy"}


def test_a_reference_unlike_the_record_is_used_and_warned_of(tmp_path):
    # A silent base of exon 3 differs in the user's genome: every read agrees with the FASTA.
    base = {47199059: "A"}
    case = {
        "genome": {"fasta": True, "bases": base},
        "reads": [{"count": 400, "start1": 47198960, "cigar": "150M", "spread": 60}],
        "sample": {"assay": "panel"},
    }
    assert hand_genome().slice1(47199059, 1) != "A"
    for genome in ({"fasta": True}, {"fasta": False}):
        call = run_case({**case, "genome": {"bases": base, **genome}}, tmp_path).call
        assert call.variants == ()
        assert any("1 exon bases of the reference differ" in w for w in call.qc.warnings)


def test_records_without_qualities_are_warned_of(tmp_path):
    genome = hand_genome()
    builder = SamBuilder([("chrX", genome.length)], header_lines=[MARKED])
    for n in range(100):
        bases = genome.slice1(47198990, 100)
        builder.line(f"r{n}\t0\tchrX\t47198990\t60\t100M\t*\t0\t0\t{bases}\t*")
    call = call_bam(builder.write_bam(tmp_path / "q.bam"), tmp_path, sample=MAN)
    assert call.codon41.depth_fragments == 100
    assert any(w.startswith("100 records carry no base qualities") for w in call.qc.warnings)


def test_false_positives_stay_rare(tmp_path):
    """Errors drawn as the qualities say: twelve samples, and no variant in any of them."""
    generator = np.random.default_rng(11)
    genome = hand_genome()
    found = []
    for number in range(12):
        builder = SamBuilder([("chrX", genome.length)], header_lines=[MARKED])
        for n in range(250):
            start = 47198960 + n % 60
            bases = np.array(list(genome.slice1(start, 120)))
            wrong = np.flatnonzero(generator.random(120) < 10**-2.5)
            for at in wrong:
                bases[at] = generator.choice([b for b in "ACGT" if b != bases[at]])
            builder.read(f"r{n}", start, "".join(bases), qual=25, reverse=n % 2 == 1)
        call = call_bam(builder.write_bam(tmp_path / f"{number}.bam"), tmp_path, sample=MAN)
        found += [variant.hgvs_c for variant in call.variants]
    assert found == []


def with_umis(folder, tagged, plain):
    """Ten reads of 100 bases with tag RX where asked for, called with that tag."""
    genome = hand_genome()
    builder = reads_of(
        [{"count": tagged + plain, "start1": 47198990, "cigar": "100M", "spread": 10}], genome
    )
    builder.lines = [
        line + f"\tRX:Z:ACG{'ACGT'[number % 4]}" if number < tagged else line
        for number, line in enumerate(builder.lines)
    ]
    return call_bam(
        builder.write_bam(folder / "umi.bam"), folder, sample=MAN, options={"umi_tags": ("RX",)}
    )


def test_a_umi_tag_that_no_read_carries_is_an_error_and_no_fall_back(tmp_path):
    with pytest.raises(UserError, match="no read of the gene carries the UMI's tag") as raised:
        with_umis(tmp_path, 0, 10)
    assert raised.value.problems[0].column == "umi"
    assert raised.value.problems[0].value == "RX"


def test_a_umi_tag_on_part_of_the_reads_is_told(tmp_path):
    assert any(
        "3 of 10 reads carry no UMI (RX)" in text for text in with_umis(tmp_path, 7, 3).qc.warnings
    )


def test_rna_cannot_judge_a_splice_site_even_where_reads_hold_introns(tmp_path):
    templates = [{"count": 300, "start1": 47198960, "cigar": "150M", "spread": 60}]
    bam = builder_of(templates).write_bam(tmp_path / "r.bam")
    acceptor = {}
    for assay in ("wes", "rna"):
        made = call_bam(bam, tmp_path, sample={"sex": "male", "assay": assay})
        acceptor[assay] = next(t for t in made.targets if t.name == "exon 3 splice acceptor")
    assert acceptor["wes"].assessable
    assert not acceptor["rna"].assessable
    assert acceptor["rna"].limit_of_detection_vaf is None


def test_parts_of_a_split_read_are_one_molecule(tmp_path):
    genome = hand_genome()
    builder = builder_of(
        [{"count": 100, "start1": 47198960, "cigar": "150M", "spread": 60}], genome
    )
    left = genome.slice1(47198300, 60)
    right = genome.slice1(47199020, 32) + "C" + genome.slice1(47199053, 47)
    for number in range(6):
        name = f"split{number}"
        builder.read(name, 47198300, left + right, cigar="60M80S")
        builder.read(name, 47199020, right, cigar="60H80M", flag=SUPPLEMENTARY)
        # Folded back over its own bases: nothing new.
        builder.read(name, 47199020, right, cigar="60H80M", flag=SUPPLEMENTARY, reverse=True)
    call = call_bam(builder.write_bam(tmp_path / "split.bam"), tmp_path, sample=MAN)
    assert call.codon41.haplotypes == {"ATG": 100, "ACG": 6}
    (found,) = call.variants
    assert (found.hgvs_c, found.alt_fragments, found.depth_fragments) == ("c.122T>C", 6, 106)
    assert (found.alt_forward, found.alt_reverse) == (6, 0)


def test_limits_know_of_records_whose_names_clash(tmp_path):
    # Twenty mutants, there again with other qualities under the same names: they are left out.
    wild = {"count": 400, "start1": 47198960, "cigar": "120M", "spread": 60}
    mutant = {"count": 20, "start1": 47198960, "cigar": "120M", "change": {47199052: "C"}}
    plain, hidden = builder_of([wild]), builder_of([wild, mutant])
    names = {line.split("\t")[0] for line in plain.lines}
    for line in [line for line in hidden.lines if line.split("\t")[0] not in names]:
        fields = line.split("\t")
        fields[10] = "5" * len(fields[10])
        hidden.lines.append("\t".join(fields))
    found = {}
    for name, builder in (("plain", plain), ("hidden", hidden)):
        (tmp_path / name).mkdir()
        bam = builder.write_bam(tmp_path / name / "m.bam")
        found[name] = call_bam(bam, tmp_path / name, sample=MAN | {"assay": "panel"})
    without, call = found["plain"], found["hidden"]
    assert call.codon41.depth_fragments == without.codon41.depth_fragments == 400
    assert call.codon41.haplotypes == without.codon41.haplotypes
    assert call.qc.excluded_records == {"conflicting": 40}
    # Each of the 40 records may be a molecule that showed the allele.
    assert call.codon41.limit_of_detection_vaf == pytest.approx(40 / 440)
    assert call.codon41.vaf_upper95_if_absent > 40 / 440
    for allele in call.forced_alleles:
        if allele.hgvs_c in ("c.121A>G", "c.122T>C"):
            assert allele.limit_of_detection_vaf == pytest.approx(40 / 440)
            assert allele.vaf_upper95 > 40 / 440
    (locus,) = (target for target in call.targets if target.name == "codon 41")
    assert locus.limit_of_detection_vaf == pytest.approx(40 / 440) and not locus.assessable
    assert any("40 records were left out" in warning for warning in call.qc.warnings)
    assert decide(without).code == "not_detected" and decide(call).code == "not_assessable"


def test_the_reads_view_is_what_the_table_counts(mixed):
    _, call = mixed
    view, codon = call.reads_view, call.codon41
    drawn = Counter(row.haplotype for row in view.alt_rows)
    others = {name: count for name, count in codon.haplotypes.items() if name != "ATG"}
    # Thirty rows at most, in the shares of what there is.
    assert len(view.alt_rows) == 30 < view.alt_fragments and len(view.reference_rows) == 10
    assert view.alt_fragments + view.reference_fragments >= codon.depth_fragments
    assert set(drawn) <= set(others) | {"", "ATG"}
    assert drawn["ACG"] == pytest.approx(30 * others["ACG"] / view.alt_fragments, abs=2)
    assert {row.haplotype for row in view.reference_rows} == {"ATG"}
    assert (view.start, view.end) == (47199021, 47199083)
    assert view.codon == (47199051, 47199052, 47199053)
    assert view.exons == ((47199048, 47199083),)
    assert view.reference[30:33] == "ATG"
    for row in (*view.alt_rows, *view.reference_rows):
        assert len(row.bases) == len(row.quality) == len(view.reference) == 63
        if row.haplotype == "ACG":
            assert row.bases[30:33] == ".C."
        # Quality where a base is read, and nowhere else.
        shown = zip(row.bases, row.quality, strict=True)
        assert all((base in " -?") == (tens == " ") for base, tens in shown)
    # The deletion of the acceptor's bases is found, so its fragments are shown.
    assert any("-" in row.bases for row in view.alt_rows)
    assert any(row.inserted for row in view.alt_rows) == any(
        "ins" in v.hgvs_c for v in call.variants
    )
    middle = view.reads_by_base[1]
    assert middle["C"] >= codon.haplotypes["ACG"] and middle["T"] > 0


def test_a_view_of_few_fragments_shows_them_all(tmp_path):
    reads = [
        {"count": 30, "start1": 47198960, "cigar": "120M", "spread": 60},
        {"count": 7, "start1": 47198960, "cigar": "120M", "change": {47199052: "C"}},
    ]
    call = run_case({"reads": reads, "sample": {"assay": "panel"}}, tmp_path).call
    view = call.reads_view
    assert [row.haplotype for row in view.alt_rows] == ["ACG"] * 7
    assert (view.alt_fragments, view.reference_fragments) == (7, 30)
    assert len(view.reference_rows) == 10
    assert {row.strand for row in view.alt_rows} <= {"forward", "reverse"}
    assert view.reads_by_base[1] == {"A": 0, "C": 7, "G": 0, "T": 30}


def test_a_file_without_any_record_of_the_gene_asks_for_the_build(tmp_path):
    # GRCh37 by the contig's length, and all reads where the gene is on GRCh38.
    builder = SamBuilder([("chrX", 155_270_560)])
    for number in range(40):
        builder.read(f"r{number}", 47_199_000 + number, "ACGTACGTAC" * 10)
    call = call_bam(builder.write_bam(tmp_path / "wrong.bam"), tmp_path)
    (warning,) = [each for each in call.qc.warnings if "no record lies" in each]
    assert "UBA1 is on GRCh37" in warning
    assert decide(call).code == "not_assessable"
