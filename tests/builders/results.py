"""Results made in code: a sample with M41T at 30 %, and what a test wants changed in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vexas_uba1.grouping.report import DuplicateReport
from vexas_uba1.realignment.report import RealignmentReport
from vexas_uba1.result import (
    Codon41,
    ExonCoverage,
    ForcedAllele,
    InputFile,
    InputInfo,
    InsertedBases,
    QualityControl,
    ReadsView,
    ReadsViewRow,
    SampleCall,
    SampleInfo,
    SampleResult,
    SexCheck,
    Target,
    Variant,
    Verdict,
)

SOURCE_OF_CANONICAL = "PMID:33108101"


def a_sample(**changes: Any) -> SampleInfo:
    """Return what a sheet says of one man's blood sample."""
    values: dict[str, Any] = {
        "id": "S1",
        "patient": "P1",
        "collected": "2026-01-05",
        "specimen": "blood",
        "sex": "male",
        "assay": "panel",
        "run": "R1",
        "index_type": "unique_dual",
    }
    return SampleInfo(**(values | changes))


def an_input(**changes: Any) -> InputInfo:
    """Return one BAM on GRCh38."""
    values: dict[str, Any] = {
        "build": "GRCh38",
        "contig": "chrX",
        "contig_length": 156_040_895,
        "files": (InputFile(name="s1.bam", bytes=12345, sha256="0" * 64),),
    }
    return InputInfo(**(values | changes))


def a_codon41(**changes: Any) -> Codon41:
    """Return 502 fragments over codon 41, 151 of them ACG."""
    values: dict[str, Any] = {
        "depth_fragments": 502,
        "count_unit": "fragments",
        "haplotypes": {"ATG": 351, "ACG": 151},
        "discordant_fragments": 3,
        "limit_of_detection_vaf": 0.011,
        "limit_of_detection_by_allele": {"c.121A>G": 0.011, "c.121A>C": 0.0105, "c.122T>C": 0.01},
        "vaf_upper95_if_absent": 0.00595,
        "depth_for_required_limit": 280,
    }
    return Codon41(**(values | changes))


def a_target(**changes: Any) -> Target:
    """Return codon 41 as an assessable target."""
    values: dict[str, Any] = {
        "name": "codon 41",
        "kind": "codon41",
        "depth_fragments": 502,
        "limit_of_detection_vaf": 0.011,
        "assessable": True,
        "positions": 3,
        "positions_below_required": 0,
    }
    return Target(**(values | changes))


def some_targets() -> tuple[Target, ...]:
    """Return codon 41, two other loci and three exons, of which exon 14 cannot be assessed."""
    return (
        a_target(),
        a_target(
            name="exon 3 splice acceptor", kind="vexas_locus", depth_fragments=480, positions=9
        ),
        a_target(name="c.1861", kind="vexas_locus", depth_fragments=455, positions=1),
        a_target(name="exon 2", kind="exon", depth_fragments=430, positions=117),
        a_target(name="exon 3", kind="exon", depth_fragments=495, positions=59),
        a_target(
            name="exon 14",
            kind="exon",
            depth_fragments=12,
            limit_of_detection_vaf=0.4,
            assessable=False,
            positions=156,
            positions_below_required=156,
        ),
    )


def some_coverage() -> tuple[ExonCoverage, ...]:
    """Return three exons, of which the last is read in its first half only, and hardly."""
    return (
        ExonCoverage("exon 2", 47196000, 47196116, (430,) * 117, (0.0123,) * 117),
        ExonCoverage("exon 3", 47199048, 47199106, (495,) * 59, (0.0108,) * 59),
        ExonCoverage(
            "exon 14", 47202000, 47202155, (24,) * 78 + (0,) * 78, (0.21,) * 78 + (None,) * 78
        ),
    )


def a_row(haplotype: str, bases: str, **changes: Any) -> ReadsViewRow:
    """Return a fragment of good bases, read on the forward strand."""
    values: dict[str, Any] = {
        "haplotype": haplotype,
        "bases": bases,
        "quality": "".join(" " if base in " -?" else "3" for base in bases),
        "strand": "forward",
        "copies": 1,
        "inserted": (),
    }
    return ReadsViewRow(**(values | changes))


def a_reads_view(**changes: Any) -> ReadsView:
    """Return eleven positions about the codon, two of 151 and one of 351 fragments."""
    values: dict[str, Any] = {
        "start": 47199047,
        "end": 47199057,
        "codon": (47199051, 47199052, 47199053),
        "exons": ((47199048, 47199057),),
        "reference": "GTATGGATGGA",
        "alt_rows": (
            a_row("ACG", ".....C.....", strand="both", copies=3),
            a_row("ACG", "  ...C..-?.", inserted=(InsertedBases(9, "GG"),), quality="  33312 3 33"),
        ),
        "reference_rows": (a_row("ATG", "...........", strand="reverse"),),
        "alt_fragments": 153,
        "reference_fragments": 351,
        "reads_by_base": ({"A": 801, "G": 2}, {"C": 240, "T": 560, "del": 1}, {"G": 799}),
    }
    return ReadsView(**(values | changes))


