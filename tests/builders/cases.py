"""Named cases: reads written by hand (or simulated), run through the caller in one process.

A case is ``tests/cases/<name>/case.yaml``:

    about: one sentence.
    genome:                      # all optional
      build: GRCh38              # of the bundled record
      contig: chrX               # as the header names it
      contigs: [[chr1, 248956422]]   # further contigs of the header
      introns: 7                 # seed that introns are drawn from
      bases: {47199039: A}       # reference bases set by hand, 1-based
      md: true                   # whether reads carry MD tags
      fasta: false               # whether the caller is given the FASTA
      coverage: {X: 0.5, Y: 0.2} # of the whole file by its index, beside autosomes of 1
      marked: true               # whether the header names a program that marks duplicates
      programs: ["ID:bwa"]       # fields of further @PG lines
    groups: [{ID: a, SM: CASE}]  # read groups of the header
    reads:                       # templates; 1-based positions, forward-strand bases as in SAM
      - count: 100               # fragments
        start1: 47199001
        cigar: 100M
        spread: 20               # fragment i begins i % spread bases further on
        change: {47199052: C}
        insert: ACC              # bases of the CIGAR's insertion
        clip: GGATC              # bases of its soft clip
        quality: 37
        quality_at: {47199052: 12}
        strand: both             # both (in turn), forward, reverse
        part: {start1: 47199048, cigar: 60H59M} # supplementary record, same keys
        mate: {start1: 47199061} # second read of a pair on the other strand, same keys
        mapq: 60
        flags: [duplicate]
        tags: {RX: ACGT}
        umi: true                # an RX of its own for each fragment
        copies: 5                # records of each fragment, under names of their own
    simulate: {...}              # or a simulation, as `vexas-uba1 simulate` takes it
    sample: {sex: male, assay: panel}
    options: {umi_tags: [RX], input_ng: 10, read_group_sample: A}
             # primers: [[chrX, 47198989, 47199009, "+"]]: contig, start, end, strand as in a BED
    expect: ...                  # see test_cases.py
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from builders.loci import bundled
from builders.sam import DUPLICATE, QC_FAILED, SECONDARY, SUPPLEMENTARY, SamBuilder
from builders.simulated import genome_of as genome_of_simulation
from vexas_uba1.alignments.coverage import ContigReads
from vexas_uba1.alignments.extraction import Extraction, extract_region
from vexas_uba1.alignments.fasta import Genome, open_genome
from vexas_uba1.calling import CallOptions, call_observed
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.locus.record import Locus, load_locus
from vexas_uba1.observing import observe_sample
from vexas_uba1.result import SampleCall, SampleInfo, SampleResult
from vexas_uba1.samples.config import read_config
from vexas_uba1.samples.primers import Primer, Primers
from vexas_uba1.simulate.padded_fasta import write_padded_fasta
from vexas_uba1.simulate.run import simulate
from vexas_uba1.simulate.spec import spec_of
from vexas_uba1.verdict import decide

CASES = Path(__file__).resolve().parents[1] / "cases"
FLANK = 500
MARKED = "@PG\tID:MarkDuplicates\tPN:MarkDuplicates"
_SLIDES = 10_000
FLAGS = {
    "duplicate": DUPLICATE,
    "qc_failed": QC_FAILED,
    "secondary": SECONDARY,
    "supplementary": SUPPLEMENTARY,
    "mate_unmapped": 1 | 8 | 64,
}
_READ_KEYS = {
    "count", "start1", "cigar", "spread", "change", "insert", "quality", "quality_at", "strand",
    "slide", "mate", "part", "clip", "mapq", "flags", "tags", "umi", "copies", "group",
}  # fmt: skip


@dataclass(frozen=True)
class HandGenome:
    """Reference bases over the gene, put together here and not by the product.

    Attributes:
        build: Of the bundled record.
        contig: As the reads' header names it.
        length: Of the contig.
        start1: 1-based position of the first base.
        bases: Exons as the record lists them, introns drawn from a seed, GT and AG at their ends.
    """

    build: str
    contig: str
    length: int
    start1: int
    bases: str

    def slice1(self, start1: int, length: int) -> str:
        """Return ``length`` bases from a 1-based position on."""
        at = start1 - self.start1
        assert at >= 0 and at + length <= len(self.bases), "a read leaves the written genome"
        return self.bases[at : at + length]

    def write_fasta(self, path: Path) -> Path:
        """Write the genome as a FASTA, N elsewhere."""
        contigs = [(self.contig, self.length)]
        write_padded_fasta(path, contigs, self.contig, self.start1 - 1, self.bases)
        return path


@cache
def _record() -> dict[str, Any]:
    return bundled()


@cache
def locus() -> Locus:
    """Return the bundled gene record."""
    return load_locus()


@cache
def hand_genome(
    build: str = "GRCh38",
    contig: str = "chrX",
    introns: int = 7,
    bases: tuple[tuple[int, str], ...] = (),
) -> HandGenome:
    """Return reference bases for one build; ``bases`` are set last, by 1-based position."""
    record = _record()
    placed = record["builds"][build]
    exons = placed["exons1"]
    # Reads may begin some bases before the window and end some after it.
    start1, end1 = exons[0][0] - FLANK - 300, exons[-1][1] + FLANK + 300
    drawn = random.Random(introns).choices("ACGT", k=end1 - start1 + 1)
    for (_, last), (first, _) in pairwise(exons):
        for at, base in ((last + 1, "G"), (last + 2, "T"), (first - 2, "A"), (first - 1, "G")):
            drawn[at - start1] = base
    for (first, _), exon in zip(exons, record["exons"], strict=True):
        for offset, base in enumerate(exon["bases"]):
            if base != "N":
                drawn[first - start1 + offset] = base
    for at, base in bases:
        drawn[at - start1] = base
    return HandGenome(build, contig, placed["length"], start1, "".join(drawn))


def genome_of(spec: Mapping[str, Any]) -> HandGenome:
    """Return the genome that a case's ``genome`` describes."""
    known = {key: spec[key] for key in ("build", "contig", "introns") if key in spec}
    return hand_genome(**known, bases=tuple(sorted(spec.get("bases", {}).items())))


