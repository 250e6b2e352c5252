"""Reading the user's FASTQ files in blocks, for the few fragments that can come from the gene.

All records are checked as :func:`vexas_uba1.mapping.fastq.read_fragments` checks them, but in
blocks, which takes a fiftieth of its time; of what is wrong that reader then tells the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import dnaio
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from xopen import xopen

from vexas_uba1.errors import UserError
from vexas_uba1.mapping.bait import TAKEN, WITH_MATE, Bait
from vexas_uba1.mapping.fastq import (
    GZIP,
    LONGEST_NAME,
    EqualMates,
    QualityRange,
    mates_name,
    plain_name,
    read_fragments,
)
from vexas_uba1.samples.sources import LocalFile

_BLOCK = 1 << 19  # bytes; the arrays made of it stay in a core's cache
_NEWLINE, _RETURN, _AT, _PLUS, _SPACE = b"\n\r@+ "
_LAST_OF_ASCII, _FIRST_PRINTED, _TAB = 126, 32, 9
_LONGEST_RECORD = 1 << 26  # bytes; a file without line ends is looked through no further
_LOWEST, _HIGHEST = 33, 126  # of the characters for qualities
_MIDDLING = "?"  # a quality that widens no range by which Phred+64 is told
_UPPER = 0xDF


@dataclass
class Selection:
    """Reads, or pairs of reads, seen so far, and those of them that were kept."""

    fragments: int = 0
    kept: int = 0


def select_fragments(
    files: tuple[LocalFile, ...], qualities: QualityRange, bait: Bait, selection: Selection
) -> Iterator[tuple[str, tuple[dnaio.SequenceRecord, ...]]]:
    """Yield the fragments of which a read holds a word of the bait, as ``read_fragments`` does.

    Args:
        files: One FASTQ file, or those of read 1 and read 2; plain or gzip-compressed.
        qualities: Widened by all that is read.
        bait: Words of the gene.
        selection: Counts on.

    Raises:
        UserError: as of :func:`vexas_uba1.mapping.fastq.read_fragments`.
    """
    try:
        yield from _selected(files, qualities, bait, selection)
    except Exception:
        # The careful reader tells what is wrong, and in which record.
        for _ in read_fragments(files, QualityRange()):
            pass
        raise


def _selected(
    files: tuple[LocalFile, ...], qualities: QualityRange, bait: Bait, selection: Selection
) -> Iterator[tuple[str, tuple[dnaio.SequenceRecord, ...]]]:
    equal = EqualMates()
    with ExitStack() as stack:
        sources = [_Source(file, stack.enter_context(opened(file))) for file in files]
        while True:
            for source in sources:
                source.fill()
            number = min(source.records for source in sources)
            if not number:
                break
            blocks = [source.take(number) for source in sources]
            held = [block.held_by(bait, qualities) for block in blocks]
            taken = np.logical_or.reduce([each == TAKEN for each in held])
            if len(blocks) == 2:
                for own, other in ((held[0], blocks[1]), (held[1], blocks[0])):
                    asked = np.flatnonzero(~taken & (own == WITH_MATE))
                    taken[asked] = other.holds_short(bait, asked)
                _check_names(*blocks)
                _look_for_equal(equal, *blocks)
            selection.fragments += number
            for index in np.flatnonzero(taken).tolist():
                records = tuple(block.record(index) for block in blocks)
                name = (
                    plain_name(records[0].id)
                    if len(records) == 1
                    else mates_name(records[0].id, records[1].id)
                )
                if name is None:
                    raise _unreadable(files[0])
                selection.kept += 1
                yield name, records
        if not selection.fragments or any(source.rest for source in sources) or equal.are_all:
            raise _unreadable(files[0])


@contextmanager
def opened(file: LocalFile) -> Iterator[BinaryIO]:
    """Open a FASTQ file, unpacked if it is packed."""
    with file.path.open("rb") as raw:
        if raw.peek(len(GZIP))[: len(GZIP)] != GZIP:
            yield raw
            return
        with xopen(raw, "rb", threads=0, format="gz") as unpacked:
            yield unpacked


class _Source:
    """One file, of which ``rest`` has been read but not been taken yet."""

    def __init__(self, file: LocalFile, handle: BinaryIO) -> None:
        self.rest = b""
        self._file, self._handle = file, handle
        self._ends = np.empty(0, dtype=np.intp)
        self._is_over = False

    @property
    def records(self) -> int:
        """Whole records at hand."""
        return self._ends.size // 4

    def fill(self) -> None:
        """Read on until a whole record is at hand, or nothing is left."""
        while not self.records and not self._is_over:
            read = self._handle.read(_BLOCK)
            self._is_over = not read
            if self._is_over and self.rest and self.rest[-1] != _NEWLINE:
                read = b"\n"  # which the last line may lack
            self.rest += read
            if len(self.rest) > _LONGEST_RECORD:
                raise _unreadable(self._file)
            self._ends = np.flatnonzero(np.frombuffer(self.rest, dtype=np.uint8) == _NEWLINE)

    def take(self, number: int) -> _Block:
        """Take the first records."""
        ends = self._ends[: 4 * number]
        size = int(ends[-1]) + 1
        block = _Block(self._file, self.rest[:size], ends.reshape(number, 4))
        self.rest, self._ends = self.rest[size:], self._ends[4 * number :] - size
        return block


class _Block:
    """Whole records of one file (R)."""

    def __init__(self, file: LocalFile, data: bytes, ends: NDArray[np.intp]) -> None:
        self.file, self._data = file, data
        self._characters = np.frombuffer(data, dtype=np.uint8)
        self._line_ends = ends
        self._names = np.append(0, ends[:-1, 3] + 1)
        self._name_ends = self._without_return(ends[:, 0])
        self._bases, self._qualities = ends[:, 0] + 1, ends[:, 2] + 1
        self._plus, self._plus_ends = ends[:, 1] + 1, self._without_return(ends[:, 2])
        self._lengths = self._without_return(ends[:, 1]) - self._bases
        self._quality_lengths = self._without_return(ends[:, 3]) - self._qualities
        self.size = self._names.size
        self.longest_name = int((ends[:, 0] - self._names).max()) + 1

    def _rows(self, starts: NDArray[np.intp], width: int) -> NDArray[np.uint8]:
        """Return the characters from each start on; what lies beyond the block is 0 (R, W)."""
        beyond = max(0, int(starts.max()) + width - self._characters.size)
        padded = np.append(self._characters, np.zeros(beyond, dtype=np.uint8))
        made: NDArray[np.uint8] = sliding_window_view(padded, width)[starts]
        return made

    def held_by(self, bait: Bait, qualities: QualityRange) -> NDArray[np.uint8]:
        """Check every record and return what words its read holds (R).

        Raises:
            UserError: one is not as it should be; the careful reader knows why.
        """
        seen, plus = self._characters, self._plus
        plus_lengths = self._plus_ends - plus
        if (
            (seen[self._names] != _AT).any()
            or (seen[self._names + 1] <= _SPACE).any()
            or (seen[plus] != _PLUS).any()
            or not self._repeats_names(np.flatnonzero(plus_lengths != 1))
            or (self._lengths != self._quality_lengths).any()
            or seen.max() > _LAST_OF_ASCII
            or self._controls() not in (0, np.count_nonzero(seen == _TAB))
            or self._has_long_names()
        ):
            raise _unreadable(self.file)
        held = np.zeros(self._lengths.size, dtype=np.uint8)
        for chosen, width in self._by_length():
            lengths = self._lengths[chosen]
            # What fills short rows up is made a sound base and a middling quality.
            beyond = None if lengths.min() == width else np.arange(width) >= lengths[:, None]
            reads, quality = (
                self._rows(starts[chosen], width) for starts in (self._bases, self._qualities)
            )
            if beyond is not None:
                reads[beyond] = ord("N")
                quality[beyond] = ord(_MIDDLING)
            lowest, highest = int(quality.min()), int(quality.max())
            if lowest < _LOWEST or highest > _HIGHEST or not _are_bases(reads):
                raise _unreadable(self.file)
            qualities.lowest = min(qualities.lowest, chr(lowest))
            qualities.highest = max(qualities.highest, chr(highest))
            held[chosen] = bait.takes(reads, lengths)
        return held

    def holds_short(self, bait: Bait, chosen: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which of some reads hold a short word (C)."""
        if not chosen.size:
            return np.zeros(0, dtype=bool)
        lengths = self._lengths[chosen]
        width = max(16, int(lengths.max() + lengths.max() % 2))
        return bait.holds_short(self._rows(self._bases[chosen], width), lengths)

    def _controls(self) -> int:
        """Return how many control characters there are beside those that end lines."""
        controls = np.count_nonzero(self._characters < _FIRST_PRINTED)
        returns = np.count_nonzero(self._characters[self._line_ends - 1] == _RETURN)
        return int(controls - self._line_ends.size - returns)

    def _has_long_names(self) -> bool:
        with_comment = self._name_ends - self._names - 1
        longer = np.flatnonzero(with_comment > LONGEST_NAME).tolist()
        return any(len(self.name(index)) > LONGEST_NAME for index in longer)

    def _repeats_names(self, records: NDArray[np.intp]) -> bool:
        """Return whether the third lines of these records hold their names."""
        if not records.size:
            return True
        names, lines = self._names[records] + 1, self._plus[records] + 1
        lengths = self._name_ends[records] - names
        if (lengths != self._plus_ends[records] - lines).any():
            return False
        width = int(lengths.max(initial=1))
        differ = self._rows(names, width) != self._rows(lines, width)
        return not (differ & (np.arange(width) < lengths[:, None])).any()

    def record(self, index: int) -> dnaio.SequenceRecord:
        """Return one record, in upper case."""

        def text(start: int, end: int) -> str:
            return self._data[start:end].decode("ascii")

        bases, quality = int(self._bases[index]), int(self._qualities[index])
        length = int(self._lengths[index])
        return dnaio.SequenceRecord(
            text(int(self._names[index]) + 1, int(self._name_ends[index])),
            text(bases, bases + length).upper(),
            text(quality, quality + length),
        )

    def name_rows(self, width: int) -> NDArray[np.uint8]:
        """Return the records' first characters (R, W)."""
        return self._rows(self._names, width)

    def name(self, index: int) -> str:
        """Return a record's name without its comment."""
        return self.record(index).id

    def _by_length(self) -> Iterator[tuple[NDArray[np.intp], int]]:
        """Yield reads of like length, so that none is filled up to more than about its double."""
        _, classes = np.frexp(self._lengths)
        for one in np.unique(classes):
            chosen = np.flatnonzero(classes == one)
            longest = int(self._lengths[chosen].max())
            yield chosen, max(16, longest + longest % 2)

    def _without_return(self, ends: NDArray[np.intp]) -> NDArray[np.intp]:
        shorter: NDArray[np.intp] = ends - (self._characters[ends - 1] == _RETURN)
        return shorter


