"""What a simulation is to draw: a closed, typed description, read from YAML or built in code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from vexas_uba1.errors import Problem, UserError


@dataclass(frozen=True)
class Clone:
    """Molecules that carry the same alleles in cis; two clones lie in trans.

    Attributes:
        alleles: c. names, such as ``c.122T>C`` or ``c.[119G>C;121A>T]``.
        vaf: Share of all molecules, 0 to 1.
    """

    alleles: tuple[str, ...]
    vaf: float


@dataclass(frozen=True)
class GenomeSpec:
    """Where the reads lie and what is around the exons.

    Attributes:
        build: A build of the gene record.
        contig: Name of the gene's contig; None for the record's first.
        header: ``target`` for a genome of that contig alone, ``all`` for all chromosomes.
        intron_seed: Intron bases (and unknown exon bases) are drawn from it; the same on every
            build.
        fasta: A genome FASTA whose bases are used instead of drawn ones, or None.
        locus: A gene record other than the bundled one, or None.
    """

    build: str = "GRCh38"
    contig: str | None = None
    header: str = "target"
    intron_seed: int = 41
    fasta: str | None = None
    locus: str | None = None


@dataclass(frozen=True)
class UmiSpec:
    """Unique molecular identifiers: in RX of a BAM, at the start of the reads of a FASTQ.

    Attributes:
        length: Bases of one UMI.
        duplex: Both strands of a molecule are copied and each end has its UMI; RX reads
            ``own-other``.
    """

    length: int = 8
    duplex: bool = False


@dataclass(frozen=True)
class LibrarySpec:
    """How molecules become reads.

    Attributes:
        molecule: ``dna``, or ``rna`` for fragments of the spliced transcript.
        ends: ``random``, or ``fixed`` for an amplicon over each region.
        paired: Whether both ends are read.
        read_length: Bases of the molecule that a read holds at most; a UMI comes before them.
        insert_mean: Mean length of the molecules in bases, for random ends.
        insert_sd: Its standard deviation.
        copies_mean: Mean PCR copies of a molecule (of each strand, if duplex); 1 means no
            duplicates.
        flag_duplicates: Whether a BAM flags all copies of a molecule but the first (0x400).
        umi: None for a library without.
        lanes: Lanes that the copies are spread over.
    """

    molecule: str = "dna"
    ends: str = "random"
    paired: bool = True
    read_length: int = 150
    insert_mean: float = 220.0
    insert_sd: float = 40.0
    copies_mean: float = 1.0
    flag_duplicates: bool = False
    umi: UmiSpec | None = None
    lanes: int = 1


@dataclass(frozen=True)
class QualitySpec:
    """Phred qualities: a straight line along the read with normal noise.

    Attributes:
        first: Mean quality of the first cycle.
        last: Mean quality of the last cycle.
        sd: Standard deviation of each base's quality.
        levels: If given, each quality becomes the nearest of these (as newer instruments write
            them).
    """

    first: float = 37.0
    last: float = 31.0
    sd: float = 2.0
    levels: tuple[int, ...] = ()


@dataclass(frozen=True)
class ArtefactSpec:
    """An error beyond what the qualities say.

    Attributes:
        context: Bases as the read sees them, the one that changes in brackets, N for any:
            ``A[T]T``.
        alt: What it becomes: A, C, G, T, or ``any``.
        rate: Probability at each base in this context.
        strand: ``any``, or only where the read lies ``forward`` or ``reverse`` on the genome.
        level: ``read``: in each read by itself (the instrument). ``molecule``: on one strand of
            the molecule, seen as the first read sees it and shared by both mates and all copies
            (damage, PCR).
        quality: Phred quality given to the wrong base (level ``read`` only), or None to leave it.
    """

    context: str
    alt: str
    rate: float
    strand: str = "any"
    level: str = "read"
    quality: int | None = None


@dataclass(frozen=True)
class ErrorSpec:
    """Which errors are made.

    Attributes:
        by_quality: Whether each base is wrong with probability 10^(-Q/10).
        artefacts: Errors beyond that.
    """

    by_quality: bool = True
    artefacts: tuple[ArtefactSpec, ...] = ()


@dataclass(frozen=True)
class Simulation:
    """One sample to draw.

    Attributes:
        sample: Its name.
        seed: All molecules, qualities and errors are drawn from it.
        clones: What differs from the reference; empty for a negative. The VAFs add up to at most 1.
        exact: Round VAF x depth at each clone's first allele instead of drawing the number of its
            molecules.
        depth_fragments: Molecules whose reads cover a base of the regions, on average.
        regions: ``codon``, ``exon N``, ``coding``, ``window``, or a stretch such as
            ``c.118-60_176+40``.
        genome: Where.
        library: How molecules become reads.
        qualities: Of the bases.
        errors: Of the bases.
        formats: Of the files: ``fastq``, ``bam``, ``cram``.
    """

    sample: str = "SIMULATED"
    seed: int = 1
    clones: tuple[Clone, ...] = ()
    exact: bool = False
    depth_fragments: float = 500.0
    regions: tuple[str, ...] = ("coding",)
    genome: GenomeSpec = field(default_factory=GenomeSpec)
    library: LibrarySpec = field(default_factory=LibrarySpec)
    qualities: QualitySpec = field(default_factory=QualitySpec)
    errors: ErrorSpec = field(default_factory=ErrorSpec)
    formats: tuple[str, ...] = ("bam",)

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON values; of the user's files only the names."""
        values = _plain(self)
        for key in ("fasta", "locus"):
            if values["genome"][key] is not None:
                values["genome"][key] = Path(values["genome"][key]).name
        return values