def case_names() -> list[str]:
    """Return the cases' names."""
    return sorted(path.parent.name for path in CASES.glob("*/case.yaml"))


def load_case(name: str) -> dict[str, Any]:
    """Read one case."""
    case: dict[str, Any] = yaml.safe_load((CASES / name / "case.yaml").read_text(encoding="utf-8"))
    known = {"about", "genome", "groups", "reads", "simulate", "sample", "options", "expect"}
    assert set(case) <= known, f"unknown keys: {set(case) - known}"
    assert ("reads" in case) != ("simulate" in case)
    return case


def reads_of(
    templates: list[dict[str, Any]],
    genome: HandGenome,
    *,
    md: bool = True,
    contigs: tuple[tuple[str, int], ...] = (),
    groups: tuple[Mapping[str, str], ...] = (),
    marked: bool = True,
    programs: Iterable[str] = (),
) -> SamBuilder:
    """Write the templates' records."""
    builder = SamBuilder(
        [(genome.contig, genome.length), *contigs],
        groups=groups,
        header_lines=(*([MARKED] if marked else []), *(f"@PG\t{one}" for one in programs)),
    )
    for number, template in enumerate(templates):
        assert set(template) <= _READ_KEYS, f"unknown keys: {set(template) - _READ_KEYS}"
        made: dict[tuple[bool, int], _Record] = {}
        for fragment in range(template["count"]):
            for copy in range(template.get("copies", 1)):
                name = f"t{number}.{fragment}.{copy}"
                _add_fragment(builder, genome, template, name, fragment, number, md, made)
    return builder


