"""The IGV session: valid XML, relative paths, the codon on the input's own contig."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from builders.results import a_call, a_reads_view, a_sample, an_input
from vexas_uba1.igv import render_session, write_session


@pytest.mark.parametrize(
    ("build", "contig", "codon", "genome"),
    [
        ("GRCh38", "chrX", (47_199_051, 47_199_052, 47_199_053), "hg38"),
        ("GRCh37", "X", (47_058_450, 47_058_451, 47_058_452), "hg19"),
        ("GRCm39", "chrX", (20_534_934, 20_534_935, 20_534_936), None),
        ("shifted", 'odd"<&>contig', (2, 3, 4), None),
    ],
)
def test_a_session_opens_reads_and_variants_at_the_codon(
    build: str, contig: str, codon: tuple[int, int, int], genome: str | None
) -> None:
    call = a_call(
        sample=a_sample(id="S-1.x_2"),
        input=an_input(build=build, contig=contig),
        reads_view=a_reads_view(codon=codon),
    )
    session = ET.fromstring(render_session(call))  # noqa: S314 - written just now
    assert session.tag == "Session"
    assert session.get("genome") == genome
    name, _, place = str(session.get("locus")).rpartition(":")
    start, end = map(int, place.split("-"))
    assert name == contig
    assert 1 <= start <= min(codon) < max(codon) < end
    paths = [str(each.get("path")) for each in session.iter("Resource")]
    assert paths == ["S-1.x_2.uba1.vcf.gz", "S-1.x_2.uba1.bam"]


def test_the_same_call_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_session(tmp_path / name, a_call())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
