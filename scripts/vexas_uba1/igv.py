"""A session of the desktop genome browser IGV: a sample's variants above its reads, at the codon.

Elements and attributes as IGV writes and reads them (version 8; igvteam/igv, ``session`` and
``AlignmentTrack.RenderOptions``; igvteam/igv-docs, "Session file format"). What a session cannot
set stays as the reader's preferences say: soft clips, duplicates, down-sampling.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from vexas_uba1.files import write_text
from vexas_uba1.result import SampleCall

_GENOMES = {("GRCh38", 156_040_895): "hg38", ("GRCh37", 155_270_560): "hg19"}
"""IGV's genomes by build and length of the gene's contig, which a record of one's own may change
without renaming the build."""
_FLANK_BASES = 60
"""As many as leave a letter to each base on a usual screen."""
_COVERAGE_COLOUR_VAF = 0.02
"""From here on the coverage shows an allele in colour; IGV's own 0.2 would hide most clones."""
# Later versions look for the class's name within this one.
_PACKAGE = "org.broad.igv"


def render_session(call: SampleCall) -> str:
    """Return the session as XML, all of its paths relative to the folder of the sample's files.

    For an assembly that IGV has no name for none is given, and the genome that is open stays.
    """
    sample = call.sample.id
    bam, vcf = f"{sample}.uba1.bam", f"{sample}.uba1.vcf.gz"
    session = ET.Element("Session")
    genome = _GENOMES.get((call.input.build, call.input.contig_length))
    if genome is not None:
        session.set("genome", genome)
    session.set("locus", _window(call))
    session.set("version", "8")

    resources = ET.SubElement(session, "Resources")
    # No paths of indexes: IGV finds those beside the files, and would not take them as relative.
    ET.SubElement(resources, "Resource", path=vcf, type="vcf")
    ET.SubElement(resources, "Resource", path=bam, type="bam")

    # Tracks are found by id: the file's path, with an ending for what is drawn from the same file.
    variants = ET.SubElement(session, "Panel", name="DataPanel")
    _track(variants, "variant.VariantTrack", vcf, f"{sample} variants", displayMode="EXPANDED")
    reads = ET.SubElement(session, "Panel", name="ReadsPanel")
    _track(
        reads,
        "sam.CoverageTrack",
        f"{bam}_coverage",
        f"{sample} coverage",
        autoScale="true",
        snpThreshold=str(_COVERAGE_COLOUR_VAF),
    )
    spliced = "true" if call.sample.assay == "rna" else "false"
    _track(
        reads, "sam.SpliceJunctionTrack", f"{bam}_junctions", f"{sample} junctions", visible=spliced
    )
    alignments = _track(reads, "sam.AlignmentTrack", bam, f"{sample} reads", displayMode="EXPANDED")
    ET.SubElement(alignments, "RenderOptions", colorOption="READ_STRAND")
    # It has no file of its own: unless it is named here, later versions leave it out.
    genes = ET.SubElement(session, "Panel", name="FeaturePanel")
    _track(genes, "track.SequenceTrack", "Reference sequence", "Reference sequence")

    ET.indent(session)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(session, encoding="unicode")}\n'


def write_session(path: Path, call: SampleCall) -> None:
    """Write :func:`render_session` to ``path``, which lies beside the sample's BAM and VCF."""
    write_text(path, render_session(call))


def _window(call: SampleCall) -> str:
    """Return the codon with its flanks, 1-based with its end, on the input's own contig."""
    codon = call.reads_view.codon
    start = max(1, min(codon) - _FLANK_BASES)
    end = min(call.input.contig_length, max(codon) + _FLANK_BASES)
    return f"{call.input.contig}:{start}-{end}"


def _track(panel: ET.Element, kind: str, track_id: str, name: str, **more: str) -> ET.Element:
    shown = {"clazz": f"{_PACKAGE}.{kind}", "id": track_id, "name": name, "visible": "true"}
    return ET.SubElement(panel, "Track", {**shown, **more})