def _add_fragment(
    builder: SamBuilder,
    genome: HandGenome,
    template: dict[str, Any],
    name: str,
    fragment: int,
    number: int,
    md: bool,
    made: dict[tuple[bool, int], _Record],
) -> None:
    shift = fragment % template.get("spread", 1)
    slide = fragment % template.get("slide", 1)
    strand = template.get("strand", "both")
    reverse = strand == "reverse" or (strand == "both" and fragment % 2 == 1)
    tags = dict(template.get("tags", {}))
    if template.get("umi"):
        tags["RX"] = _umi(10_000 * number + fragment)
    flag = sum(FLAGS[one] for one in template.get("flags", []))
    common = {"mapq": template.get("mapq", 60), "group": template.get("group"), "flag": flag}
    mate = template.get("mate")
    place = shift + slide * _SLIDES
    if (True, place) not in made:
        made[True, place] = _Record.of(template, genome, shift, slide)
        if mate is not None:
            described = {"cigar": template["cigar"], **mate}
            made[False, place] = _Record.of(described, genome, shift, slide)
    first = made[True, place]
    if mate is None:
        own = {"MD": first.md} if md else {}
        builder.read(
            name, first.start1, first.bases, cigar=first.cigar, qual=first.quality,
            reverse=reverse, tags={**own, **tags}, **common,
        )  # fmt: skip
        if "part" in template:
            part = _Record.of(template["part"], genome, 0, 0)
            builder.read(
                name, part.start1, part.bases, cigar=part.cigar, qual=part.quality,
                reverse=reverse, tags=tags, **{**common, "flag": flag | SUPPLEMENTARY},
            )  # fmt: skip
        return
    second = made[False, place]
    before = len(builder.lines)
    builder.pair(
        name, first.start1, first.bases, second.start1, second.bases, cigar=first.cigar,
        mate_cigar=second.cigar, qual=first.quality, mate_qual=second.quality,
        first="reverse" if reverse else "forward", tags=tags, **common,
    )  # fmt: skip
    if md:
        for at, record in zip((before, before + 1), (first, second), strict=True):
            builder.lines[at] += f"\tMD:Z:{record.md}"


@dataclass(frozen=True)
class _Record:
    """One record's own fields."""

    start1: int
    cigar: str
    bases: str
    quality: list[int]
    md: str

    @classmethod
    def of(cls, template: Mapping[str, Any], genome: HandGenome, shift: int, slide: int) -> _Record:
        start1 = template["start1"] + shift + slide
        cigar = _slid(template["cigar"], slide)
        changes = dict(template.get("change", {}))
        qualities_at = dict(template.get("quality_at", {}))
        default = template.get("quality", 37)
        bases, quality, md = "", [], _Md()
        at = start1
        for text, operation in re.findall(r"(\d+)([MIDNSH])", cigar):
            length = int(text)
            if operation == "M":
                for base in genome.slice1(at, length):
                    shown = changes.pop(at, base)
                    bases += shown
                    quality.append(qualities_at.pop(at, default))
                    md.compare(base, shown)
                    at += 1
            elif operation == "I":
                inserted = template["insert"]
                assert len(inserted) == length
                bases += inserted
                quality += [default] * length
            elif operation == "D":
                md.delete(genome.slice1(at, length))
                at += length
            elif operation == "N":
                at += length
            elif operation == "S":
                bases += template.get("clip", "ACGT"[at % 4] * length)
                quality += [default] * length
        assert len(bases) == len(quality)
        assert not changes and not qualities_at, f"outside of the read at {start1}: {changes}"
        return cls(start1, cigar, bases, quality, md.text)


def _slid(cigar: str, slide: int) -> str:
    """Return the CIGAR of a read that begins later, its indels where they were."""
    parts = [
        [int(length), operation] for length, operation in re.findall(r"(\d+)([MIDNSH])", cigar)
    ]
    matches = [part for part in parts if part[1] == "M"]
    matches[0][0] -= slide
    matches[-1][0] += slide
    return "".join(f"{length}{operation}" for length, operation in parts)


class _Md:
    """The MD tag, written from the reference and the read."""

    def __init__(self) -> None:
        self._done = ""
        self._same = 0

    def compare(self, reference: str, shown: str) -> None:
        if reference == shown:
            self._same += 1
        else:
            self._done += f"{self._same}{reference}"
            self._same = 0

    def delete(self, bases: str) -> None:
        self._done += f"{self._same}^{bases}"
        self._same = 0

    @property
    def text(self) -> str:
        return f"{self._done}{self._same}"


def _umi(number: int) -> str:
    """Return UMIs that no single misread letter turns into each other."""
    bases, number = "", number * 48_271 % 4**10
    for _ in range(10):
        number, digit = divmod(number, 4)
        bases += "ACGT"[digit]
    return bases


