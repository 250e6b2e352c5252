"""The contract's order of codes, and the sentences that go with them."""

from __future__ import annotations

import shutil

import pytest

from builders.results import a_call, a_codon41, a_qc, a_sample, a_target, a_variant, an_input
from vexas_uba1 import paths, texts
from vexas_uba1.errors import UserError
from vexas_uba1.result import PrimerUse
from vexas_uba1.verdict import decide, leading

CLINICAL = "Consistent with VEXAS syndrome in the right clinical setting"
ORIGIN = "Somatic origin is not established by this test."
LIMITS = {
    "reporting_limit_vaf": 0.02,
    "required_limit_vaf": 0.02,
    "amplicon_limit_floor_vaf": 0.01,
}


def vexas(vaf, *filters, name="c.122T>C", **changes):
    return a_variant(
        hgvs_c=name,
        vaf=vaf,
        alt_fragments=round(vaf * 1000),
        depth_fragments=1000,
        filters=filters,
        filter_reasons={flag: f"reason of {flag}" for flag in filters},
        **changes,
    )


def other(vaf, *filters, name="c.1487A>G", **changes):
    return vexas(
        vaf,
        *filters,
        name=name,
        **{
            "verdict_class": "uncatalogued",
            "hgvs_p": "p.(Asp496Gly)",
            "at_codon41": False,
            "pos": 47203608,
            **changes,
        },
    )


def silent(vaf, *filters, **changes):
    return other(
        vaf,
        *filters,
        **{
            "name": "c.120A>G",
            "hgvs_p": "p.(Gly40=)",
            "changes_protein": False,
            "effect": "synonymous",
            **changes,
        },
    )


AT_CODON = {"at_codon41": True, "name": "c.123G>A", "verdict_class": "other"}
BLIND = a_codon41(limit_of_detection_vaf=0.03)
NEVER = a_codon41(limit_of_detection_vaf=None)
EMPTY = a_codon41(depth_fragments=0, haplotypes={}, limit_of_detection_vaf=None)


def verdict(*variants, **changes):
    return decide(a_call(**{"variants": variants, "parameters": LIMITS, **changes}))


def plain_reasons(*variants, **changes):
    loci = (a_target(),)
    return verdict(*variants, **{"targets": loci, **changes}).reasons


# Each row: what was found, at a codon that could be assessed, and the code.
ORDER = [
    ((vexas(0.3),), "detected"),
    ((vexas(0.02),), "detected"),
    ((vexas(0.0199),), "low_level"),
    ((vexas(0.3, "one_strand"),), "indeterminate"),
    ((vexas(0.01, "read_end"),), "indeterminate"),
    ((other(0.3, "one_strand", **AT_CODON),), "indeterminate"),
    ((silent(0.3, "one_strand", at_codon41=True),), "indeterminate"),
    ((other(0.3, **AT_CODON),), "other_variant"),
    ((other(0.001),), "other_variant"),
    ((other(0.5, verdict_class="other_disease"),), "other_variant"),
    ((other(0.3, "one_strand"),), "not_detected"),
    ((silent(0.5),), "not_detected"),
    ((silent(0.5, verdict_class="other_disease"),), "not_detected"),
    ((), "not_detected"),
]
CODES = [
    "detected",
    "low_level",
    "indeterminate",
    "other_variant",
    "not_assessable",
    "not_detected",
]


@pytest.mark.parametrize(("variants", "code"), ORDER)
def test_code(variants, code):
    assert verdict(*variants).code == code


@pytest.mark.parametrize(("one", "first"), ORDER)
@pytest.mark.parametrize(("two", "second"), ORDER)
def test_the_first_code_that_matches_decides(one, first, two, second):
    expected = min(first, second, key=CODES.index)
    for variants in ((*one, *two), (*two, *one)):
        assert verdict(*variants).code == expected


@pytest.mark.parametrize("codon", [BLIND, NEVER, EMPTY])
@pytest.mark.parametrize(("variants", "code"), ORDER)
def test_a_codon_that_could_not_be_assessed(variants, code, codon):
    found = verdict(*variants, codon41=codon)
    assert found.code == ("not_assessable" if code == "not_detected" else code)
    assert "codon41_not_assessable" in found.reasons
    assert ("codon41_without_data" in found.reasons) == (codon is EMPTY)


