"""The benchmark of docs/performance.md runs, and its figures are what they are called."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from scipy.stats import beta, binom, poisson

from benchmarks import calling, limits, merit, negatives, others, readings, real, samples
from benchmarks.drawn import DrawnMolecules, searched
from benchmarks.figures import (
    mean_of_clusters,
    molecules_for_power,
    share_of,
    upper95,
    wilson,
)
from benchmarks.observations import FAMILIES, GOOD, KNOWN, PLAIN, TWO_COLOUR, UNEVEN, C
from benchmarks.optimum import optimum
from benchmarks.pages import section_of
from benchmarks.spiked import Change, Sample, artefact_of, drawing_of, gene
from vexas_uba1.caller.caller import TestLevels
from vexas_uba1.noise import count_positions

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
THR = Change(1, C)
LEU = Change(0, C)


def silent(text):
    """Take a row and say nothing."""


def rows_of(table):
    head, rule, *rows = table.splitlines()
    assert {line.count("|") for line in (head, rule, *rows)} == {head.count("|")}
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_intervals_and_bounds_are_those_of_the_textbooks():
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert upper95(0, 1_000) == pytest.approx(1 - 0.05 ** (1 / 1_000))
    assert upper95(3, 50) == pytest.approx(beta.ppf(0.95, 4, 47))
    assert upper95(5, 5) == 1.0
    assert share_of(8, 10) == "80.0 % (49.0–94.3)"


def test_error_of_a_mean_counts_what_goes_together_once():
    generator = np.random.default_rng(1)
    sizes = np.full(400, 5.0)
    together = 5 * generator.normal(size=400)
    _, error = mean_of_clusters(together, sizes)
    assert error == pytest.approx(1 / 400**0.5, rel=0.1)
    assert np.isnan(mean_of_clusters(together[:1], sizes[:1])[1])


@pytest.mark.parametrize(("least", "needed"), [(1, 3.0), (2, 4.74), (3, 6.30), (4, 7.75)])
def test_molecules_for_power_are_known_for_a_test_that_counts(least, needed):
    means = np.array([0.5, 0.7, 0.85, 1.0, 1.2]) * needed
    found = poisson.sf(least - 1, means)
    # Many runs at each: shares as they are on average.
    molecules = np.repeat(means, 100)
    hits = np.concatenate([np.arange(100) < round(100 * share) for share in found])
    assert molecules_for_power(molecules, hits.astype(float)) == pytest.approx(needed, rel=0.03)


def test_optimum_with_one_kind_of_molecule_is_a_binomial_test():
    level, trials, chance = 1e-5, 1_000, 2e-4
    best = optimum(np.array([chance]), np.array([float(trials)]), np.array([0.0]), level)
    count = next(k for k in range(50) if binom.sf(k - 1, trials, chance) <= level)
    assert int(np.ceil(best.critical / best.weight[0])) == count
    vaf = best.needed / trials
    assert binom.sf(count - 1, trials, vaf + (1 - vaf) * chance) == pytest.approx(0.95, abs=0.002)


def test_artefact_strand_is_known_for_the_alleles_that_two_colour_machines_show():
    counted = drawing_of(PLAIN, "coding", 1).background(10).counted
    found = {gene().name(change): artefact_of(change, counted) for change in gene().changes}
    named = {name: fault and fault.strand for name, fault in found.items()}
    assert {name for name, strand in named.items() if strand} == {"c.121A>C", "c.122T>G"}
    assert (named["c.121A>C"], named["c.122T>G"]) == ("reverse", "forward")


def test_need_lies_close_above_the_optimum_and_within_theory():
    found = merit.need(FAMILIES, "exon 3", 1_000, THR, backgrounds=2, codons=15)
    assert 4.0 < found.theory < 6.0
    assert found.drawn == pytest.approx(found.theory, rel=0.5)
    assert 0.7 < found.ratio < 1.6
    assert found.ratio == pytest.approx(found.ours / found.drawn)
    assert 0 <= found.ratio_error < 0.5


def test_no_need_is_claimed_where_all_molecules_would_not_do():
    assert merit.need(GOOD, "exon 3", 1, THR, backgrounds=1, codons=2) is None
    made = merit.need_table(merit.Effort((1,), ("exon 3",), 1, 1, 1), silent, [GOOD])
    assert len(rows_of(made)) == len(merit.CANONICAL)
    assert "more than there are" in made


def test_estimates_are_split_by_expected_molecules():
    many, few = merit.estimates(GOOD, 1_000, 2, [THR], (0.002, 0.05, 0.1))
    assert (many.many, few.many) == (True, False)
    assert (many.runs, few.runs) == (4, 2)
    assert many.bias == pytest.approx(1.0, abs=0.5)
    assert 0 <= many.held <= 4
    told = []
    made = merit.vaf_table(merit.Effort((100,), (), 1, 1, 1), told.append, [GOOD])
    assert len(rows_of(made)) == len(told) == 2


def test_kinds_that_err_alike_share_a_weight():
    chance, lost = np.array([1e-4, 1e-3, 1e-4]), np.array([0.001, 0.01, 0.001])
    apart = optimum(chance, np.array([300.0, 200.0, 500.0]), lost, 1e-5)
    joined = optimum(chance[:2], np.array([800.0, 200.0]), lost[:2], 1e-5)
    assert apart.weight.tolist() == [*joined.weight.tolist(), joined.weight[0]]
    assert (apart.critical, apart.needed) == (joined.critical, joined.needed)


def test_drawn_molecules_show_what_their_numbers_say():
    drawn = DrawnMolecules(TWO_COLOUR, gene(), 3_000, np.random.default_rng(3))
    assert np.array_equal(drawn.positions, searched(gene()))
    counted = count_positions(drawn, gene().reference, drawn.positions)
    assert (counted.bases.sum(axis=1) == 3_000).all()
    assert (counted.bases.argmax(axis=1) == counted.reference).all()
    at = gene().placed.codon_positions[0]
    column = drawn.column(at)
    row = int(np.searchsorted(drawn.positions, at))
    assert np.array_equal(np.bincount(column.code, minlength=4), counted.bases[row])
    wrong = column.code == C
    # The artefact lies on molecules that were read on the reverse strand alone.
    alone = column.reverse & ~column.forward
    assert 0.02 < wrong[alone].mean() < 0.1
    assert wrong[~alone].mean() < 0.01
    assert (drawn.column(at - 10**6).code > 3).all()


def test_importance_sampling_agrees_with_plain_counting_where_that_is_possible():
    # At a lax level errors are found often enough to be counted.
    depth, level, runs = 3_000, 0.02, 160
    sample = Sample.draw(drawing_of(PLAIN, "exon 3", 5), depth)
    best = sample.optimum(THR, level)
    boosts = negatives._boosts(sample, THR, best.weight, best.critical)
    plain, weighed = [], []
    for run in range(runs):
        view, _ = sample.codon(THR, 0.0)
        plain.append(sample.asked(THR, view, level)[0].significant)
        view, kind = sample.codon(THR, 0.0, boosts[run % 2])
        weight = negatives._weight(sample, THR, view.codes[THR.row], kind, boosts)
        weighed.append(weight * sample.asked(THR, view, level)[0].significant)
    error = (np.var(plain) / runs + np.var(weighed) / runs) ** 0.5
    assert np.mean(weighed) > 0
    assert abs(np.mean(plain) - np.mean(weighed)) < 4 * error + 0.002


def test_rare_findings_are_about_as_rare_as_the_level():
    found = negatives.rare(GOOD, 1_000, THR, gene().level, backgrounds=2, draws=15)
    assert 0 < found.passing[0] < 1e-3
    assert found.draws == 30
    assert negatives.level_of(THR) == pytest.approx(TestLevels().canonical / 3)
    assert negatives.level_of(Change(2, 0)) < 1e-5


def test_tables_of_negatives_have_a_row_for_each_cell():
    effort = negatives.Effort((200,), 1, 2, 1, 2)
    drawn = rows_of(negatives.plain_table(effort, silent, [UNEVEN]))
    assert [row[0] for row in drawn] == [UNEVEN.name, "all"]
    assert drawn[-1][2:5] == ["1", "0", "0"]
    assert len(rows_of(negatives.rare_table(effort, silent, [GOOD]))) == 1
    artefact = rows_of(negatives.artefact_table(effort, silent, [0.05]))
    assert artefact[0][:4] == ["5 %", "200", "2", "0"]


def test_limit_is_called_about_as_often_as_claimed_and_rises_with_halved_qualities():
    found = limits.limits(FAMILIES, 1_000, THR, samples=2, spikes=15)
    assert found.runs == 30
    assert found.called[0] > 0.75
    assert found.halved > max(found.claimed)
    made = limits.table(limits.Effort((200,), 1, 1, [LEU]), silent, [GOOD])
    assert rows_of(made)[0][:3] == ["all Q37", "200", "c.121A>C"]


def test_haplotype_of_the_deletion_lacks_its_bases():
    start, end = 47_199_000, 47_199_100
    whole = samples.haplotype(None, start, end)
    gone = samples.haplotype(samples.allele_of("c.118-9_118-2del"), start, end)
    assert len(whole) - len(gone) == 8
    first = 47_199_047 - 9 - start
    assert gone == whole[:first] + whole[first + 8 :]


@pytest.mark.parametrize("simulator", readings.SIMULATORS)
def test_samples_of_a_cell_are_as_deep_and_as_mutant_as_asked(simulator, tmp_path):
    if samples.missing(simulator):
        pytest.skip(f"not installed: {', '.join(samples.missing(simulator))}")
    depths, alts = [], []
    for made in samples.samples(simulator, tmp_path, "c.122T>C", 0.2, 150, 2, seed=4, stretch=True):
        called, verdict = samples.call_bam(made.bam, tmp_path)
        assert verdict.code == "detected"
        depths.append(called.codon41.depth_fragments)
        alts.append(called.variants[0].vaf)
        with (
            pysam.AlignmentFile(str(made.bam)) as real_,
            pysam.AlignmentFile(str(made.stretch_bam)) as own,
        ):
            shift = gene().placed.window[0]
            placed = [read.reference_start for read in real_]
            assert [read.reference_start + shift for read in own] == placed
    assert len(depths) == 2
    assert np.mean(depths) == pytest.approx(150, rel=0.25)
    assert np.mean(alts) == pytest.approx(0.2, abs=0.1)


def test_artefact_lies_on_reverse_reads(tmp_path):
    bam = samples.artefact_sample(tmp_path, 0.5, 60, seed=1)
    codon = gene().placed.codon_positions[0]
    shown = {True: [], False: []}
    with pysam.AlignmentFile(str(bam)) as opened:
        for read in opened.fetch(gene().placed.contig, codon, codon + 1):
            pairs = dict(read.get_aligned_pairs(matches_only=True))
            at = next((query for query, place in pairs.items() if place == codon), None)
            if at is not None:
                shown[read.is_reverse].append(read.query_sequence[at])
    assert 0.3 < shown[True].count("C") / len(shown[True]) < 0.7
    assert shown[False].count("C") == 0


def test_records_are_told_by_what_they_spell():
    window = gene().placed.window
    name = "c.118-9_118-2del"
    truth = samples.haplotype(samples.allele_of(name), *window)
    bases = samples.haplotype(None, *window)
    at = 47_199_047 - 9 - window[0]
    placed = others.Called(at, bases[at - 1 : at + 8], bases[at - 1], True)
    assert others.spells(placed, truth)
    assert not others.spells(replace(placed, pos=at + 3), truth)
    assert not others.spells(placed, "")


def test_tables_of_other_callers_are_read(tmp_path):
    vcf = tmp_path / "calls.vcf"
    vcf.write_text(
        "#head\nchrX\t5\t.\ta\tC,<NON_REF>\t30\t.\tx\nchrX\t6\t.\tA\tG\t3\tPASS\tx\n"
        "chrX\t7\t.\tA\tG\t99\tlow\tx\n"
    )
    found = others._from_vcf(vcf, 20.0)
    assert [(each.pos, each.ref, each.alt, each.passes) for each in found] == [
        (5, "A", "C", True),
        (6, "A", "G", False),
        (7, "A", "G", False),
    ]
    table = tmp_path / "table.txt"
    table.write_text("sample\tx\tchrX\t5\t5\tA\tG\t100\t3\nsample\tx\tchrX\t6\t6\tA\t<DEL>\t1\n")
    assert others._from_vardict(table) == [others.Called(5, "A", "G", True)]


def test_cost_of_a_pipe_is_that_of_all_its_programs(tmp_path):
    work = "x = bytearray(60 << 20)\nfor _ in range(2_000_000): pass\nprint(len(x))"
    first = [sys.executable, "-c", work]
    second = [sys.executable, "-c", "print(input())"]
    cost = others.run([first, second], tmp_path / "out")
    assert (tmp_path / "out").read_text() == f"{60 << 20}\n"
    assert cost.cpu_s > 0.03
    assert 60 < cost.peak_mb < 200
    with pytest.raises(subprocess.CalledProcessError):
        others.run([[sys.executable, "-c", "raise SystemExit(3)"]], None)


def test_cell_counts_right_and_false_calls_of_all_that_are_installed():
    spent = readings.defaultdict(list)
    made = readings.cell(samples.OWN, "c.122T>C", 0.2, 60, 1, spent)
    ours = made[others.OURS]
    assert (ours.right, ours.flagged, ours.runs) == (1, 0, 1)
    assert spent[others.OURS, 60][0].cpu_s > 0
    for tool in others.TOOLS:
        assert (tool.name in made) == (not tool.missing)
    costs = rows_of(readings._cost_table(spent))
    assert len(costs) == 1 and costs[0][1].endswith("MB")
    row = readings._cell_row(samples.OWN, "c.122T>C", 0.2, 60, 1, made)
    assert "100.0 %" in row and "20 %" in row


def test_tables_of_verdicts_have_a_row_for_each_cell():
    effort = replace(
        readings.SMALL, negatives=1, negative_depth=60, artefacts=1, artefact_depths=(60,)
    )
    made = rows_of(readings.artefact_table(effort, silent))
    assert made[0][:4] == ["5 %", "60", "1", "0"]
    if not samples.missing(samples.ART) and not samples.missing(samples.DWGSIM):
        made = rows_of(readings.negative_table(effort, silent))
        assert [row[0] for row in made] == [samples.ART, samples.DWGSIM, "both"]
        assert made[-1][2:4] == ["2", "0"]


def test_every_codon_of_real_reads_is_tested(tmp_path):
    spec = samples._spec("c.122T>C", 0.5, 40, 1)
    bam = samples._simulated(spec, tmp_path)
    (named, path) = next(real.bams(tmp_path, tmp_path))
    assert (named, path) == ("reads", bam)
    found = real.tested(real.observed(bam, tmp_path))
    # The codon of the variant is left out; reads lie over exon 3 and the exons beside.
    assert found.left_out == 1
    assert len(found.depths) > 15
    assert found.tests == 9 * len(found.depths)
    assert found.passing == ()
    assert real.table(None, silent) == real.UNTRIED


def test_documented_tables_are_those_of_the_script():
    for name, head in calling.HEADS.items():
        made = section_of(PAGE, calling.section(name))
        assert made.startswith(head), name
        table, _, note = made.partition("\n\n")
        rows_of(table)
        assert note.startswith(("The small set; ", "The full set; "))


def test_parts_write_their_tables_into_the_page(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- benchmark-limits: begin -->\nold\n<!-- benchmark-limits: end -->\n")
    tiny = limits.Effort((200,), 1, 1, [THR])
    monkeypatch.setattr(limits, "SMALL", tiny)
    monkeypatch.setattr(limits.table, "__defaults__", ((GOOD,),))
    calling.main(["--only", "limits", "--page", str(page)])
    made = section_of(page, calling.section("limits"))
    assert made.startswith(limits.HEAD)
    assert "The small set; " in made
    assert "| all Q37 | 200 | c.122T>C |" in capsys.readouterr().out


def test_a_panel_of_drawn_normals_knows_what_one_sample_cannot():
    # The site's own factor, by twenty normals of 20,000 molecules.
    drawing = drawing_of(KNOWN, "coding", 5)
    sample = Sample.draw(drawing, 20_000)
    assert len(sample.background.normals) == 20 and sample.model.sites is not None
    for change in gene().changes:
        at = sample.model.sites.row(gene().placed.codon_positions[change.row])
        told = sample.model.sites.ratio[at, change.alt]
        truth = sample.background.factors[change.row, change.alt]
        # Read on one strand there are errors enough; all are a little off, like their model.
        assert told[:2].mean() == pytest.approx(truth, rel=0.35, abs=0.2)
    assert Sample.draw(drawing_of(UNEVEN, "exon 3", 5), 200).model.sites is None