def _are_bases(reads: NDArray[np.uint8]) -> bool:
    """Return whether all characters are A, C, G, T or N in either case."""
    upper = reads & _UPPER
    sound = upper == ord("A")
    for base in b"CGTN":
        sound |= upper == base
    return bool(sound.all())


def _check_names(first: _Block, second: _Block) -> None:
    """Check that the records of two blocks are mates.

    Raises:
        UserError: some are not.
    """
    width = max(first.longest_name, second.longest_name)
    ones, twos = first.name_rows(width), second.name_rows(width)
    differ = ones != twos
    # Where they first differ, and where the first one's name ends.
    at, end = np.argmax(differ, axis=1), np.argmax(ones <= _SPACE, axis=1)
    row, after = np.arange(at.size), np.minimum(at + 1, width - 1)
    fit = ~differ[row, at] | (at > end) | ((at == end) & (twos[row, at] <= _SPACE))
    fit |= (
        (at > 1)
        & (ones[row, at] == ord("1"))
        & (twos[row, at] == ord("2"))
        & (ones[row, after] <= _SPACE)
        & (twos[row, after] <= _SPACE)
    )
    for index in np.flatnonzero(~fit).tolist():
        if mates_name(first.name(index), second.name(index)) is None:
            raise _unreadable(first.file)


def _look_for_equal(equal: EqualMates, first: _Block, second: _Block) -> None:
    """Look on for mates that are equal, as long as all have been.

    Raises:
        UserError: so many are that all will be.
    """
    for index in range(first.size):
        if not equal.matter:
            return
        if equal.see(first.record(index).sequence, second.record(index).sequence):
            raise _unreadable(first.file)


def _unreadable(file: LocalFile) -> UserError:
    return UserError(
        "the FASTQ file cannot be read in blocks",
        remedy="Set targeted: false, and report this as a fault of the program",
        file=file.shown,
    )
