"""Whether a header says that duplicates were marked, or taken out, before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

_MARKERS = (
    r"(?:(?:umi)?-?aware|simple)?-?mark[-_ ]?dup(?:licate)?s?(?:withmatecigar)?(?:spark)?"
    r"|rm[-_]?dup|dedup|samblaster|bamsormadup|bam(?:streaming)?markduplicates(?:2|opt)?"
    # Consensus reads stand for one molecule each.
    r"|doppelmark|fastdup|streammd|call(?:molecular|duplex|codec)consensusreads|gencore"
)
_NAME = re.compile(rf"(?<![a-z0-9])(?:{_MARKERS})(?![a-z0-9])", re.IGNORECASE)
"""A program; other words may stand before and behind it, such as ``.2`` or ``-4F``."""
_TOOL = re.compile(_MARKERS, re.IGNORECASE)
_NEGATED = re.compile(r"(?<![a-z0-9])(?:no|not|non|without|before|pre)(?![a-z0-9])", re.IGNORECASE)
_JAVA_TOOL = re.compile(r"[A-Z][a-z]+[A-Za-z]*")
"""How the tools of picard, GATK and fgbio are called, unlike Java's classes and the files."""
_LAUNCHERS = re.compile(r"python[\d.]*|perl|env|time|nice")
_OF_JAVA = re.compile(r"java|picard|gatk.*|fgbio")
_WITH_SUBCOMMANDS = frozenset(
    {"samtools", "sambamba", "umi_tools", "umi-tools", "bam", "bamutil", "pbrun"}
)
_BY_OPTION = {
    "bamsort": re.compile("markduplicates=1"),
    "elprep": re.compile("--mark-duplicates.*"),
    "novosort": re.compile("-md|--markduplicates|-rd|--removeduplicates"),
}
"""Programs that mark if they are told to."""
_DRAGEN = "--enable-duplicate-marking"


def names_marking_program(programs: Iterable[Mapping[str, str]]) -> bool:
    """Return whether one of a header's programs marks duplicates or leaves one read of each.

    A program is known by its identifier and name (``MarkDuplicates.2``), and by what its command
    line runs. The files of a command line may be called anything and say nothing.

    Args:
        programs: The fields of each @PG line.
    """
    return any(map(_marks, programs))


def _marks(program: Mapping[str, str]) -> bool:
    names = [program.get(field, "") for field in ("ID", "PN")]
    command = [word.strip("\"'") for word in program.get("CL", "").split()]
    if any("dragen" in name.lower() for name in names):
        return _value_of(command, _DRAGEN) == "true"
    if any(_NAME.search(name) and not _NEGATED.search(name) for name in names):
        return True
    return _command_marks(command, [name.lower() for name in names])


def _command_marks(command: Sequence[str], names: Sequence[str]) -> bool:
    while command and _LAUNCHERS.fullmatch(PurePosixPath(command[0]).name):
        command = command[1:]
    if not command:
        return False
    program, rest = PurePosixPath(command[0]).name, command[1:]
    if _TOOL.fullmatch(program.rpartition(".")[2]):
        # Of sambamba and picard the command line begins with the tool.
        return True
    program = program.lower()
    if program == "dragen":
        return _value_of(rest, _DRAGEN) == "true"
    if program in _WITH_SUBCOMMANDS:
        first = next((word for word in rest if not word.startswith("-")), "")
        if first == "fq2bam":
            return "--no-markdups" not in rest
        return _TOOL.fullmatch(first) is not None
    if _OF_JAVA.fullmatch(program):
        return _java_marks(rest)
    if any("sentieon" in name for name in (program, *names)):
        return ("--algo", "Dedup") in pairwise(rest)
    option = next((p for name, p in _BY_OPTION.items() if program.startswith(name)), None)
    return option is not None and any(option.fullmatch(word.lower()) for word in rest)


def _java_marks(rest: Sequence[str]) -> bool:
    """Return whether the first tool that is named marks; of picard 1 each was a file of its own."""
    for before, word in pairwise(("", *rest)):
        if before == "-jar" and _TOOL.fullmatch(PurePosixPath(word).stem):
            return True
        if _JAVA_TOOL.fullmatch(word) and not before.startswith("-cp"):
            return _TOOL.fullmatch(word) is not None
    return False


def _value_of(command: Sequence[str], option: str) -> str:
    """Return the last value of an option that is written with a blank or ``=``; else nothing."""
    value = ""
    for word, behind in pairwise((*command, "")):
        if word == option:
            value = behind
        elif word.startswith(f"{option}="):
            value = word.partition("=")[2]
    return value.strip("\"'").lower()
