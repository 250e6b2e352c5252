"""The IGV session: right files, right place, valid XML, nothing of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from builders.results import a_call, a_reads_view, a_sample, an_input
from vexas_uba1.igv import render_session, write_session
from vexas_uba1.locus.record import load_locus
from vexas_uba1.result import SampleCall

CODON_37 = (47058450, 47058451, 47058452)


def session(call: SampleCall) -> ET.Element:
    return ET.fromstring(render_session(call))  # noqa: S314 - our own text


def on_37(**changes: Any) -> SampleCall:
    return a_call(
        input=an_input(build="GRCh37", contig="X", contig_length=155_270_560),
        reads_view=a_reads_view(codon=CODON_37),
        **changes,
    )


def test_grch38_opens_on_hg38_around_the_codon() -> None:
    root = session(a_call())
    assert (root.tag, root.get("version"), root.get("genome")) == ("Session", "8", "hg38")
    codon = a_call().reads_view.codon
    assert root.get("locus") == f"chrX:{codon[0] - 60}-{codon[-1] + 60}"


def test_grch37_opens_on_hg19_by_the_inputs_own_contig_name() -> None:
    root = session(on_37())
    assert root.get("genome") == "hg19"
    assert root.get("locus") == "X:47058390-47058512"


def test_the_bundled_records_builds_are_igvs_genomes() -> None:
    for build in load_locus().builds:
        call = a_call(input=an_input(build=build.name, contig_length=build.length))
        assert session(call).get("genome") in ("hg38", "hg19")


@pytest.mark.parametrize(
    "changes",
    [
        {"build": "GRCm39"},
        {"build": "custom-0a1b2c3d", "contig_length": 154_259_566},
        # A record whose coordinates are shifted, but whose build is still called so.
        {"build": "GRCh38", "contig_length": 156_040_995},
    ],
)
def test_an_assembly_that_igv_has_no_name_for_leaves_the_open_genome(changes: Any) -> None:
    root = session(a_call(input=an_input(**changes)))
    assert "genome" not in root.attrib
    assert root.get("locus", "").startswith("chrX:")


def test_a_codon_at_the_contigs_ends_and_on_the_other_strand() -> None:
    start = a_call(
        input=an_input(contig="c", contig_length=100), reads_view=a_reads_view(codon=(12, 11, 10))
    )
    assert session(start).get("locus") == "c:1-72"
    end = a_call(
        input=an_input(contig="c", contig_length=100), reads_view=a_reads_view(codon=(97, 98, 99))
    )
    assert session(end).get("locus") == "c:37-100"


def test_variants_lie_above_reads_that_are_coloured_by_strand() -> None:
    root = session(a_call(sample=a_sample(id="P7")))
    resources = [(one.get("path"), one.get("type")) for one in root.iter("Resource")]
    assert resources == [("P7.uba1.vcf.gz", "vcf"), ("P7.uba1.bam", "bam")]
    panels = [[track.get("id") for track in panel.iter("Track")] for panel in root.findall("Panel")]
    assert panels == [
        ["P7.uba1.vcf.gz"],
        ["P7.uba1.bam_coverage", "P7.uba1.bam_junctions", "P7.uba1.bam"],
        ["Reference sequence"],
    ]
    (options,) = root.iter("RenderOptions")
    assert options.get("colorOption") == "READ_STRAND"


@pytest.mark.parametrize(("assay", "visible"), [("rna", "true"), ("wes", "false")])
def test_splice_junctions_are_shown_for_rna(assay: str, visible: str) -> None:
    root = session(a_call(sample=a_sample(assay=assay)))
    (track,) = [one for one in root.iter("Track") if "Junction" in one.get("clazz", "")]
    assert track.get("visible") == visible


@pytest.mark.parametrize("name", ["007", "a..b-", "P.bam", "x_coverage", "S" * 64])
def test_every_id_of_a_sheet_names_its_own_files(name: str) -> None:
    paths = {one.get("path") for one in session(a_call(sample=a_sample(id=name))).iter("Resource")}
    assert paths == {f"{name}.uba1.vcf.gz", f"{name}.uba1.bam"}


def test_whatever_a_name_holds_stays_a_name() -> None:
    name = "\"'><Resource path='/etc/passwd'/>&amp;]]>"
    root = session(
        a_call(sample=a_sample(id=name, patient=name), input=an_input(contig=f"c{name}"))
    )
    assert [one.get("path") for one in root.iter("Resource")] == [
        f"{name}.uba1.vcf.gz",
        f"{name}.uba1.bam",
    ]
    assert root.get("locus", "").startswith(f"c{name}:")


def test_the_file_is_utf8_the_same_each_time_and_names_no_folder(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_session(tmp_path / folder / "S1.igv.xml", a_call())
    first, second = ((tmp_path / folder / "S1.igv.xml").read_bytes() for folder in ("one", "two"))
    assert first == second and first.endswith(b"</Session>\n")
    assert first.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n')
    assert b"/" not in first.replace(b"</", b"").replace(b"/>", b"").replace(b" />", b"")
