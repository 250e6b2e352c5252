"""A panel of normals: what it learns of single sites, and what it must not do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from click.testing import CliRunner

from builders.cases import call_bam
from builders.simulated import clone, sample_of
from vexas_uba1.cli import cli, main
from vexas_uba1.errors import UserError
from vexas_uba1.fragments.marks import ORIGINS
from vexas_uba1.fragments.qualities import QUALITY_CLASSES
from vexas_uba1.locus.record import load_locus
from vexas_uba1.noise import ErrorModel, PositionCounts
from vexas_uba1.panel.normal import Normal, digest_of, normal_of
from vexas_uba1.panel.panel import read_panel, write_panel
from vexas_uba1.panel.rates import BETWEEN, site_rates
from vexas_uba1.result import SampleResult, result_to_json
from vexas_uba1.steps.panel import PanelOptions, build_panel
from vexas_uba1.verdict import decide

A, C, G, T = range(4)
FORWARD, REVERSE, BOTH = range(3)
SITES = np.arange(1000, 1300)


def normal(name, rate, depth=2000, seed=1, noisy=()):
    """A normal whose sites err at ``rate``, some more: ``{(site, base, strand): times}``."""
    generator = np.random.default_rng(seed)
    expected = np.full((SITES.size, 4, 3), depth * rate / 3)
    expected[:, A] = 0  # the reference is A everywhere
    seen = generator.poisson(expected)
    for (row, base, strand), times in dict(noisy).items():
        seen[row, base, strand] = generator.poisson(times * expected[row, base, strand])
    return Normal(
        name, (f"{seed:064x}",), f"{seed:064x}", seen, expected, np.zeros(300, dtype=bool)
    )


def test_sites_that_err_as_their_kind_are_left_alone():
    rates = site_rates([normal(f"n{k}", 1e-3, seed=k) for k in range(20)], SITES)
    assert rates.ratio[:, 1:].mean() == pytest.approx(1, abs=0.05)
    assert np.abs(rates.ratio - 1).max() < 0.4
    assert not rates.is_noisy.any()


def test_a_noisy_site_is_known_on_its_strand_alone():
    noisy = {(7, C, REVERSE): 40}
    rates = site_rates([normal(f"n{k}", 1e-3, seed=k, noisy=noisy) for k in range(20)], SITES)
    assert rates.ratio[7, C, REVERSE] == pytest.approx(40, rel=0.2)
    assert rates.ratio[7, C, FORWARD] < 1.5
    assert rates.is_noisy[7, C] and rates.is_noisy.sum() == 1


def test_a_noisy_site_leaves_no_doubt_of_others_or_of_its_other_strand():
    # Few and shallow normals, in which nothing else is to be seen.
    noisy = {(7, C, REVERSE): 150}
    plain, marred = (
        site_rates([normal(f"n{k}", 3e-4, 250, k, given) for k in range(4)], SITES)
        for given in ({}, noisy)
    )
    others = np.arange(SITES.size) != 7
    assert marred.is_noisy[7, C]
    assert np.allclose(marred.variance[others], plain.variance[others], atol=0.05)
    assert np.allclose(marred.ratio[others], plain.ratio[others], atol=0.05)
    assert marred.ratio[7, C, FORWARD] < 2
    assert marred.variance[7, C] < 0.3


def test_a_noisy_site_has_its_own_rate_however_good_the_bases():
    # Twenty normals with 0.2 % at a site where 3e-6 is announced.
    seen = {(7, C, BOTH): 2e-3 / (3e-6 / 3)}
    rates = site_rates([normal(f"n{k}", 3e-6, 800, k, seen) for k in range(20)], SITES)
    assert rates.ratio[7, C, BOTH] * 1e-6 == pytest.approx(2e-3, rel=0.5)
    assert rates.variance[7, C] < 0.3


def test_normals_that_differ_from_each_other_leave_doubt():
    alike = [normal(f"n{k}", 1e-3, seed=k, noisy={(7, C, BOTH): 30}) for k in range(20)]
    unlike = [
        normal(f"n{k}", 1e-3, seed=k, noisy={(7, C, BOTH): 3 if k % 2 else 57}) for k in range(20)
    ]
    doubt = [float(site_rates(panel, SITES).variance[7, C]) for panel in (alike, unlike)]
    # Rates of 3 and 57 have a relative variance of 0.81.
    assert doubt[0] < 0.15
    assert doubt[1] == pytest.approx(0.81, rel=0.35)


@pytest.mark.parametrize(("between", "near"), [(0.0, 0.02), (0.1, 0.03), (0.6, 0.12)])
def test_how_far_normals_differ_is_told_by_all_sites_where_each_shows_little(between, near):
    # Two errors a site and normal: alone it could be off by 0.3.
    found = [between_of(between, 2.0, 20, seed) for seed in range(6)]
    assert np.mean(found) == pytest.approx(between, abs=near)
    assert np.std(found[0]) < 0.15


def test_a_site_with_many_errors_tells_its_own_spread():
    found = [between_of(0.0, 200.0, 20, seed, {7: 0.8}) for seed in range(10)]
    assert np.mean([each[7] for each in found]) == pytest.approx(0.8, abs=0.2)
    assert max(each[8:].max() for each in found) < 0.03


def test_one_normal_tells_nothing_of_how_far_normals_differ():
    # The site's rate is as far off as that of a further sample; its own errors leave little doubt.
    rates = site_rates([normal("n0", 1e-3)], SITES)
    assert rates.variance[:, 1:].min() >= 2 * BETWEEN
    assert rates.variance[:, 1:].max() < 2.5 * BETWEEN


@pytest.mark.parametrize("depths", [[2000] * 10, [20000, *[2000] * 4], [50000, *[500] * 9]])
def test_one_deep_normal_is_no_panel(depths):
    # Rates differ by half; a further sample's may be as far from the deep one's.
    generator = np.random.default_rng(7)
    found = []
    for _ in range(5):
        panel = []
        for number, depth in enumerate(depths):
            each = normal(f"n{number}", 3e-3, depth)
            rate = generator.gamma(1 / 0.25, 0.25, (SITES.size, 4, 1))
            panel.append(replace(each, seen=generator.poisson(each.expected * rate)))
        found.append(site_rates(panel, SITES).variance[:, 1:].mean())
    assert 0.22 < np.mean(found) < 0.6


def between_of(variance, expected, normals, seed, unlike=None):
    """Rates' variance, less what is not known of the rate itself, by site and base (300, 4)."""
    generator = np.random.default_rng(seed)
    spread = np.full((SITES.size, 4), variance)
    for row, own in (unlike or {}).items():
        spread[row] = own
    made = []
    for name in range(normals):
        rate = np.ones_like(spread)
        varied = spread > 0
        rate[varied] = generator.gamma(1 / spread[varied], spread[varied])
        announced = np.zeros((SITES.size, 4, 3))
        announced[:, 1:, BOTH] = expected
        seen = generator.poisson(announced * rate[..., None])
        left_out = np.zeros(SITES.size, dtype=bool)
        made.append(Normal(f"n{name}", (), f"{name:064x}", seen, announced, left_out))
    return (site_rates(made, SITES).variance - 1 / (expected * normals))[:, 1:].clip(0)