def a_variant(**changes: Any) -> Variant:
    """Return c.122T>C in 151 of 502 fragments, passing."""
    values: dict[str, Any] = {
        "hgvs_c": "c.122T>C",
        "hgvs_p": "p.(Met41Thr)",
        "chrom": "chrX",
        "pos": 47199052,
        "ref": "T",
        "alt": "C",
        "alt_fragments": 151,
        "depth_fragments": 502,
        "vaf": 151 / 502,
        "vaf_corrected": 0.3005,
        "vaf_low95": 0.26,
        "vaf_high95": 0.343,
        "expected_error_fragments": 0.17,
        "quality": 9999.0,
        "filters": (),
        "filter_reasons": {},
        "category": "met41_canonical",
        "verdict_class": "vexas",
        "evidence": "canonical",
        "sources": (SOURCE_OF_CANONICAL, "PMID:35793467"),
        "sources_read": True,
        "effect": "missense",
        "changes_protein": True,
        "at_codon41": True,
        "alt_forward": 80,
        "alt_reverse": 85,
        "depth_forward": 300,
        "depth_reverse": 280,
        "clone_fraction": {"man, one X: VAF": 151 / 502},
    }
    return Variant(**(values | changes))


def a_forced_allele(**changes: Any) -> ForcedAllele:
    """Return c.121A>G, which no fragment shows."""
    values: dict[str, Any] = {
        "hgvs_c": "c.121A>G",
        "hgvs_p": "p.(Met41Val)",
        "verdict_class": "vexas",
        "alt_fragments": 0,
        "depth_fragments": 502,
        "vaf_corrected": 0.0,
        "vaf_low95": 0.0,
        "vaf_high95": 0.00732,
        "expected_error_fragments": 0.17,
        "quality": 0.0,
        "significant": False,
        "limit_of_detection_vaf": 0.011,
        "vaf_upper95": 0.00595,
        "is_decisive": True,
        "target": "codon 41",
    }
    return ForcedAllele(**(values | changes))


def some_forced_alleles() -> tuple[ForcedAllele, ...]:
    """Return the three canonical alleles (c.122T>C seen) and one that could not be seen at all."""
    return (
        a_forced_allele(),
        a_forced_allele(hgvs_c="c.121A>C", hgvs_p="p.(Met41Leu)", limit_of_detection_vaf=0.0105),
        a_forced_allele(
            hgvs_c="c.122T>C",
            hgvs_p="p.(Met41Thr)",
            alt_fragments=151,
            vaf_corrected=0.3005,
            vaf_low95=0.26,
            vaf_high95=0.343,
            quality=9999.0,
            significant=True,
            limit_of_detection_vaf=0.01,
            vaf_upper95=0.343,
        ),
        a_forced_allele(
            hgvs_c="c.1430G>C",
            hgvs_p="p.(Gly477Ala)",
            verdict_class="other",
            depth_fragments=0,
            vaf_high95=1.0,
            expected_error_fragments=0.0,
            limit_of_detection_vaf=None,
            vaf_upper95=None,
            is_decisive=False,
            target="",
        ),
    )


def a_sex_check(**changes: Any) -> SexCheck:
    """Return the check of a panel, which allows none."""
    values: dict[str, Any] = {
        "expected": "male",
        "observed": "not_available",
        "agrees": None,
        "x_ratio": None,
        "y_ratio": None,
        "note": "not checked: how deeply a panel covers X and Y depends on its design",
    }
    return SexCheck(**(values | changes))


def a_qc(**changes: Any) -> QualityControl:
    """Return an unremarkable quality section."""
    values: dict[str, Any] = {
        "reference_source": "md",
        "error_model": "base qualities",
        "carry_over": "not_checked",
        "records_in_window": 1200,
        "fragments": 600,
        "excluded_records": {"secondary": 2, "duplicate": 31},
        "mate_disagreement_rate": 0.001,
        "mismatch_rate": 0.002,
        "duplicates": DuplicateReport("flags", fragments=615, molecules=600, left_out=15),
        "realignment": RealignmentReport(12, {"haplotype": 3}),
        "sex_check": a_sex_check(),
        "primers": None,
        "panel": None,
        "warnings": (),
    }
    return QualityControl(**(values | changes))