def test_the_required_limit_is_reached_when_it_is_met():
    at = a_codon41(limit_of_detection_vaf=0.02)
    assert verdict(codon41=at).code == "not_detected"
    assert verdict(codon41=a_codon41(limit_of_detection_vaf=0.0201)).code == "not_assessable"
    lenient = {**LIMITS, "required_limit_vaf": 0.03}
    assert verdict(codon41=BLIND, parameters=lenient).code == "not_detected"


def test_the_reporting_limit_is_a_setting():
    strict = {**LIMITS, "reporting_limit_vaf": 0.5}
    assert verdict(vexas(0.3), parameters=strict).code == "low_level"


def test_everything_else_found_is_a_reason():
    reasons = plain_reasons(
        vexas(0.3),
        vexas(0.1, name="c.121A>G"),
        vexas(0.005, name="c.121A>C"),
        vexas(0.05, "one_strand", "read_end", name="c.167C>T", at_codon41=False),
        other(0.4),
        other(0.2, "low_base_quality", name="c.200A>T"),
        silent(0.5),
    )
    assert reasons == (
        "detected:c.121A>G",
        "low_level:c.121A>C",
        "indeterminate:c.167C>T:one_strand,read_end",
        "other_variant:c.1487A>G",
        "flagged:c.200A>T",
        "silent:c.120A>G",
    )


def test_the_flags_of_the_leading_allele_are_reasons():
    assert plain_reasons(vexas(0.3, "one_strand", "read_end")) == (
        "flagged:c.122T>C:one_strand",
        "flagged:c.122T>C:read_end",
    )


def test_the_codon_leads_then_the_highest_vaf():
    ser56 = vexas(0.8, name="c.167C>T", at_codon41=False)
    assert leading(a_call(variants=(ser56, vexas(0.1)))).hgvs_c == "c.122T>C"
    two = (vexas(0.1, name="c.121A>G"), vexas(0.2))
    assert leading(a_call(variants=two)).vaf == 0.2
    assert leading(a_call(variants=())) is None
    assert leading(a_call(variants=(silent(0.5),))) is None
    # A passing allele leads before a flagged one of a higher VAF.
    flagged = vexas(0.9, "one_strand", name="c.121A>C")
    assert leading(a_call(variants=(flagged, vexas(0.1)))).hgvs_c == "c.122T>C"


def test_loci_that_could_not_be_assessed_are_named():
    loci = (
        a_target(),
        a_target(name="exon 3 splice acceptor", kind="vexas_locus"),
        a_target(name="c.1861", kind="vexas_locus", assessable=False),
        a_target(name="exon 14", kind="exon", assessable=False),
    )
    negative = verdict(targets=loci)
    assert negative.reasons == ("not_assessed:c.1861",)
    assert "Nor at exon 3 splice acceptor (from 1.1 %)." in negative.text
    assert "Could not be assessed: c.1861." in negative.text
    assert verdict(vexas(0.3), targets=loci).reasons == ()


def test_what_kind_of_data_it_is_is_a_reason():
    assert plain_reasons(sample=a_sample(assay="rna")) == ("rna_not_dna",)
    assert plain_reasons(codon41=a_codon41(count_unit="reads")) == ("reads_not_molecules",)
    assert plain_reasons(input=an_input(bundled_locus=True)) == ("bundled_locus",)


def test_the_text_leads_with_the_number():
    text = verdict(vexas(0.3, vaf_low95=0.27, vaf_high95=0.33)).text
    assert text.startswith(
        "UBA1 NM_003334.4:c.122T>C p.(Met41Thr) (start codon of the UBA1b isoform) detected at "
        "VAF 30.0 % (95 % interval 27.0–33.0 %; 300 of 1,000 fragments)."
    )
    assert CLINICAL in text and ORIGIN in text


def test_a_low_level_asks_for_confirmation():
    text = verdict(vexas(0.01)).text
    assert "low level" in text and "below the reporting limit of 2 %" in text
    assert "orthogonal assay" in text and CLINICAL in text and ORIGIN in text


def test_an_indeterminate_result_is_neither():
    text = verdict(vexas(0.3, "one_strand", "read_end")).text
    assert "one strand (reason of one_strand); read end (reason of read_end)" in text
    assert "neither positive nor negative" in text and ORIGIN in text
    assert "VEXAS" not in text and "not detected" not in text