def test_a_normals_own_variant_is_no_noise():
    own = normal("n0", 1e-3, seed=5, noisy={(9, G, BOTH): 3000})
    kept = replace(own, left_out=np.arange(300) == 9)
    others = [normal(f"n{k}", 1e-3, seed=k) for k in range(10, 20)]
    assert site_rates([own, *others], SITES).ratio[9, G, BOTH] > 30
    assert site_rates([kept, *others], SITES).ratio[9, G, BOTH] < 2


def test_no_normals_no_rates():
    assert site_rates([], SITES) is None


def counts(rows=3, depth=100):
    shown = np.zeros((rows, 4, ORIGINS, QUALITY_CLASSES), dtype=np.int64)
    shown[:, A, 0, 2] = depth - 1
    shown[:, C, 5, 2] = 1
    error = np.zeros((rows, ORIGINS, QUALITY_CLASSES))
    error[:, 0, 2], error[:, 5, 2] = 0.3, 0.03
    reference = np.array([A, A, 4][:rows], dtype=np.uint8)
    return PositionCounts(np.arange(rows), reference, np.zeros(rows, dtype=np.int64), shown, error)


def test_a_normal_is_what_it_shows_by_strand():
    one = normal_of("n", ["f" * 64], counts(), ErrorModel(), frozenset({1}))
    assert one.seen[0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert one.expected[0, C] == pytest.approx([0.1, 0.01, 0])
    assert not one.expected[0, A].any()
    # Where the reference is not known nothing is an error.
    assert not one.seen[2].any() and not one.expected[2].any()
    assert one.left_out.tolist() == [False, True, False]


def test_a_sample_is_known_again_by_name_file_or_counts():
    one = normal_of("n", ["f" * 64], counts(), ErrorModel(), frozenset())
    digest = digest_of(counts())
    assert one.is_of("n", [], "") and one.is_of("x", ["f" * 64], "") and one.is_of("x", [], digest)
    assert not one.is_of("x", ["e" * 64], digest_of(counts(depth=101)))


FAST = {"depth_fragments": 150, "library__paired": False}


@pytest.fixture(scope="module")
def normals(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("normals")
    return [sample_of(folder / f"N{k}", sample=f"N{k}", seed=900 + k, **FAST).bam for k in range(4)]


@pytest.fixture(scope="module")
def panel_file(normals, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("panel") / "kit.npz"
    done = CliRunner().invoke(
        cli, ["panel", "build", *map(str, normals), "--out", str(out), "--assay", "panel",
              "--name", "kit 7"]
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "4 normals" in done.output
    return out


def result_of(bam, folder, panel=None, **sample):
    options = {} if panel is None else {"panel": panel}
    call = call_bam(bam, folder, sample={"assay": "panel", **sample}, options=options)
    return result_to_json(SampleResult(call, decide(call)))


def test_the_file_holds_what_was_built_and_the_same_bytes_each_time(panel_file, normals, tmp_path):
    panel = read_panel(panel_file)
    assert [n.sample for n in panel.normals] == [bam.stem for bam in normals]
    write_panel(tmp_path / "again.npz", panel)
    assert (tmp_path / "again.npz").read_bytes() == panel_file.read_bytes()
    shown = CliRunner().invoke(cli, ["panel", "show", str(panel_file)]).output
    assert "kit 7" in shown and panel.version in shown and panel.normals[0].files[0] in shown


def test_the_result_says_which_panel_was_used(panel_file, tmp_path):
    bam = sample_of(tmp_path / "P", sample="P", seed=950, **FAST).bam
    found = result_of(bam, tmp_path, read_panel(panel_file))
    assert found["qc"]["panel"] == {
        "name": "kit 7", "version": read_panel(panel_file).version, "normals": 4, "left_out": 0
    }  # fmt: skip
    assert "panel of normals kit 7 (4, version" in found["qc"]["error_model"]
    assert found["parameters"]["panel_sha256"] == read_panel(panel_file).sha256
    assert result_of(bam, tmp_path)["qc"]["panel"] is None


def test_a_sample_is_never_its_own_normal(panel_file, normals, tmp_path):
    panel = read_panel(panel_file)
    without = replace(panel, normals=panel.normals[1:])
    told = [result_of(normals[0], tmp_path, one, id="other-name") for one in (panel, without)]
    assert [one["qc"]["panel"]["left_out"] for one in told] == [1, 0]
    for one in told:
        for key in ("parameters", "qc"):
            del one[key]
    assert told[0] == told[1]


def erring(bam, share, seed):
    """Put C in place of c.122T on a share of the reverse reads."""
    generator, at, out = np.random.default_rng(seed), 47199051, bam.with_name("erring.bam")
    with pysam.AlignmentFile(bam) as reads, pysam.AlignmentFile(out, "wb", template=reads) as kept:
        for read in reads:
            positions = read.get_reference_positions(full_length=True)
            if read.is_reverse and at in positions and generator.random() < share:
                place, qualities = positions.index(at), read.query_qualities
                bases = read.query_sequence
                read.query_sequence = f"{bases[:place]}C{bases[place + 1 :]}"
                read.query_qualities = qualities
            kept.write(read)
    pysam.index(str(out))
    return out


def test_a_site_that_errs_in_all_samples_is_known_from_normals(tmp_path):
    deep = {**FAST, "depth_fragments": 500}
    made = {}
    for seed, name in enumerate(("N0", "N1", "N2", "N3", "positive", "negative"), 900):
        clones = [clone(0.2, "c.122T>C")] if name == "positive" else []
        sample = sample_of(tmp_path / name, sample=name, seed=seed, clones=clones, **deep)
        made[name] = erring(sample.bam, 0.04, seed)
    normals = [str(made[name]) for name in ("N0", "N1", "N2", "N3")]
    panel = build_panel(normals, tmp_path / "p.npz", PanelOptions("", "panel", (), (), None))
    alone, known = (result_of(made["negative"], tmp_path, one) for one in (None, panel))
    assert alone["verdict"]["code"] == "indeterminate"
    assert known["variants"] == []
    # A variant must show twice what the noisiest normal would, or it is flagged.
    assert 0.05 < known["codon41"]["limit_of_detection_vaf"] < 0.12
    found = result_of(made["positive"], tmp_path, panel)
    assert found["verdict"]["code"] == "detected"
    (variant,) = found["variants"]
    assert variant["vaf_low95"] < 0.2 < variant["vaf_high95"]
    assert variant["vaf_corrected"] < variant["vaf"] - 0.01


def test_a_carrier_is_no_normal(normals, tmp_path):
    carrier = sample_of(
        tmp_path / "C", sample="C", seed=960, clones=[clone(0.3, "c.122T>C")], **FAST
    ).bam
    options = PanelOptions("", "panel", (), (), None)
    with pytest.raises(UserError, match=r"c\.122T>C passes at a VAF of .* no normal"):
        build_panel([str(normals[0]), str(carrier)], tmp_path / "p.npz", options)
    assert not (tmp_path / "p.npz").exists()


def test_a_panel_never_takes_the_place_of_something_else(normals, tmp_path):
    options = PanelOptions("", "panel", (), (), None)
    bam, other, folder = tmp_path / "N.bam", tmp_path / "other.npz", tmp_path / "d.npz"
    bam.write_bytes(normals[0].read_bytes())
    other.write_text("mine")
    folder.mkdir()
    for out in (bam, other, folder, bam / "x.npz"):
        with pytest.raises(UserError):
            build_panel([str(normals[1])], out, options)
    assert bam.read_bytes() == normals[0].read_bytes() and other.read_text() == "mine"


def changed_panel(panel_file, out, **arrays):
    """Write a panel with other arrays; ``about`` is changed as a dictionary."""
    with np.load(panel_file) as stored:
        kept = {name: stored[name] for name in stored}
    about = json.loads(kept["about"].tobytes()) | arrays.pop("about", {})
    kept["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    for name, change in arrays.items():
        kept[name] = change(kept[name])
    np.savez_compressed(out, **kept)
    return out


@pytest.mark.parametrize(
    "change",
    [
        {"expected": lambda values: np.where(values == values.max(), np.nan, values)},
        {"expected": lambda values: -values},
        {"expected": lambda values: values.astype(complex)},
        {"seen": lambda values: -values - 1},
        {"seen": lambda values: values.astype(float)},
        {"about": {"sites": ["1"] * 3873}},
        {"about": {"sites": list(range(3873))}},
    ],
)
def test_values_that_no_panel_has_are_refused(change, panel_file, tmp_path):
    with pytest.raises(UserError, match="is not a panel"):
        read_panel(changed_panel(panel_file, tmp_path / "p.npz", **change))


def test_a_damaged_panel_is_refused(panel_file, tmp_path):
    content = bytearray(panel_file.read_bytes())
    for at in range(100, len(content), max(1, len(content) // 40)):
        damaged = content.copy()
        damaged[at] ^= 0xFF
        file = tmp_path / "p.npz"
        file.write_bytes(damaged)
        try:
            read_panel(file)
        except UserError:
            continue


def test_a_site_that_the_gene_does_not_have_is_the_panels_fault(panel_file, normals, tmp_path):
    sites = list(read_panel(panel_file).sites)
    file = changed_panel(panel_file, tmp_path / "p.npz", about={"sites": ["x", *sites[1:]]})
    with pytest.raises(UserError, match="a site that the gene does not have"):
        result_of(normals[0], tmp_path, read_panel(file))


def test_a_normal_named_twice_is_told(normals, tmp_path):
    options = PanelOptions("", "panel", (), (), None)
    with pytest.raises(UserError, match="the same sample"):
        build_panel([str(normals[0])] * 2, tmp_path / "p.npz", options)


@pytest.mark.parametrize("content", [b"", b"no panel", b"PK\x03\x04 broken"])
def test_what_is_no_panel_is_the_users_error(content, tmp_path):
    file = tmp_path / "x.npz"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"not a panel|cannot be read"):
        read_panel(file)
    with pytest.raises(UserError, match="cannot be read"):
        read_panel(tmp_path / "absent.npz")


def test_other_arrays_are_no_panel(tmp_path):
    np.savez(tmp_path / "x.npz", about=np.zeros(3, dtype=np.uint8), seen=np.zeros(3))
    with pytest.raises(UserError, match="not a panel"):
        read_panel(tmp_path / "x.npz")


def test_a_panel_of_another_gene_record_stops_the_sample(panel_file, normals, tmp_path):
    panel = read_panel(panel_file)
    other = replace(panel, about=replace(panel.about, locus_version="0"))
    with pytest.raises(UserError, match="gene record"):
        result_of(normals[0], tmp_path, other)
    assert load_locus().version == panel.about.locus_version


def test_a_panel_of_another_assay_is_a_warning(panel_file, normals, tmp_path):
    found = result_of(normals[1], tmp_path, read_panel(panel_file), assay="wes")
    assert any("their sites may err otherwise" in warning for warning in found["qc"]["warnings"])


def test_call_takes_a_panel_and_refuses_what_is_none(panel_file, normals, tmp_path):
    arguments = ["call", str(normals[2]), "--out", str(tmp_path / "out"), "--assay", "panel"]
    done = CliRunner().invoke(cli, [*arguments, "--panel", str(panel_file)])
    assert done.exit_code == 0, done.output
    (file,) = (tmp_path / "out").rglob("*.result.json")
    assert json.loads(file.read_text())["qc"]["panel"]["left_out"] == 1
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--panel", str(normals[0])])
    assert stopped.value.code == 2
