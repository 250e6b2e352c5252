"""The aligner's index of a genome: built once, or the user's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vexas_uba1.errors import UserError
from vexas_uba1.mapping.programs import failure, find_program

AlignerName = Literal["minimap2", "bwa", "bwa-mem2"]
DNA_PRESET, RNA_PRESET = "sr", "splice:sr"

_BWA_FILES = {
    "bwa": (".amb", ".ann", ".bwt", ".pac", ".sa"),
    "bwa-mem2": (".0123", ".amb", ".ann", ".bwt.2bit.64", ".pac"),
}
_MMI = "genome.mmi"
_BWA_PREFIX = "genome"


@dataclass(frozen=True)
class AlignerIndex:
    """An index on disk.

    Attributes:
        aligner: The program it belongs to.
        location: The .mmi file of minimap2, or the prefix of the files of bwa and bwa-mem2.
        shown: How messages name it.
    """

    aligner: AlignerName
    location: Path
    shown: str


def preset(*, rna: bool) -> str:
    """Return minimap2's preset; the two need indexes of their own, of other k-mers."""
    return RNA_PRESET if rna else DNA_PRESET


def check_aligner(aligner: AlignerName, *, rna: bool, bundled: bool) -> None:
    """Check that an aligner can do what is asked.

    Raises:
        UserError: bwa or bwa-mem2 is asked for RNA (they do not splice), or for the bundled locus
            (they put random bases where the reference is N, as its introns are).
    """
    if aligner == "minimap2":
        return
    if rna:
        raise UserError(
            f"{aligner} cannot align RNA across splice junctions",
            remedy="Set aligner: minimap2 for runs with samples of assay rna",
            column="aligner",
            value=aligner,
        )
    if bundled:
        raise UserError(
            f"{aligner} cannot align to the bundled locus, whose introns are unknown",
            remedy="Set aligner: minimap2, or give a genome FASTA as reference",
            column="aligner",
            value=aligner,
        )


def build_index(
    fasta: Path, aligner: AlignerName, out_dir: Path, *, rna: bool, threads: int = 1
) -> AlignerIndex:
    """Build the index of a genome in a folder of its own, which appears only when complete.

    Nothing is written beside the FASTA. Needs the memory that :func:`memory_mb` states.

    Args:
        fasta: Genome, plain or compressed.
        aligner: The program.
        out_dir: The index's folder; an earlier one is replaced.
        rna: For minimap2, whether the index is for spliced reads.
        threads: For minimap2.

    Raises:
        UserError: the program is not installed, or cannot do what is asked.
        OSError: the disk is full.
    """
    check_aligner(aligner, rna=rna, bundled=False)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=out_dir.parent) as temporary:
        part = Path(temporary) / "index"
        part.mkdir()
        if aligner == "minimap2":
            _build_minimap2(fasta, part / _MMI, rna=rna, threads=threads)
        else:
            _build_bwa(fasta, aligner, part / _BWA_PREFIX)
        shutil.rmtree(out_dir, ignore_errors=True)
        part.rename(out_dir)
    return built_index(out_dir, aligner)


def built_index(out_dir: Path, aligner: AlignerName) -> AlignerIndex:
    """Return the index that :func:`build_index` made in ``out_dir``."""
    name = _MMI if aligner == "minimap2" else _BWA_PREFIX
    return AlignerIndex(aligner, out_dir / name, shown=name)


def users_index(location: Path, aligner: AlignerName, shown: str) -> AlignerIndex:
    """Return an index that the user has already.

    Raises:
        UserError: its files are not there.
    """
    suffixes = ("",) if aligner == "minimap2" else _BWA_FILES[aligner]
    missing = [suffix for suffix in suffixes if not Path(f"{location}{suffix}").is_file()]
    if missing:
        what = "it is no file" if aligner == "minimap2" else f"no file ending in {missing[0]}"
        raise UserError(
            f"the index of {aligner} is not there ({what})",
            remedy="Write the .mmi file (minimap2) or the files' prefix (bwa), or leave it out",
            column="aligner_index",
            value=shown,
        )
    return AlignerIndex(aligner, location, shown)


def memory_mb(aligner: AlignerName, genome_bases: int, *, rna: bool, building: bool) -> int:
    """Return the memory to ask for, in MB (10^6 bytes).

    Estimates from bytes per genome base: those of minimap2 were measured on a random sequence of 50
    million bases (a real genome repeats itself and needs less), those of bwa and bwa-mem2 are their
    documentation's.
    """
    per_base = {
        ("minimap2", False): (9.0, 6.5),
        ("minimap2", True): (17.0, 13.5),
        ("bwa", False): (3.0, 2.5),
        ("bwa-mem2", False): (30.0, 6.5),
    }
    build, align = per_base[aligner, rna]
    return 1000 + round((build if building else align) * genome_bases / 1e6)


def _build_minimap2(fasta: Path, location: Path, *, rna: bool, threads: int) -> None:
    import mappy

    aligner = mappy.Aligner(
        str(fasta), preset=preset(rna=rna), fn_idx_out=str(location), n_threads=threads
    )
    if not aligner or not location.is_file():
        raise RuntimeError("minimap2 could not build the index")


def _build_bwa(fasta: Path, aligner: AlignerName, prefix: Path) -> None:
    program = find_program(aligner)
    command = [program, "index", "-p", str(prefix), str(fasta)]
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode != 0:
        raise failure(aligner, ended.returncode, ended.stderr)
