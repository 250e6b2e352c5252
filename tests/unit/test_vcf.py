"""The VCF: complete declarations, accepted by bcftools, the same bytes every time."""

from __future__ import annotations

import gzip
from pathlib import Path
from urllib.parse import unquote

import pysam
import pysam.bcftools
import pytest

from builders.results import a_negative, a_result, a_sample, a_variant, an_input
from vexas_uba1.errors import UserError
from vexas_uba1.filters import FLAGS
from vexas_uba1.result import SampleResult, Variant
from vexas_uba1.vcf import write_vcf

# Two runs of exon-like sequence; position 51 (1-based) begins GGAATGGCC.
SEQUENCE = "ACGTTGCAAC" * 5 + "GGAATGGCCAAG" + "TTGACCATGC" * 5


def on_small_contig(*variants: Variant, **changes: object) -> SampleResult:
    return a_result(
        input=an_input(build="custom-1a2b", contig="7", contig_length=len(SEQUENCE)),
        variants=variants,
        **changes,
    )


SNV = a_variant(chrom="7", pos=55, ref="T", alt="C")
MNV = a_variant(
    chrom="7",
    pos=52,
    ref="GAA",
    alt="CAT",
    hgvs_c="c.[119G>C;121A>T]",
    hgvs_p="p.(Gly40_Met41delinsAlaLeu)",
    filters=("one_strand", "low_base_quality"),
    sources=("PMID:1, a note", "doi:10.1/x;y"),
    sources_read=False,
    alt_fragments=3,
    vaf=3 / 502,
    quality=31.25,
)
DELETION = a_variant(chrom="7", pos=71, ref="GC", alt="G", hgvs_c="c.200del", hgvs_p=None)


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "contig.fa"
    path.write_text(f">7\n{SEQUENCE}\n")
    pysam.faidx(str(path))
    return path


def normalised(vcf: Path, fasta: Path) -> list[str]:
    """Return the records that ``bcftools norm -c e`` passes on; it raises at a wrong REF."""
    text: str = pysam.bcftools.norm("--no-version", "-c", "e", "-f", str(fasta), str(vcf))
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_bcftools_accepts_it_against_the_fasta(tmp_path: Path, fasta: Path) -> None:
    vcf = tmp_path / "S1.uba1.vcf.gz"
    write_vcf(vcf, on_small_contig(SNV, MNV, DELETION))
    records = [line.split("\t")[:5] for line in normalised(vcf, fasta)]
    assert [record[1] for record in records] == ["52", "55", "71"]
    assert records[0][3:] == ["GAA", "CAT"]


def test_bcftools_refuses_a_wrong_reference_base(tmp_path: Path, fasta: Path) -> None:
    vcf = tmp_path / "S1.uba1.vcf.gz"
    write_vcf(vcf, on_small_contig(a_variant(chrom="7", pos=54, ref="T")))
    with pytest.raises(pysam.SamtoolsError, match="Reference allele mismatch"):
        normalised(vcf, fasta)


def test_a_sample_without_variants_has_a_valid_indexed_vcf(tmp_path: Path, fasta: Path) -> None:
    vcf = tmp_path / "S1.uba1.vcf.gz"
    write_vcf(vcf, on_small_contig())
    assert normalised(vcf, fasta) == []
    with pysam.VariantFile(str(vcf)) as handle:
        assert list(handle) == []
        assert handle.header.contigs["7"].length == len(SEQUENCE)
    assert (tmp_path / "S1.uba1.vcf.gz.tbi").stat().st_size > 0


