"""Of FASTQ reads only those of the gene are aligned, and the result is the same."""

import html

import pytest

from builders.targeted import made_up_genome, write_sample
from builders.workflow import jobs_of, project, result, run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Results by whether reads were selected, of a sample on a genome with a copy of the exon."""
    folder = tmp_path_factory.mktemp("targeted")
    made = made_up_genome(folder)
    rows = write_sample(folder, made)
    for name, targeted in (("all", False), ("targeted", True)):
        config = {"reference": str(made.fasta), "targeted": targeted}
        said = run(project(folder / name, rows, config))
        assert said.code == 0, said.err
    return folder, rows


def found(finished, name):
    folder, _ = finished
    return result(folder / name / "results", "S")


def test_the_codon_is_counted_as_when_all_reads_are_aligned(finished):
    all_reads, targeted = found(finished, "all"), found(finished, "targeted")
    assert all_reads["codon41"]["haplotypes"]["ACG"] > 40
    for part in ("codon41", "variants", "forced_alleles", "verdict", "input"):
        assert targeted[part] == all_reads[part], part
    assert targeted["qc"]["duplicates"] == all_reads["qc"]["duplicates"]


def test_the_exons_depths_are_the_same(finished):
    assert found(finished, "targeted")["coverage"] == found(finished, "all")["coverage"]


def test_the_result_says_how_many_reads_were_selected(finished):
    assert found(finished, "all")["qc"]["targeted"] is None
    use = found(finished, "targeted")["qc"]["targeted"]
    assert use["fragments"] == 3_400
    # Those of the gene, a fifth of this genome, and of the copy, which the genome then claims.
    assert 400 <= use["kept"] < 1_900
    counted = found(finished, "targeted")["codon41"]["depth_fragments"]
    assert counted <= 270, "reads of the copy are not the gene's"


def test_the_report_says_that_reads_were_selected(finished):
    for name, says in (("all", False), ("targeted", True)):
        page = finished[0] / name / "results" / "samples" / "S" / "S.report.html"
        text = page.read_text(encoding="utf-8")
        assert ("Reads were selected before alignment" in text) is says
        assert "competing loci were not tried" not in text


def test_selecting_adds_no_job(finished):
    jobs = {name: jobs_of(finished[0] / name / "results") for name in ("all", "targeted")}
    assert jobs["targeted"] == jobs["all"]


def test_without_a_genome_the_report_says_that_competing_loci_were_not_tried(finished, tmp_path):
    _, rows = finished
    said = run(project(tmp_path, rows, {"allow_bundled_locus": True, "targeted": True}))
    assert said.code == 0, said.err
    report = tmp_path / "results" / "samples" / "S" / "S.report.html"
    text = html.unescape(report.read_text(encoding="utf-8"))
    assert "competing loci were not tried" in text
    assert "Reads were selected before alignment" in text
