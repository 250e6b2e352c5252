"""The VCF of one sample and its index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vexas_uba1.errors import UserError
from vexas_uba1.files import replacing
from vexas_uba1.result import SampleCall, SampleResult, Variant
from vexas_uba1.tables import full_hgvs

if TYPE_CHECKING:
    from vexas_uba1.filters import Flag

# What has a meaning in an INFO field (VCF 4.3, section 1.2); old readers stop at a space.
_SPECIAL = {ord(char): f"%{ord(char):02X}" for char in "%;=, \t\r\n"}


def write_vcf(path: Path, result: SampleResult) -> None:
    """Write ``path`` (``.vcf.gz``, VCF 4.3, BGZF) and its tabix index, both deterministic.

    The sample column has counts and no genotype, for a mosaic variant has none.

    Args:
        path: The VCF; the index is ``path`` with ``.tbi`` appended.
        result: The sample's result.

    Raises:
        UserError: A variant carries a flag that this version does not know.
    """
    import pysam

    lines = [*_header(result.call), *_records(result.call)]
    # The index must not be the older of the two, or readers warn; so the VCF takes its place first.
    with replacing(path.with_name(f"{path.name}.tbi")) as index, replacing(path) as packed:
        with pysam.BGZFile(str(packed), "wb", None) as handle:
            handle.write("".join(f"{line}\n" for line in lines).encode("utf-8"))
        pysam.tabix_index(
            str(packed), preset="vcf", index=str(index), force=True, keep_original=True
        )


def _header(call: SampleCall) -> Iterator[str]:
    vaf = "RNA variant allele fraction" if call.sample.assay == "rna" else "Variant allele fraction"
    unit = call.codon41.count_unit.replace("_", " ")
    yield "##fileformat=VCFv4.3"
    yield f"##source=vexas-uba1 {call.software.get('vexas-uba1', '')}".rstrip()
    yield f"##reference={call.input.build}"
    yield f"##catalogueVersion={call.catalogue_version}"
    yield f"##locusVersion={call.locus_version}"
    length = f",length={call.input.contig_length}"
    yield f"##contig=<ID={call.input.contig}{length}>"
    yield _declare("FILTER", ID="PASS", Description="No flag raised")
    for flag in _flags_for(call.variants):
        yield _declare("FILTER", ID=flag.name, Description=f"{flag.description} ({flag.value})")
    for name, number, kind, description in (
        ("HGVSC", "1", "String", "HGVS name of the allele"),
        ("HGVSP", "1", "String", "HGVS name of the predicted protein change"),
        ("EFFECT", "1", "String", "Effect on the transcript"),
        ("VCLASS", "1", "String", "Class of the catalogue that decides the verdict"),
        ("CATEGORY", "1", "String", "Category of the catalogue"),
        ("EVIDENCE", "1", "String", "Kind of evidence of the catalogue"),
        ("SOURCES", ".", "String", "Sources of the evidence"),
        ("SOURCENOTREAD", "0", "Flag", "The catalogue's makers have not read the sources"),
        ("CODON", "0", "Flag", "The allele changes the codon the test is about"),
        ("VAFCORR", "1", "Float", f"{vaf} less what errors alone show, as expected"),
        ("VAFLOW", "1", "Float", f"{vaf}, lower end of the 95 % interval"),
        ("VAFHIGH", "1", "Float", f"{vaf}, upper end of the 95 % interval"),
    ):
        yield _declare("INFO", ID=name, Number=number, Type=kind, Description=description)
    for name, number, kind, description in (
        ("AD", "R", "Integer", f"Informative {unit} without and with the allele"),
        (
            "ADF",
            "R",
            "Integer",
            "The same, read on the forward strand; one read on both counts twice",
        ),
        (
            "ADR",
            "R",
            "Integer",
            "The same, read on the reverse strand; one read on both counts twice",
        ),
        ("DP", "1", "Integer", f"Informative {unit}"),
        ("AF", "A", "Float", f"{vaf}: the second AD by DP"),
    ):
        yield _declare("FORMAT", ID=name, Number=number, Type=kind, Description=description)
    columns = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
    yield "\t".join((f"#{columns[0]}", *columns[1:], call.sample.id))


def _flags_for(variants: Sequence[Variant]) -> Sequence[Flag]:
    from vexas_uba1.filters import FLAGS

    known = {flag.name for flag in FLAGS}
    for variant in variants:
        for name in variant.filters:
            if name not in known:
                raise UserError(
                    f"{variant.hgvs_c} has a flag that this version does not know",
                    remedy="run the sample again with this version",
                    column="filters",
                    value=name,
                )
    return FLAGS


def _declare(kind: str, **fields: str) -> str:
    described = fields.pop("Description").replace("\\", "\\\\").replace('"', '\\"')
    plain = ",".join(f"{key}={value}" for key, value in fields.items())
    return f'##{kind}=<{plain},Description="{described}">'


def _records(call: SampleCall) -> Iterator[str]:
    for variant in sorted(call.variants, key=lambda each: (each.pos, each.ref, each.alt)):
        yield "\t".join(
            (
                variant.chrom,
                str(variant.pos),
                ".",
                variant.ref,
                variant.alt,
                _number(variant.quality),
                ";".join(variant.filters) or "PASS",
                ";".join(_info(call, variant)),
                "AD:ADF:ADR:DP:AF",
                ":".join(
                    (
                        _counts(variant.alt_fragments, variant.depth_fragments),
                        _counts(variant.alt_forward, variant.depth_forward),
                        _counts(variant.alt_reverse, variant.depth_reverse),
                        str(variant.depth_fragments),
                        _number(variant.vaf),
                    )
                ),
            )
        )


def _info(call: SampleCall, variant: Variant) -> Iterator[str]:
    for key, values in (
        ("HGVSC", (full_hgvs(call, variant.hgvs_c),)),
        ("HGVSP", (variant.hgvs_p or "",)),
        ("EFFECT", (variant.effect,)),
        ("VCLASS", (variant.verdict_class,)),
        ("CATEGORY", (variant.category,)),
        ("EVIDENCE", (variant.evidence,)),
        ("SOURCES", variant.sources),
    ):
        if any(values):
            yield f"{key}={','.join(value.translate(_SPECIAL) for value in values)}"
    if variant.sources and not variant.sources_read:
        yield "SOURCENOTREAD"
    if variant.at_codon41:
        yield "CODON"
    yield f"VAFCORR={_number(variant.vaf_corrected)}"
    yield f"VAFLOW={_number(variant.vaf_low95)}"
    yield f"VAFHIGH={_number(variant.vaf_high95)}"


def _counts(alt: int, depth: int) -> str:
    return f"{depth - alt},{alt}"


def _number(value: float) -> str:
    # Readers hold these as 32-bit floats; more digits would be lost there.
    return f"{value:.6g}"