def load_spec(path: Path) -> Simulation:
    """Read a simulation from YAML; paths in it are relative to its folder.

    Raises:
        UserError: the file is missing, not YAML, or breaks ``simulation.schema.json``; carries
            every problem.
    """
    from vexas_uba1.samples.document import read_document

    document = read_document(path, str(path))
    if document.problems:
        raise UserError.of(document.problems)
    return spec_of(document.values, file=str(path), lines=document.lines, folder=path.parent)


def spec_of(
    values: Mapping[str, Any],
    *,
    file: str | None = None,
    lines: Mapping[tuple[str, ...], int] | None = None,
    folder: Path | None = None,
) -> Simulation:
    """Check a simulation given as plain values and return it typed.

    Args:
        values: As in the YAML.
        file: Named in errors.
        lines: 1-based line of each key in ``file``, for errors.
        folder: What relative paths in ``values`` are relative to; None for the working directory.

    Raises:
        UserError: carries every problem found.
    """
    from vexas_uba1.samples.schema import find_faults, load_schema

    rows = lines or {}
    problems = [
        Problem(
            fault.message,
            fault.remedy,
            file=file,
            row=rows.get(fault.key),
            column=".".join(fault.key),
            value=None if fault.value is None else str(fault.value),
        )
        for fault in find_faults(values, load_schema("simulation"), noun="key")
    ]
    if problems:
        raise UserError.of(problems)
    spec: Simulation = _typed(Simulation, values)
    problems = _contradictions(spec, file)
    if problems:
        raise UserError.of(problems)
    if folder is None:
        return spec
    fasta, locus = (
        None if name is None else str(folder / name)
        for name in (spec.genome.fasta, spec.genome.locus)
    )
    return replace(spec, genome=replace(spec.genome, fasta=fasta, locus=locus))


def changed(spec: Simulation, changes: Mapping[str, Any]) -> Simulation:
    """Return a spec with other values, checked like a file's.

    Args:
        spec: What to start from.
        changes: Values by key, such as ``seed``, or by keys with a dot between, such as
            ``genome.build``.

    Raises:
        UserError: carries every problem found.
    """
    values = _plain(spec)
    for key, value in changes.items():
        *above, last = key.split(".")
        inner = values
        for name in above:
            inner = inner[name]
        inner[last] = value
    return spec_of(values)


def _contradictions(spec: Simulation, file: str | None) -> list[Problem]:
    """Return what the schema cannot say."""
    problems: list[Problem] = []

    def wrong(message: str, remedy: str, column: str, value: object) -> None:
        problems.append(Problem(message, remedy, file=file, column=column, value=str(value)))

    total = sum(clone.vaf for clone in spec.clones)
    if total > 1 + 1e-9:
        wrong("the clones' VAFs add up to more than 1", "Lower them", "clones", total)
    if spec.library.umi is not None and spec.library.umi.duplex and not spec.library.paired:
        wrong("duplex UMIs need both ends read", "Set paired: true", "library.umi.duplex", True)
    if spec.library.molecule == "rna" and spec.library.ends == "fixed":
        wrong("an RNA library has random ends", "Set ends: random", "library.ends", "fixed")
    for artefact in spec.errors.artefacts:
        if f"[{artefact.alt}]" in artefact.context:
            wrong(
                "the artefact leaves the base as it is",
                "Give another alt",
                "errors.artefacts",
                artefact.context,
            )
        if artefact.level == "molecule" and artefact.quality is not None:
            wrong(
                "an error of the molecule does not change qualities",
                "Leave quality out, or set level: read",
                "errors.artefacts",
                artefact.context,
            )
    return problems


def _plain(spec: Simulation) -> dict[str, Any]:
    """Return the values as YAML has them, lists for tuples."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(spec)))
    return values


def _typed(kind: Any, value: Any) -> Any:
    """Turn checked plain values into the dataclass (or tuple of them) that ``kind`` names."""
    if value is None:
        return None
    if get_origin(kind) is tuple:
        return tuple(_typed(get_args(kind)[0], item) for item in value)
    members = [member for member in get_args(kind) if member is not type(None)]
    if members:
        return _typed(members[0], value)
    if isinstance(value, Mapping):
        hints = get_type_hints(kind)
        return kind(**{name: _typed(hints[name], given) for name, given in value.items()})
    return float(value) if kind is float else value