def a_call(**changes: Any) -> SampleCall:
    """Return the call of a man with c.122T>C at 30 %; ``changes`` replace fields of SampleCall."""
    values: dict[str, Any] = {
        "sample": a_sample(),
        "input": an_input(),
        "codon41": a_codon41(),
        "targets": some_targets(),
        "coverage": some_coverage(),
        "reads_view": a_reads_view(),
        "variants": (a_variant(),),
        "forced_alleles": some_forced_alleles(),
        "qc": a_qc(),
        "gene": {
            "gene": "UBA1",
            "transcript": "NM_003334.4",
            "codon_number": "41",
            "codon_reference": "ATG",
            "codon_note": "start codon of the UBA1b isoform",
        },
        "software": {"vexas-uba1": "0.1.0", "pysam": "0.24.1"},
        "catalogue_version": "2026.11",
        "locus_version": "2026.11",
        "parameters": {
            "reporting_limit_vaf": 0.02,
            "required_limit_vaf": 0.02,
            "amplicon_limit_floor_vaf": 0.01,
            "power": 0.95,
            "false_positive_rate_canonical": 4e-5,
            "input_ng": None,
            "primers_file": None,
            "primers_sha256": None,
        },
    }
    return SampleCall(**(values | changes))


def a_verdict(**changes: Any) -> Verdict:
    """Return ``detected`` with its sentence."""
    values: dict[str, Any] = {
        "code": "detected",
        "text": (
            "UBA1 NM_003334.4:c.122T>C p.(Met41Thr) detected, VAF 30.1 % (95 % interval "
            "26.0-34.3 %), 151 of 502 fragments. Consistent with VEXAS syndrome in the right "
            "clinical setting. Somatic origin is not established by this test."
        ),
        "reasons": (),
    }
    return Verdict(**(values | changes))


def a_result(*, verdict: Verdict | None = None, **changes: Any) -> SampleResult:
    """Return a result; ``changes`` replace fields of its call (``sample``: a name will do)."""
    if isinstance(changes.get("sample"), str):
        changes["sample"] = a_sample(id=changes["sample"])
    return SampleResult(call=a_call(**changes), verdict=verdict or a_verdict())


def a_negative(**changes: Any) -> SampleResult:
    """Return a result in which every fragment shows ATG."""
    negative: dict[str, Any] = {
        "verdict": a_verdict(
            code="not_detected",
            text="No UBA1 variant detected at or above 1.1 % VAF at codon 41.",
        ),
        "codon41": a_codon41(haplotypes={"ATG": 502}),
        "variants": (),
        "forced_alleles": tuple(
            allele for allele in some_forced_alleles() if not allele.significant
        ),
    }
    return a_result(**(negative | changes))


def an_empty_result(**changes: Any) -> SampleResult:
    """Return a result without a single read in the window."""
    empty: dict[str, Any] = {
        "verdict": a_verdict(
            code="not_assessable", text="Not assessable: no reads cover codon 41 of UBA1."
        ),
        "codon41": a_codon41(
            depth_fragments=0,
            haplotypes={},
            discordant_fragments=0,
            limit_of_detection_vaf=None,
            limit_of_detection_by_allele=dict.fromkeys(("c.121A>G", "c.121A>C", "c.122T>C")),
            vaf_upper95_if_absent=None,
            depth_for_required_limit=None,
        ),
        "targets": tuple(
            a_target(
                name=target.name,
                kind=target.kind,
                depth_fragments=0,
                limit_of_detection_vaf=None,
                assessable=False,
                positions=target.positions,
                positions_below_required=target.positions,
            )
            for target in some_targets()
        ),
        "coverage": tuple(
            replace(
                exon,
                depth_fragments=(0,) * len(exon.depth_fragments),
                limit_of_detection_vaf=(None,) * len(exon.depth_fragments),
            )
            for exon in some_coverage()
        ),
        "reads_view": a_reads_view(
            alt_rows=(),
            reference_rows=(),
            alt_fragments=0,
            reference_fragments=0,
            reads_by_base=({}, {}, {}),
        ),
        "variants": (),
        "forced_alleles": (
            a_forced_allele(
                depth_fragments=0,
                vaf_high95=1.0,
                expected_error_fragments=0.0,
                limit_of_detection_vaf=None,
                vaf_upper95=None,
            ),
        ),
        "qc": a_qc(
            records_in_window=0,
            fragments=0,
            excluded_records={},
            mate_disagreement_rate=None,
            mismatch_rate=None,
            duplicates=DuplicateReport("flags", fragments=0, molecules=0),
            realignment=RealignmentReport(0, {}),
            reference_source="record",
        ),
    }
    return a_result(**(empty | changes))
