"""What is known of the reference, and from where."""

from __future__ import annotations

from vexas_uba1.reference import encode, from_fasta, from_reads


def test_bases_are_coded():
    assert encode("ACGTNacgtnR-").tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4, 4]


def test_the_fasta_is_believed_before_the_record():
    window = from_fasta(100, "ACGTN", "NCATG")
    assert (window.bases, window.source) == ("ACGTG", "fasta")
    # The third base differs; N differs from nothing, and a masked base is the record's.
    assert window.disagreements == 1
    assert (window.start, window.end) == (100, 105)
    assert window.assumed == frozenset()


def test_reads_are_believed_before_the_record():
    told = {100: "A", 102: "G", 99: "T", 105: "T", 104: "N"}
    window = from_reads(100, "NCATG", told, {101, 102})
    assert (window.bases, window.source) == ("ACGTG", "md")
    assert window.disagreements == 1
    # What a read tells is no longer the splice sites' rule.
    assert window.assumed == {101}


def test_without_fasta_and_tags_the_record_is_all():
    window = from_reads(100, "NCATG", {}, {103})
    assert (window.bases, window.source, window.disagreements) == ("NCATG", "record", 0)
    assert window.assumed == {103}


def test_beyond_the_window_nothing_is_known():
    window = from_fasta(100, "ACGT", "ACGT")
    assert window.slice(98, 102) == "NNAC"
    assert window.slice(103, 106) == "TNN"
    assert window.slice(50, 52) == "NN"
