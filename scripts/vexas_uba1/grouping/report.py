"""What became of copies, for the reader of a result."""

from __future__ import annotations

from dataclasses import dataclass

from vexas_uba1.grouping.identity import Kind

_WORTH_TELLING = 0.05
"""Share of the molecules from which those hidden by chance are told (assumed)."""
_LIKE_AMPLICONS = 0.1
"""Share of fragments that have ends of their own, below which primers may have made them
(assumed)."""


@dataclass(frozen=True)
class DuplicateReport:
    """What was taken for copies.

    Attributes:
        identity: ``flags``, ``ends``, ``umi`` or ``names``; see
            :class:`vexas_uba1.grouping.identity.Identity`.
        fragments: Those read, and with ``flags`` those left out before.
        molecules: What they are copies of.
        left_out: Fragments left out as copies: by flag (their number taken from that of the
            records) or by their ends; with ``umi`` those without a UMI alone.
        joined: Fragments that are further copies of a molecule and count within it.
        coinciding: Fragments with the ends of another one, left out or not; with ``ends``, and with
            ``flags`` where nothing is flagged and chance does not explain them.
        split: Names of molecules (``MI``) that fragments with unlike ends carry; each stands for
            several molecules.
        expected_by_chance: Molecules expected to be hidden among ``left_out`` or ``joined``, since
            they have the ends (and UMI) of another by chance; of ``ends`` where nothing is left
            out, of ``coinciding``, all of them.
    """

    identity: Kind
    fragments: int
    molecules: int
    left_out: int = 0
    joined: int = 0
    coinciding: int = 0
    split: int = 0
    expected_by_chance: float = 0.0


def duplicate_warnings(report: DuplicateReport) -> list[str]:
    """Return what a reader must know about copies, as plain sentences without a full stop."""
    hidden = round(report.expected_by_chance)
    told = hidden >= max(1.0, _WORTH_TELLING * report.molecules)
    if report.identity == "ends":
        return _ends_warnings(report, hidden if told else 0)
    if report.identity == "umi":
        return _umi_warnings(report, hidden if told else 0)
    if report.coinciding >= max(1.0, _WORTH_TELLING * report.fragments):
        return [
            f"{report.coinciding:,} of {report.fragments:,} fragments have the ends of another "
            "one, more than chance explains, and none is flagged as a duplicate, though the file's "
            "header names a program that does so; if they are copies rather than consensus reads "
            "of molecules with UMIs, depth and VAF are wrong: mark duplicates again"
        ]
    if not told:
        return []
    return [
        f"about {hidden:,} or more of the {report.left_out:,} fragments left out as duplicates are "
        "expected to be molecules of their own that coincide by chance (counted: "
        f"{report.molecules:,}); the depth is understated"
    ]


def _umi_warnings(report: DuplicateReport, hidden: int) -> list[str]:
    warnings = []
    if report.left_out:
        warnings.append(
            f"{report.left_out:,} fragments without a UMI are left out, since they are flagged as "
            "duplicates or have the ends of another one"
        )
    if report.split:
        warnings.append(
            f"{report.split:,} names of molecules (MI) stand for fragments with unlike ends, which "
            "are counted as molecules of their own: it seems that files were grouped one by one "
            "and then merged, so copies in several of them are counted several times; group the "
            "merged file"
        )
    if hidden:
        warnings.append(
            f"about {hidden:,} molecules are expected to have the place and the UMI of another by "
            f"chance and to be taken for its copies (counted: {report.molecules:,}); the depth is "
            "understated"
        )
    return warnings


def _ends_warnings(report: DuplicateReport, hidden: int) -> list[str]:
    if not report.left_out:
        if report.coinciding <= _WORTH_TELLING * report.fragments:
            return []
        return [
            f"{report.coinciding:,} of {report.fragments:,} fragments have the ends of another "
            "one, no more than expected by chance, and all are counted"
        ]
    told = (
        f"{report.left_out:,} of {report.fragments:,} fragments have the ends of another one and "
        "are left out as its copies"
    )
    like_amplicons = report.molecules < _LIKE_AMPLICONS * report.fragments
    if hidden:
        told += f"; about {hidden:,} or more of them are expected by chance"
        told += ", so the depth is understated"
    if like_amplicons:
        told += "; if primers made these ends, set assay to amplicon"
    # Copies as such are usual: qc.duplicates counts them.
    return [told] if hidden or like_amplicons else []