def options_of(sample: Mapping[str, Any], options: Mapping[str, Any]) -> CallOptions:
    """Return the settings of a sample, limits as the configuration's defaults have them."""
    facts = {"id": "CASE", **sample}
    assay = facts.get("assay", "unknown")
    config = _config()
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items()}
    given.pop("read_group_sample", None)
    if "primers" in given:
        listed = tuple(Primer(*row) for row in given["primers"])
        given["primers"] = Primers("primers.bed", "0" * 64, listed)
    made = CallOptions(
        sample=SampleInfo(**facts),
        reporting_limit_vaf=config.reporting_limit_vaf[assay],
        required_limit_vaf=config.required_limit_vaf[assay],
        amplicon_limit_floor_vaf=config.amplicon_limit_floor_vaf,
    )
    return replace(made, **given)


@cache
def _config() -> Any:
    return read_config({}).config


def chromosomes(coverage: Mapping[str, float]) -> tuple[ContigReads, ...]:
    """Return the counts of a whole genome's index: autosomes alike, others as ``coverage`` says."""
    given = {str(number): 1.0 for number in range(1, 23)} | dict(coverage)
    return tuple(ContigReads(name, 10**8, round(10_000 * share)) for name, share in given.items())


def call_bam(
    bam: Path,
    folder: Path,
    *,
    gene: Locus | None = None,
    genomes: tuple[Genome, ...] = (),
    sample: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    coverage: Mapping[str, float] | None = None,
    brief: Sequence[bool] = (False,),
) -> SampleCall:
    """Extract and call one file, once for each of ``brief``; return the last call."""
    gene = gene or locus()
    given = options or {}
    out = folder / "extracted.bam"
    extraction: Extraction = extract_region(
        bam,
        locus=gene,
        genomes=genomes,
        sample_id=(sample or {}).get("id", "CASE"),
        out_bam=out,
        scratch=folder / "scratch",
        read_group_sample=given.get("read_group_sample"),
        umi_tags=tuple(given.get("umi_tags", ())),
    )
    if coverage is not None:
        extraction = replace(extraction, chromosomes=chromosomes(coverage))
    catalogue, settings = load_catalogue(gene), options_of(sample or {}, given)
    seen = observe_sample(
        out, extraction, locus=gene, catalogue=catalogue, genomes=genomes, options=settings
    )
    made = [
        call_observed(
            seen, extraction, locus=gene, catalogue=catalogue, options=settings, brief=is_brief
        )
        for is_brief in brief
    ]
    return made[-1]


def run_case(
    case: Mapping[str, Any], folder: Path, brief: Sequence[bool] = (False,)
) -> SampleResult:
    """Make a case's reads in ``folder`` and return their result, as of :func:`call_bam`."""
    given = case.get("genome", {})
    fasta: Path | None = None
    if "simulate" in case:
        spec = spec_of(case["simulate"])
        drawn = simulate(spec, folder / "simulated", genome=genome_of_simulation(spec.genome))
        bam, fasta = drawn.bam or drawn.cram, drawn.fasta
        assert bam is not None
    else:
        genome = genome_of(given)
        contigs = tuple((name, length) for name, length in given.get("contigs", []))
        builder = reads_of(
            case["reads"],
            genome,
            md=given.get("md", True),
            marked=given.get("marked", True),
            programs=given.get("programs", ()),
            contigs=contigs,
            groups=tuple(case.get("groups", ())),
        )
        bam = builder.write_bam(folder / "case.bam")
        if given.get("fasta"):
            fasta = genome.write_fasta(folder / "genome.fa.gz")
    genomes: tuple[Genome, ...] = ()
    if given.get("fasta") and fasta is not None:
        genomes = (open_genome(fasta, index_dir=folder / "index"),)
    call = call_bam(
        bam,
        folder,
        genomes=genomes,
        sample=case.get("sample", {}),
        options=case.get("options", {}),
        coverage=given.get("coverage"),
        brief=brief,
    )
    return SampleResult(call, decide(call))


def flat(values: Mapping[str, Any], *ignored: str) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested JSON values by dotted key, without those under ``ignored``."""
    for key, value in values.items():
        if key in ignored:
            continue
        if isinstance(value, Mapping):
            for inner, leaf in flat(value, *ignored):
                yield f"{key}.{inner}", leaf
        else:
            yield key, value
