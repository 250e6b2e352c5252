"""What a server, or a cut-off index, holds back is missed, wherever the cut lies."""

from __future__ import annotations

import gc
import gzip
import os
import shutil
import struct
import subprocess
import sys
from contextlib import suppress

import pytest

from builders.rangeserver import break_file, serving
from builders.simulated import clone, sample_of
from builders.workflow import shared
from vexas_uba1 import paths
from vexas_uba1.alignments.extraction import extract_region
from vexas_uba1.alignments.fasta import open_genome
from vexas_uba1.errors import UserError
from vexas_uba1.locus.record import load_locus

END = {"bam": 40, "cram": 38}  # so that the end-of-file mark itself is sent


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A sample larger than what is read of any file, with the gene in many blocks."""

    def make(folder):
        variant = [clone(0.3, "c.122T>C")]
        sample_of(folder, sample="X", clones=variant, formats=["bam", "cram"], depth_fragments=5000)

    return shared(tmp_path_factory, "deep", make)


@pytest.fixture
def served(deep, tmp_path, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTS_RETRY_MAX", "0")
    folder = tmp_path / "served"
    folder.mkdir()
    for file in deep.iterdir():
        (folder / file.name).symlink_to(file)
    return folder


@pytest.fixture
def extract(deep, tmp_path):
    genome = open_genome(deep / "synthetic_GRCh38.fa.gz", index_dir=tmp_path / "fasta")

    def work(source):
        return extract_region(
            source,
            locus=load_locus(),
            genomes=[genome],
            sample_id="X",
            out_bam=tmp_path / "out" / "X.bam",
            scratch=tmp_path / "scratch",
        )

    return work


def blocks(bam):
    """Return where the BGZF blocks begin."""
    content, at, found = bam.read_bytes(), 0, []
    while at < len(content):
        found.append(at)
        at += struct.unpack_from("<H", content, at + 16)[0] + 1
    return found


def containers(cram):
    """Return where the containers begin."""
    lines = gzip.decompress(cram.with_name(f"{cram.name}.crai").read_bytes()).splitlines()
    return [int(line.split(b"\t")[3]) for line in lines]


def told(extract, source, tmp_path):
    with pytest.raises(UserError) as caught:
        extract(source)
    assert not list((tmp_path / "out").glob("*"))
    return str(caught.value)


@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_whole_it_gives_what_the_local_file_gives(served, extract, deep, tmp_path, kind):
    here = extract(deep / f"X.{kind}").records
    local = (tmp_path / "out" / "X.bam").read_bytes()
    with serving(served) as address:
        assert extract(f"{address}/X.{kind}").records == here > 13_000
    assert (tmp_path / "out" / "X.bam").read_bytes() == local


@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize("beyond", [0, 100])
@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_what_a_server_holds_back_is_missed(served, extract, tmp_path, kind, beyond, honest):
    file = served / f"X.{kind}"
    begins = containers(file)[-1:] if kind == "cram" else blocks(file)[6:-2:20]
    assert begins and begins[0] > 1 << 16
    with serving(served) as address:
        for begin in begins:
            hole = [begin + beyond, file.stat().st_size - END[kind]]
            break_file(served, file.name, hole=hole, honest=honest)
            said = told(extract, f"{address}/X.{kind}", tmp_path)
            assert "does not send all of it" in said
        break_file(served, file.name)
        assert extract(f"{address}/X.{kind}").records > 13_000


@pytest.mark.parametrize("name", ["X.bam.bai", "X.cram.crai"])
def test_an_index_that_is_cut_off_is_missed(served, extract, tmp_path, name):
    size = (served / name).stat().st_size
    reads = name.rpartition(".")[0]
    with serving(served) as address:
        # The last eight bytes of a .bai are a count of its own.
        for end in (10, size // 2, size - 9):
            break_file(served, name, hole=[end, size], honest=True)
            assert "its index cannot be" in told(extract, f"{address}/{reads}", tmp_path)
        break_file(served, name, hole=[size // 2, size])
        assert "its index cannot be read" in told(extract, f"{address}/{reads}", tmp_path)
        break_file(served, name, status=500)
        assert "its index cannot be read" in told(extract, f"{address}/{reads}", tmp_path)
        for status in (403, 404):
            break_file(served, name, status=status)
            assert "no index lies beside" in told(extract, f"{address}/{reads}", tmp_path)
    # On the disk it is made anew.
    cut = tmp_path / reads
    cut.symlink_to(served / reads)
    cut.with_name(name).write_bytes((served / name).read_bytes()[:10])
    assert extract(cut).records > 13_000


def test_an_index_of_text_that_ends_within_a_line_is_missed(served, extract, tmp_path):
    crai = served / "X.cram.crai"
    text = gzip.decompress(crai.read_bytes())
    crai.unlink()
    with serving(served) as address:
        crai.write_bytes(text)
        assert extract(f"{address}/X.cram").records > 13_000
        shutil.rmtree(tmp_path / "out")
        for cut in (text[:-1], text[: text.index(b"\n") // 2], b""):
            crai.write_bytes(cut)
            assert "its index cannot be" in told(extract, f"{address}/X.cram", tmp_path)


@pytest.mark.parametrize("kind", ["bam", "cram"])
@pytest.mark.parametrize("status", [403, 404, 503])
def test_an_address_that_is_refused_in_the_midst_gets_nowhere(
    served, extract, tmp_path, kind, status, capfd, monkeypatch
):
    printed = []
    for hook in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, hook, lambda *about: printed.append(about))
    with serving(served) as address:
        for answers in range(1, 12):
            # Each name is counted by itself.
            name = f"X{answers}.{kind}"
            for suffix in ("", ".bai" if kind == "bam" else ".crai"):
                (served / f"{name}{suffix}").symlink_to(served / f"X.{kind}{suffix}")
            break_file(served, name, status=status, answers=answers)
            with suppress(UserError):
                extract(f"{address}/{name}?X-Signature=hush")
            gc.collect()
    said = capfd.readouterr()
    assert "hush" not in said.err + said.out
    assert not printed


@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_a_server_that_begins_to_refuse_is_no_damaged_file(served, extract, tmp_path, kind):
    said, index = [], "X.bam.bai" if kind == "bam" else "X.cram.crai"
    with serving(served) as address:
        for answers in range(1, 6):
            name = f"X{answers}.{kind}"
            (served / name).symlink_to(served / f"X.{kind}")
            break_file(served, name, status=403, answers=answers)
            said.append(told(extract, f"{address}/{name}##idx##{address}/{index}", tmp_path))
    assert all("refuses access" in one or "the server" in one for one in said), said


def test_an_error_that_ends_a_program_is_told_though_a_file_could_not_be_closed(capfd):
    script = (
        "from vexas_uba1.alignments.quiet import quiet_htslib\n"
        "with quiet_htslib():\n"
        "    pass\n"
        "raise OSError(5, 'Closing failed: Input/output error')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(paths.product_root() / "scripts")},
        check=False,
    )
    assert done.returncode == 1
    assert "Closing failed" in capfd.readouterr().err
