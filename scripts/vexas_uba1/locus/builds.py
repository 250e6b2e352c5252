"""Which build a file is on, from its contigs' names, lengths and checksums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vexas_uba1.errors import UserError
from vexas_uba1.locus.placed import PlacedLocus, place
from vexas_uba1.locus.record import BuildRecord, Locus

_SHOWN_CONTIGS = 8


@dataclass(frozen=True)
class Contig:
    """One contig as a header or an index states it.

    Attributes:
        name: As in the file.
        length: In bases.
        m5: MD5 of its bases (the M5 tag), or None.
    """

    name: str
    length: int
    m5: str | None = None


@dataclass(frozen=True)
class DetectedBuild:
    """The gene on the file's build, and what a reader of the result should know of the finding."""

    placed: PlacedLocus
    warnings: tuple[str, ...] = ()


def detect_build(
    contigs: Sequence[Contig], locus: Locus, *, file: str, wanted: str | None = None
) -> DetectedBuild:
    """Find the build of a file.

    The contig must carry one of the record's names and one of its lengths, and nothing else it
    states may contradict them: neither an accession's version, nor a checksum known to be another
    build's. A checksum that is no known build's, as of a masked reference, gives a warning.

    Args:
        contigs: All contigs of the file.
        locus: The gene record.
        file: The file as the user named it.
        wanted: The build that the configuration asks for; None or ``auto`` if it leaves that open.

    Raises:
        UserError: no contig of the gene, a length of no known build, statements in conflict with
            each other or with ``wanted``.
    """
    if wanted is not None and wanted != "auto":
        locus.placed(wanted)
    candidates = _named_contigs(contigs, locus)
    if not candidates:
        raise UserError(
            f"no contig is named like that of {locus.gene} ({_known_names(locus)}); the file has "
            f"{_listed([contig.name for contig in contigs])}",
            remedy="Give a file aligned to a build that holds this contig, or name the contig in a "
            "gene record of your own (locus)",
            file=file,
        )
    fitting = [
        (contig, build)
        for contig in candidates
        for build in locus.builds
        if build.length == contig.length
    ]
    if not fitting:
        raise _unknown_length(candidates, locus, file)
    agreeing = [(contig, build) for contig, build in fitting if contig.name in build.contigs]
    if not agreeing:
        raise _conflict(*fitting[0], locus, file)
    if len(agreeing) > 1:
        raise UserError(
            f"more than one contig could be that of {locus.gene}: "
            + ", ".join(f"{contig.name} ({build.name})" for contig, build in agreeing),
            remedy="Give a file aligned to one build",
            file=file,
        )
    contig, build = agreeing[0]
    owners = [
        known for known in locus.builds if contig.m5 is not None and known.m5 == contig.m5.lower()
    ]
    if owners and build not in owners:
        raise UserError(
            f"contig {contig.name} has the length of {build.name} ({contig.length}) "
            f"but the M5 of {owners[0].name}",
            remedy="Mend the header, or align the reads again",
            file=file,
            value=contig.m5,
        )
    if wanted is not None and wanted not in ("auto", build.name):
        raise UserError(
            f"the file is on {build.name} ({contig.name}, {contig.length} bases) "
            f"but the configuration says {wanted}",
            remedy=f"Set build to {build.name} or auto, or give the file that is on {wanted}",
            file=file,
            column="build",
            value=wanted,
        )
    warnings: tuple[str, ...] = ()
    if contig.m5 is not None and build.m5 is not None and not owners:
        warnings = (
            f"M5 of contig {contig.name} is {contig.m5}, not that of {build.name} ({build.m5}): "
            "a modified reference, such as a masked one",
        )
    return DetectedBuild(place(locus, build, contig.name), warnings)


def _named_contigs(contigs: Sequence[Contig], locus: Locus) -> list[Contig]:
    """Return the contigs under one of the record's names or accessions, of whatever version."""
    names = {name for build in locus.builds for name in build.contigs}
    names |= {name for assembly in locus.other_assemblies for name in assembly.contigs}
    stems = {name.rpartition(".")[0] for name in names if name.rpartition(".")[2].isdigit()} - {""}
    return [
        contig
        for contig in contigs
        if contig.name in names or (contig.name.rpartition(".")[0] in stems)
    ]


def _unknown_length(candidates: list[Contig], locus: Locus, file: str) -> UserError:
    found = ", ".join(f"{contig.name} has {contig.length} bases" for contig in candidates)
    known = ", ".join(f"{build.name} {build.length}" for build in locus.builds)
    lengths = {contig.length for contig in candidates}
    assembly = next((entry for entry in locus.other_assemblies if entry.length in lengths), None)
    name = "an unknown build" if assembly is None else assembly.name
    return UserError(
        f"{found}: {name}, where the gene record does not know the place of {locus.gene} "
        f"(it knows {known})",
        remedy="Give the FASTA of this assembly in the configuration (reference), so that the "
        "exons get placed in it, or give a file on a known build",
        file=file,
    )


def _conflict(contig: Contig, build: BuildRecord, locus: Locus, file: str) -> UserError:
    owner = next((known.name for known in locus.builds if contig.name in known.contigs), None)
    named = f"is a name of {owner}" if owner is not None else "is a name of no known build"
    return UserError(
        f"contig {contig.name} {named} but has the length of {build.name} ({contig.length})",
        remedy="Mend the header, or align the reads again",
        file=file,
    )


def _known_names(locus: Locus) -> str:
    return ", ".join(dict.fromkeys(name for build in locus.builds for name in build.contigs))


def _listed(names: list[str]) -> str:
    if not names:
        return "no contigs"
    more = len(names) - _SHOWN_CONTIGS
    return ", ".join(names[:_SHOWN_CONTIGS]) + (f" and {more} more" if more > 0 else "")