def test_every_value_comes_back_through_pysam(tmp_path: Path) -> None:
    vcf = tmp_path / "S1.uba1.vcf.gz"
    result = on_small_contig(SNV, MNV, sample="1e5")
    write_vcf(vcf, result)
    with pysam.VariantFile(str(vcf)) as handle:
        header = handle.header
        mnv, snv = list(handle)
        assert [record.pos for record in handle.fetch("7", 54, 55)] == [55]
    assert header.version == "VCFv4.3"
    assert list(header.samples) == ["1e5"]
    for flag in FLAGS:
        assert flag.description in header.filters[flag.name].description
    assert "GT" not in header.formats

    assert (mnv.ref, mnv.alts, mnv.qual) == ("GAA", ("CAT",), 31.25)
    assert list(mnv.filter) == ["one_strand", "low_base_quality"]
    assert unquote(mnv.info["HGVSC"]) == "NM_003334.4:c.[119G>C;121A>T]"
    assert [unquote(source) for source in mnv.info["SOURCES"]] == list(MNV.sources)
    assert mnv.info["SOURCENOTREAD"] and "SOURCENOTREAD" not in snv.info

    assert list(snv.filter) == ["PASS"]
    assert unquote(snv.info["HGVSP"]) == "p.(Met41Thr)"
    assert snv.info["VCLASS"] == "vexas"
    assert snv.info["VAFLOW"] == pytest.approx(0.26)
    assert snv.info["VAFHIGH"] == pytest.approx(0.343)
    fields = snv.samples["1e5"]
    assert list(snv.format) == ["AD", "ADF", "ADR", "DP", "AF"]
    assert (fields["AD"], fields["ADF"], fields["ADR"]) == ((351, 151), (220, 80), (195, 85))
    assert fields["DP"] == 502
    assert fields["AF"][0] == pytest.approx(151 / 502, rel=1e-5)


def test_characters_with_a_meaning_are_percent_encoded(tmp_path: Path) -> None:
    vcf = tmp_path / "S1.uba1.vcf.gz"
    variant = a_variant(
        chrom="7", pos=55, hgvs_p="p.(Asn577=)", evidence="50 % of a,b;c=d\tx\ny", category=""
    )
    write_vcf(vcf, on_small_contig(variant))
    record = gzip.decompress(vcf.read_bytes()).decode().splitlines()[-1]
    info = dict(item.partition("=")[::2] for item in record.split("\t")[7].split(";"))
    assert info["HGVSP"] == "p.(Asn577%3D)"
    assert info["EVIDENCE"] == "50%20%25%20of%20a%2Cb%3Bc%3Dd%09x%0Ay"
    assert "CATEGORY" not in info


def test_unknown_reference_bases_are_written_as_n(tmp_path: Path) -> None:
    vcf = tmp_path / "S1.uba1.vcf.gz"
    write_vcf(vcf, on_small_contig(a_variant(chrom="7", pos=40, ref="NNA", alt="N")))
    with pysam.VariantFile(str(vcf)) as handle:
        assert [(record.ref, record.alts) for record in handle] == [("NNA", ("N",))]


def test_records_are_sorted_whatever_the_order_of_the_result(tmp_path: Path) -> None:
    one, other = tmp_path / "one" / "S1.vcf.gz", tmp_path / "other" / "S1.vcf.gz"
    write_vcf(one, on_small_contig(SNV, DELETION, MNV))
    write_vcf(other, on_small_contig(MNV, SNV, DELETION))
    assert one.read_bytes() == other.read_bytes()
    assert Path(f"{one}.tbi").read_bytes() == Path(f"{other}.tbi").read_bytes()


def test_the_header_names_no_place_and_no_time(tmp_path: Path) -> None:
    vcf = tmp_path / "S1.uba1.vcf.gz"
    write_vcf(vcf, a_negative())
    text = gzip.decompress(vcf.read_bytes()).decode()
    assert "##reference=GRCh38\n" in text
    assert "##contig=<ID=chrX,length=156040895>\n" in text
    assert str(tmp_path) not in text and ".part-" not in text and "fileDate" not in text


def test_rna_is_said_where_the_fraction_is_declared(tmp_path: Path) -> None:
    vcf = tmp_path / "S1.uba1.vcf.gz"
    write_vcf(vcf, on_small_contig(SNV, sample=a_sample(assay="rna")))
    with pysam.VariantFile(str(vcf)) as handle:
        assert handle.header.formats["AF"].description.startswith("RNA variant allele fraction")


def test_a_flag_that_nobody_describes_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"c\.122T>C has a flag that this version does not know.*mystery"
    ):
        write_vcf(tmp_path / "S1.vcf.gz", on_small_contig(a_variant(filters=("mystery",))))
    assert list(tmp_path.iterdir()) == []