@pytest.mark.parametrize(
    ("verdict_class", "sentence"),
    [
        ("other", "not among the variants that establish the syndrome's genotype"),
        ("other_disease", "lists it for another disease of this gene"),
        ("uncatalogued", "The catalogue does not list it"),
    ],
)
def test_another_variant_never_reads_as_vexas(verdict_class, sentence):
    text = verdict(other(0.5, verdict_class=verdict_class)).text
    assert sentence in text and ORIGIN in text and "VEXAS" not in text
    assert (verdict_class == "other") == ("syndrome" in text)
    assert "could not be assessed" not in text


def test_another_variant_does_not_hide_a_blind_codon():
    text = verdict(other(0.5), codon41=BLIND).text
    assert (
        "Codon 41 itself could not be assessed: 502 informative fragments at codon 41 allow "
        "detection only at or above 3 %, where 2 % is required." in text
    )


@pytest.mark.parametrize(
    ("codon", "sentence"),
    [
        (BLIND, "502 informative fragments at codon 41 allow detection only at or above 3 %"),
        (NEVER, "502 informative fragments at codon 41 allow no passing call at any VAF"),
        (EMPTY, "no fragments are informative at codon 41"),
    ],
)
def test_not_assessable_says_why(codon, sentence):
    text = verdict(codon41=codon).text
    assert text.startswith(f"Not assessable: {sentence}")
    assert "This is not a negative result." in text
    assert "not detected" not in text and "VEXAS" not in text


@pytest.mark.parametrize(
    ("depth", "sentence"),
    [
        (280, "About 280 informative fragments of the same quality would do."),
        (1234, "About 1,300 informative fragments of the same quality would do."),
        (97, "About 97 informative fragments of the same quality would do."),
        (None, "would do"),
    ],
)
def test_not_assessable_says_how_many_molecules_would_do(depth, sentence):
    codon = a_codon41(limit_of_detection_vaf=0.03, depth_for_required_limit=depth)
    assert (sentence in verdict(codon41=codon).text) is (depth is not None)
    # Where the limit is good enough nobody asks.
    enough = a_codon41(limit_of_detection_vaf=0.01, depth_for_required_limit=depth)
    assert "would do" not in verdict(codon41=enough).text


def primed(fragments, from_primers):
    return {"qc": a_qc(primers=PrimerUse(2, fragments, fragments, from_primers))}


@pytest.mark.parametrize("codon", [BLIND, NEVER, EMPTY])
def test_a_codon_under_a_primer_says_so(codon):
    found = verdict(codon41=codon, **primed(5000, 5000))
    assert found.code == "not_assessable"
    assert "codon41_under_primer:5000" in found.reasons
    assert (
        "Primers lie on codon 41: of 5,000 fragments over it, 5,000 show a primer's bases there, "
        "which are no evidence."
    ) in found.text
    beside = verdict(other(0.3), codon41=codon, **primed(5000, 5000))
    assert beside.code == "other_variant"
    assert "Primers lie on codon 41" in beside.text


def test_records_whose_names_tell_nothing_are_named_where_they_are_the_reason():
    excluded = {"conflicting": 1200, "without_name": 34, "secondary": 5}
    codon = a_codon41(limit_of_detection_vaf=0.3)
    found = verdict(codon41=codon, qc=a_qc(excluded_records=excluded))
    assert found.code == "not_assessable"
    assert "names_unusable:1234" in found.reasons
    assert (
        "1,234 records were left out, as their names do not tell fragments apart, and an allele "
        "may hide in them. "
    ) in found.text
    assert "This is not a negative result." in found.text
    beside = verdict(other(0.3), codon41=codon, qc=a_qc(excluded_records=excluded))
    assert beside.code == "other_variant" and "1,234 records were left out" in beside.text
    fine = verdict(qc=a_qc(excluded_records=excluded))
    assert fine.code == "not_detected" and "records were left out" not in fine.text


@pytest.mark.parametrize(
    ("codon", "fragments", "from_primers", "named"),
    [
        (EMPTY, 1000, 500, True),
        (EMPTY, 1000, 499, False),  # most fragments were lost for another reason
        (EMPTY, 0, 0, False),
        (a_codon41(), 5000, 5000, False),  # what is left is enough
    ],
)
def test_primers_are_named_where_they_are_the_reason(codon, fragments, from_primers, named):
    found = verdict(codon41=codon, **primed(fragments, from_primers))
    assert ("primer" in found.text.lower()) == named
    assert any("primer" in reason for reason in found.reasons) == named


