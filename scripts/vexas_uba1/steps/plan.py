"""From the checked sheet and configuration to what each job is told.

Each job is told only what its result depends on, as plain values: Snakemake runs a job again when
they change. A URL is never among them, for it may hold a signature; the job takes it from the
sheet.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from vexas_uba1 import __version__
from vexas_uba1.catalogue import load_catalogue
from vexas_uba1.errors import Problem, UserError
from vexas_uba1.locus.record import load_locus
from vexas_uba1.mapping.index import memory_mb
from vexas_uba1.mapping.trimming import UMI_TAG
from vexas_uba1.result import SampleInfo
from vexas_uba1.samples.check import Run, load_run
from vexas_uba1.samples.config import read_config
from vexas_uba1.samples.sheet import Sample, read_sheet
from vexas_uba1.samples.sources import LocalFile, RemoteFile
from vexas_uba1.status import read_status, status_file
from vexas_uba1.steps.carried import carry_report
from vexas_uba1.steps.mapping import AlignJob, BaitJob, IndexJob, MarkJob, TrimJob
from vexas_uba1.steps.outcome import failure_in
from vexas_uba1.steps.sample_jobs import CallJob, ExtractJob

_INDEXES = (".bai", ".csi", ".crai")
VERSIONS = Path("work") / "versions.json"
CHECKED = "VEXAS_UBA1_CHECKED"
"""Environment variable in which a run tells its jobs which sheet it has checked."""
NO_CONFIGURATION = Problem(
    "there is no configuration",
    "Pass --configfile with a configuration such as `vexas-uba1 init` writes",
)


class _Samples(dict[str, Sample]):
    """Samples by their ids; of others that Snakemake is asked for it is told why they are none."""

    def __missing__(self, sample: str) -> Sample:
        raise UserError(
            "the sheet has no such sample", remedy="Ask for files of one it has", value=sample
        )


@dataclass(frozen=True)
class Plan:
    """What the workflow asks for, job by job."""

    run: Run

    @cached_property
    def versions(self) -> dict[str, str]:
        """Software, gene record and catalogue, as results name them."""
        locus = load_locus(None if self._locus is None else Path(self._locus))
        catalogue = load_catalogue(locus)
        return {
            "software": __version__,
            "locus": f"{locus.version} ({locus.sha256[:12]})",
            "catalogue": f"{catalogue.version} ({catalogue.sha256[:12]})",
        }

    @property
    def versions_of_reads(self) -> dict[str, str]:
        """Those on which extracted reads depend; a new catalogue alone calls again, no more."""
        return {name: self.versions[name] for name in ("software", "locus")}

    @property
    def outdir(self) -> Path:
        """The output folder."""
        return self.run.config.outdir.path

    @property
    def samples(self) -> list[str]:
        """Every sample's id, in the sheet's order."""
        return [sample.id for sample in self.run.samples]

    @property
    def status_files(self) -> list[str]:
        """The status file of every sample, below the output folder."""
        return [str(status_file(Path(), sample)) for sample in self.samples]

    @property
    def units(self) -> list[str]:
        """The names of all FASTQ units."""
        return sorted({unit.unit for sample in self.run.samples for unit in sample.units})

    @cached_property
    def by_id(self) -> dict[str, Sample]:
        """The samples by their ids."""
        return _Samples((sample.id, sample) for sample in self.run.samples)

    def reads(self, sample: str, unit: str) -> tuple[LocalFile, ...]:
        """Return the FASTQ files of a unit."""
        named = next(one for one in self.by_id[sample].units if one.unit == unit)
        return (named.fq1,) if named.fq2 is None else (named.fq1, named.fq2)

    def trim(self, sample: str, unit: str) -> dict[str, Any]:
        """Tell ``trim_reads``."""
        trimming = self.run.config.trimming
        umi = self.by_id[sample].umi
        return _plain(
            TrimJob(
                reads=self.reads(sample, unit),
                umi=umi.text if umi else "none",
                enabled=trimming.enabled,
                quality=trimming.quality,
                poly_g=trimming.poly_g,
                min_length=trimming.min_length,
                adapters=trimming.adapters,
                bait=self._bait(sample),
            )
        )

    def bait_references(self, sample: str) -> tuple[LocalFile, ...]:
        """Return the FASTA that a sample's reads are selected by, if they are and there is one."""
        return self.run.config.references[:1] if self._bait(sample) else ()

    def fingerprints_of_bait(self, sample: str) -> list[str]:
        """Return size and time of that FASTA; see :func:`_fingerprints`."""
        return _fingerprints(self.bait_references(sample))

    def index(self, kind: str) -> dict[str, Any]:
        """Tell ``build_index``; ``kind`` is ``dna`` or ``rna``."""
        return _plain(self._index(kind == "rna"))

    def kind(self, sample: str) -> str:
        """Return which index a sample's reads need: ``dna`` or ``rna``."""
        return "rna" if self.by_id[sample].assay == "rna" else "dna"

    def needs_index(self) -> bool:
        """Return whether reads are aligned to a genome whose index is not there yet."""
        config = self.run.config
        return bool(config.references) and config.aligner_index is None

    def align(self, sample: str, unit: str) -> dict[str, Any]:
        """Tell ``align_reads``."""
        asked = self.by_id[sample]
        library = next(one.library for one in asked.units if one.unit == unit)
        rna = asked.assay == "rna"
        build = self.run.config.build
        return _plain(AlignJob(sample, unit, library, rna, self._index(rna), self._locus, build))

    def mark(self, sample: str) -> dict[str, Any]:
        """Tell ``mark_duplicates``."""
        asked = self.by_id[sample]
        units = tuple((unit.unit, unit.library) for unit in asked.units)
        return _plain(MarkJob(units, asked.assay != "amplicon", asked.umi is not None))

    def extract(self, sample: str) -> dict[str, Any]:
        """Tell ``extract_region``."""
        return _plain(self.extract_job(sample))

    def extract_job(self, sample: str) -> ExtractJob:
        """Return which reads of a sample are meant."""
        asked = self.by_id[sample]
        return ExtractJob(
            sample,
            self.run.config.references,
            self._locus,
            self.run.config.build,
            None if asked.is_fastq else asked.read_group_sample,
            self._umi_tags(asked),
        )

    def call(self, sample: str) -> dict[str, Any]:
        """Tell ``call_variants``."""
        return _plain(self.call_job(sample))

    def call_job(self, sample: str) -> CallJob:
        """Return how a sample is called."""
        asked, config = self.by_id[sample], self.run.config
        return CallJob(
            sample=self.info(sample),
            references=config.references,
            locus=self._locus,
            reporting_limit_vaf=config.reporting_limit_vaf[asked.assay],
            required_limit_vaf=config.required_limit_vaf[asked.assay],
            amplicon_limit_floor_vaf=config.amplicon_limit_floor_vaf,
            umi_tags=self._umi_tags(asked),
            input_ng=asked.input_ng,
            primers=self._primers(asked),
            panel=config.panel,
            bundled_locus=asked.is_fastq and not config.references,
        )

    def info(self, sample: str) -> SampleInfo:
        """Return what the sheet says of a sample, as results hold it."""
        asked = self.by_id[sample]
        return SampleInfo(
            id=asked.id,
            patient=asked.patient,
            collected=asked.collected,
            specimen=asked.specimen,
            sex=asked.sex,
            transplant=asked.transplant,
            donor_sex=asked.donor_sex,
            assay=asked.assay,
            run=asked.run,
            index_type=asked.index_type,
        )

    @property
    def sample_infos(self) -> str:
        """What the sheet says of every sample; see :func:`_as_text`."""
        return _as_text([_plain(self.info(sample)) for sample in self.samples])

    @property
    def lab_name(self) -> str:
        """The laboratory's name; see :func:`_as_text`."""
        return _as_text(self.run.config.lab_name)

    @property
    def remission(self) -> str:
        """The laboratory's definition or None; see :func:`_as_text`."""
        found = self.run.config.remission
        return _as_text(None if found is None else _plain(found))

    def report_labels(self, sample: str) -> dict[str, str]:
        """Return how Snakemake's report lists a sample's report; no free text of the sheet."""
        info = self.info(sample)
        return {"sample": info.id, "assay": info.assay, "run": info.run}

    def local_reads(self, sample: str) -> list[str]:
        """Return the path of a sample's BAM or CRAM; empty for FASTQ and for a URL."""
        alignment = self.by_id[sample].alignment
        return [str(alignment.path)] if isinstance(alignment, LocalFile) else []

    @property
    def fingerprints_of_references(self) -> list[str]:
        """Sizes and times of the references; see :func:`_fingerprints`."""
        return _fingerprints(self.run.config.references)

    def primers(self, sample: str) -> list[str]:
        """Return the path of a sample's primers, if it has any."""
        primers = self._primers(self.by_id[sample])
        return [] if primers is None else [str(primers.path)]

    @property
    def panel(self) -> list[str]:
        """The path of the panel of normals, if there is one."""
        panel = self.run.config.panel
        return [] if panel is None else [str(panel.path)]

    def fingerprints_of_call(self, sample: str) -> list[str]:
        """Return sizes and times of what a sample is called with beside its reads."""
        also = (self._primers(self.by_id[sample]), self.run.config.panel)
        return [
            *self.fingerprints_of_references,
            *_fingerprints([file for file in also if file is not None]),
        ]

    def fingerprints_of_input(self, sample: str) -> list[str]:
        """Return sizes and times of a sample's reads, their index if any, and the references."""
        asked = self.by_id[sample]
        if asked.is_fastq:
            reads = [file for unit in asked.units for file in self.reads(sample, unit.unit)]
        else:
            reads = []
            if isinstance(asked.alignment, LocalFile):
                reads = [asked.alignment, *_indexes_of(asked.alignment)]
        return [*_fingerprints(reads), *self.fingerprints_of_references]

    def sheet_with_url(self, sample: str) -> str:
        """Return the sheet that holds the URL of a sample's BAM or CRAM; empty for local files."""
        remote = isinstance(self.by_id[sample].alignment, RemoteFile)
        return str(self.run.config.samples.path) if remote else ""

    def shown_reads(self, sample: str) -> str:
        """Return how messages name a sample's BAM or CRAM."""
        alignment = self.by_id[sample].alignment
        return "" if alignment is None else alignment.shown

    def run_check(self, sample: str) -> list[str]:
        """Return the carry-over check of a sample's run, if it has one."""
        run = self.by_id[sample].run
        return [f"cohort/carryover/{run}.json"] if run else []

    def index_memory_mb(self, wildcards: Any) -> int:
        """Return the memory that building an index needs, in MB."""
        return self._memory_mb(rna=wildcards.kind == "rna", building=True)

    def align_memory_mb(self, wildcards: Any) -> int:
        """Return the memory that aligning one unit needs, in MB."""
        return self._memory_mb(rna=self.kind(wildcards.sample) == "rna", building=False)

    def _memory_mb(self, *, rna: bool, building: bool) -> int:
        config = self.run.config
        if config.resources.align_memory_mb is not None:
            return config.resources.align_memory_mb
        # A FASTA has about one byte a base; a compressed one about a quarter.
        bases = 0
        for reference in config.references[:1]:
            size = reference.path.stat().st_size
            bases = 4 * size if reference.path.suffix in (".gz", ".bgz") else size
        return memory_mb(config.aligner, bases, rna=rna, building=building)

    def changed_versions(self) -> list[str]:
        """Return, in words, what has changed since the output folder's results were made."""
        file = self.outdir / VERSIONS
        if not file.is_file():
            return []
        before: Mapping[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return [
            f"{name} {before.get(name, 'unknown')} is now {version}"
            for name, version in self.versions.items()
            if before.get(name) != version
        ]

    def unfinished(self) -> list[str]:
        """Return the samples that an earlier run left failed, or whose finished files are gone."""
        return [
            sample
            for sample in self.samples
            if status_file(self.outdir, sample).is_file() and not self._is_finished(sample)
        ]

    def forget_unfinished(self) -> None:
        """Remove what keeps Snakemake from trying failed samples again.

        Of a sample whose finished files are gone only the status is removed.
        """
        for sample in self.samples:
            if self._is_finished(sample):
                continue
            # A run that was stopped may have left failures without a status.
            self._forget_failures(f"*/{sample}", f"*/{sample}/*", "index/*")
            status_file(self.outdir, sample).unlink(missing_ok=True)

    def gather_reports(self) -> None:
        """Renew what ``--report`` carries: ``work`` may be gone, reports written again since."""
        for sample in self.samples:
            carried = self.outdir / "work" / "reports" / sample
            carry_report(sample, status_file(self.outdir, sample).parent, carried)

    def _is_finished(self, sample: str) -> bool:
        file = status_file(self.outdir, sample)
        try:
            status = read_status(file)
        except UserError:
            return False  # none yet, or one of another version
        return status.state == "ok" and all(_is_whole(file.parent / name) for name in status.files)

    def _forget_failures(self, *patterns: str) -> None:
        work = self.outdir / "work"
        for folder in [folder for pattern in patterns for folder in work.glob(pattern)]:
            if failure_in(folder) is not None:
                shutil.rmtree(folder)

    @property
    def _locus(self) -> str | None:
        locus = self.run.config.locus
        return None if locus is None else str(locus.path)

    def _index(self, rna: bool) -> IndexJob:
        config = self.run.config
        reference = config.references[0] if config.references else None
        return IndexJob(reference, config.aligner, config.aligner_index, rna)

    def _bait(self, sample: str) -> BaitJob | None:
        """Return what a sample's reads are selected by; an amplicon's all come from its targets."""
        config = self.run.config
        if not config.targeted or self.by_id[sample].assay == "amplicon":
            return None
        reference = config.references[0] if config.references else None
        return BaitJob(reference, self._locus, config.build)

    def _primers(self, sample: Sample) -> LocalFile | None:
        return self.run.config.primers if sample.assay == "amplicon" else None

    def _umi_tags(self, sample: Sample) -> tuple[str, ...]:
        if sample.umi is None:
            return ()
        return (UMI_TAG,) if sample.is_fastq else sample.umi.tags


def load_plan(files: Sequence[Path], values: Mapping[str, Any]) -> Plan:
    """Return the plan of a configuration, as Snakemake hands it over.

    Args:
        files: Its configuration files; relative paths start at the first one's folder.
        values: All values, those of the command line included; none at all give a plan without
            samples, whose rules can be looked at.

    Raises:
        UserError: carries every problem of the configuration and of its sheet.
    """
    if not values:
        return Plan(Run(read_config({}).config, ()))
    if len(files) == 1 and _same(files[0], values):
        return Plan(load_run(files[0], checked=_checked()))
    base = files[0].absolute().parent if files else None
    return Plan(load_run(values, base=base, checked=_checked()))


def _checked() -> str:
    return os.environ.get(CHECKED, "")


def _same(file: Path, values: Mapping[str, Any]) -> bool:
    """Return whether a file's values are all of ``values``, so that messages can name its lines."""
    import yaml

    try:
        return bool(yaml.safe_load(file.read_text(encoding="utf-8")) == dict(values))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False


def address_of(sheet: Path, sample: str) -> str:
    """Return the path or URL of a sample's BAM or CRAM, from the sheet itself.

    Raises:
        KeyError: the sheet has no such sample.
    """
    for read in read_sheet(LocalFile(sheet.name, sheet), _checked()).samples:
        if read.id == sample and read.alignment is not None:
            return read.alignment.address
    raise KeyError(sample)


def _indexes_of(alignment: LocalFile) -> list[LocalFile]:
    """Return what lies beside a BAM or CRAM under the name of an index."""
    path = alignment.path
    names = dict.fromkeys(
        name for suffix in _INDEXES for name in (Path(f"{path}{suffix}"), path.with_suffix(suffix))
    )
    return [LocalFile(name.name, name) for name in names if name.is_file()]


def _fingerprints(files: Sequence[LocalFile]) -> list[str]:
    """Return size in bytes and time of change in ns of each file.

    Snakemake asks only whether an input is newer than the output: `mv` and `cp -p` put an older
    one in its place unseen.
    """
    statuses = (file.path.stat() for file in files)
    return [f"{status.st_size} {status.st_mtime_ns}" for status in statuses]


def _is_whole(file: Path) -> bool:
    """Return whether a finished file is there and, if it is JSON, can be read."""
    if file.suffix != ".json":
        return file.is_file()
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return False
    return True


def _as_text(value: object) -> str:
    """Return a value that holds free text as JSON without angle brackets.

    Snakemake's report prints what the jobs of its files were told into a script of its page, where
    such a bracket could end the script and begin another.
    """
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e")


def _plain(job: object) -> dict[str, Any]:
    values: dict[str, Any] = _to_plain().unstructure(job)
    return values


@cache
def _to_plain() -> Any:
    from cattrs import Converter

    converter = Converter()
    converter.register_unstructure_hook(Path, str)
    return converter
