"""A session for the desktop genome browser IGV: the sample's reads and variants at the codon.

Only resources are listed, which IGV takes as a whole session and lays out by its user's own
settings; paths are relative to the session (igvteam/igv, IGVSessionReader).
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from vexas_uba1.files import write_text
from vexas_uba1.result import SampleCall

GENOMES = {"GRCh38": "hg38", "GRCh37": "hg19"}
"""IGV's own genomes by build; with another build the genome that is open stays."""
_FLANK = 60
_VERSION = "8"


def render_session(call: SampleCall) -> str:
    """Return the session as XML."""
    codon = call.reads_view.codon
    locus = f"{call.input.contig}:{max(1, min(codon) - _FLANK)}-{max(codon) + _FLANK}"
    attributes = {"locus": locus, "version": _VERSION}
    if call.input.build in GENOMES:
        attributes["genome"] = GENOMES[call.input.build]
    session = ET.Element("Session", dict(sorted(attributes.items())))
    resources = ET.SubElement(session, "Resources")
    for suffix, kind in (("uba1.vcf.gz", "vcf"), ("uba1.bam", "bam")):
        ET.SubElement(resources, "Resource", path=f"{call.sample.id}.{suffix}", type=kind)
    ET.indent(session)
    text = ET.tostring(session, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def write_session(path: Path, call: SampleCall) -> None:
    """Write :func:`render_session` to ``path``."""
    write_text(path, render_session(call))