def test_a_negative_names_its_limit():
    text = verdict(targets=(a_target(),)).text
    assert text == (
        "UBA1 variant not detected at or above 1.1 % at codon 41 (502 informative fragments). "
        "A variant at a lower VAF is not excluded."
    )


def test_every_further_variant_is_in_the_text():
    text = verdict(vexas(0.3), vexas(0.1, "one_strand", name="c.121A>C"), other(0.4)).text
    assert "Also found: UBA1 NM_003334.4:c.121A>C" in text and "flagged one strand." in text
    assert "Also found: UBA1 NM_003334.4:c.1487A>G p.(Asp496Gly), VAF 40.0 %" in text


@pytest.mark.parametrize("variants", [variants for variants, _ in ORDER])
def test_rna_never_reads_as_dna(variants):
    text = verdict(*variants, sample=a_sample(assay="rna")).text
    assert "This is an RNA result" in text and "so this RNA VAF is not a DNA VAF." in text
    assert text.count("VAF") == text.count("RNA VAF") + 1


@pytest.mark.parametrize("variants", [variants for variants, _ in ORDER])
@pytest.mark.parametrize("codon", [a_codon41(), BLIND, EMPTY])
def test_what_no_text_may_say(variants, codon):
    text = verdict(*variants, codon41=codon).text
    for word in ("diagnosed", "treat", "prognosis", "wild type", "None", "{", "  "):
        assert word not in text
    assert text.endswith(".")


def test_reads_are_not_called_molecules():
    text = verdict(codon41=a_codon41(count_unit="reads")).text
    assert "502 informative reads" in text
    assert "not molecules, and no limit below 1 % is claimed" in text
    assert "input copies" in verdict(codon41=a_codon41(count_unit="input_copies")).text


def test_the_bundled_gene_is_told():
    assert "bundled gene alone" in verdict(vexas(0.3), input=an_input(bundled_locus=True)).text


def test_a_gene_without_codon_number_and_note():
    gene = {
        "gene": "Uba1",
        "transcript": "T.1",
        "codon_number": "",
        "codon_reference": "ATG",
        "codon_note": "",
    }
    text = verdict(gene=gene, targets=()).text
    assert text.startswith("Uba1 variant not detected at or above 1.1 % at codon (502")
    named = verdict(other(0.5, hgvs_p=None, at_codon41=True), gene=gene).text
    assert named.startswith("Uba1 T.1:c.1487A>G detected at VAF 50.0 %")


def test_a_laboratorys_own_words_reach_the_sentence(tmp_path, monkeypatch):
    folder = shutil.copytree(paths.templates(), tmp_path / "report")
    file = folder / "wording.j2"
    ours = file.read_text(encoding="utf-8").replace(
        "Somatic origin is not established by this test", "Origin: see our guide"
    )
    file.write_text(ours, encoding="utf-8")
    monkeypatch.setattr(paths, "templates", lambda: folder)
    texts._template.cache_clear()
    try:
        assert "Origin: see our guide." in verdict(vexas(0.3)).text
        assert texts.phrases("limitations")["origin"].startswith("Origin: see our guide; ")
    finally:
        texts._template.cache_clear()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Only {gene} was", "Only {genes} was", "limitations.scope has braces"),
        ('"failed": "Failed: no result",', "", "the texts of labels"),
        (
            '"indeterminate": "Indeterminate",',
            '"indeterminate": "Indeterminate"',
            "wording.j2, row",
        ),
        ("{%- set use =", "{%- set usage =", "use is missing"),
    ],
)
def test_a_slip_in_the_wording_is_told_with_its_place(tmp_path, monkeypatch, old, new, says):
    folder = shutil.copytree(paths.templates(), tmp_path / "report")
    file = folder / "wording.j2"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(paths, "templates", lambda: folder)
    texts._template.cache_clear()
    try:
        with pytest.raises(UserError) as raised:
            texts.check_wording()
        assert says in str(raised.value)
        assert "wording.j2" in str(raised.value)
    finally:
        texts._template.cache_clear()
