"""The test of each allele, its interval, and what the sample could have shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, nbinom, poisson

from builders.calls import CODON, R, grch38, molecules_of, record_reference
from builders.drawn import draw
from vexas_uba1.alleles.haplotypes import codon_haplotypes
from vexas_uba1.caller.caller import HIGHEST_QUALITY, Caller, Counting, TestLevels
from vexas_uba1.caller.exact import proportion_interval, upper_bound
from vexas_uba1.locus.edits import Allele, Edit
from vexas_uba1.locus.hgvs import describe, parse_c
from vexas_uba1.noise import Place, count_positions, doubts
from vexas_uba1.noise.indels import INDEL_DOUBT, INDEL_ERROR

START = CODON - 3  # c.118
EXON = "GGAATGGCCAAGAACGGC"
POSITIONS = np.arange(START, START + len(EXON))
LEVELS = TestLevels(other_vexas=6e-5)
KNOWN = {
    Allele.substitution({CODON: "G"}): True,
    Allele.substitution({CODON: "C"}): True,
    Allele.substitution({CODON + 1: "C"}): True,
    Allele.substitution({CODON - 2: "C", CODON: "T"}): True,
    Allele.substitution({CODON: "T"}): False,
}


def change(bases, **at):
    """Return ``bases`` with ``c121="G"`` and the like put in."""
    changed = list(bases)
    for name, base in at.items():
        changed[int(name[1:]) - 118] = base
    return "".join(changed)


def fragments(*kinds, quality=30):
    """Return molecules of (count, bases), each read on both strands in turn."""
    rows = []
    for number, (count, bases) in enumerate(kinds):
        rows += [
            R(f"{number}.{n}", START, bases, quality=quality, reverse=n % 2 == 1)
            for n in range(count)
        ]
    return molecules_of(*rows)


def caller(molecules, *, counting=None, known=KNOWN, positions=POSITIONS, canonical=frozenset()):
    return Caller(
        molecules,
        grch38(),
        record_reference(),
        known,
        positions,
        counting or Counting(),
        LEVELS,
        canonical,
    )


def found(made):
    return {finding.allele: finding for finding in made.searched()}


def forced(made):
    return {finding.allele: finding for finding in made.forced()}


M41V = Allele.substitution({CODON: "G"})
M41T = Allele.substitution({CODON + 1: "C"})
M41L = Allele.substitution({CODON: "C"})
CIS = Allele.substitution({CODON - 2: "C", CODON: "T"})


ONE = 1e-3 / 3 + 1e-8
"""A given substitution at Phred 30 and a mapping quality of 60."""


def doubt(made, position, true, shown):
    """Return the mean relative variance of a substitution's chance."""
    view = made.codon_view
    row = position - CODON
    place = Place(position, view.context[row])
    known = made.model.variance(
        view.quality[row], view.origin[row], place, "ACGT".index(true), "ACGT".index(shown)
    )
    return float(known.mean())


def log_tail(count, mean, variance):
    """P(N >= count) of a Poisson number whose mean has a gamma distribution."""
    mass = nbinom.logpmf(np.arange(count, count + 500), 1 / variance, 1 / (1 + mean * variance))
    return float(np.logaddexp.reduce(mass))


def test_nothing_is_found_where_nothing_is():
    made = caller(fragments((300, EXON)))
    assert made.searched() == []
    for finding in made.forced():
        assert (finding.alt, finding.depth, finding.log_tail) == (0, 300, 0.0)
        assert not finding.significant and finding.flags == {}
        assert finding.vaf_upper95 == upper_bound(0, 300)
        assert finding.quality == 0


def test_every_change_of_the_codon_and_every_listed_one_is_tested():
    made = forced(caller(fragments((10, EXON))))
    assert len(made) == 9 + 1
    assert set(KNOWN) <= set(made)
    assert forced(caller(fragments((10, EXON)), known={})).keys() == {
        Allele.substitution({CODON + at: base})
        for at, ref in enumerate("ATG")
        for base in "ACGT"
        if base != ref
    }


def test_the_p_value_is_the_tail_of_the_errors_and_their_doubt():
    made = caller(fragments((297, EXON), (3, change(EXON, c122="C"))))
    finding = forced(made)[M41T]
    # 300 bases of Phred 30, a third of whose errors show C; the factor is 1 in a clean sample.
    expected = log_tail(3, 300 * ONE * 0.999**2, doubt(made, CODON + 1, "T", "C"))
    assert finding.log_tail == pytest.approx(expected, abs=0.02)
    assert finding.log_tail > binom.logsf(2, 300, ONE) + 0.05
    assert finding.quality == pytest.approx(-10 * finding.log_tail / math.log(10), rel=1e-6)
    assert (finding.alt, finding.depth) == (3, 300)
    assert finding.expected_errors == pytest.approx(300 * ONE * 0.999**2, rel=1e-4)


def test_the_level_is_shared_by_the_family():
    # Two of 300 have a chance of 4.7e-3, three of 1.5e-4, four of 4e-6: below 1e-4 / 4.
    for count, significant in ((2, False), (3, False), (4, True)):
        made = caller(fragments((300 - count, EXON), (count, change(EXON, c122="C"))))
        assert forced(made)[M41T].significant is significant
        assert (M41T in found(made)) is significant


def test_canonical_alleles_share_a_rate_of_their_own():
    # Three of 128 have a chance of 1.8e-5, the doubt of the errors in it: below 4e-5 / 2, above
    # 6e-5 / 4.
    molecules = fragments((125, EXON), (3, change(EXON, c122="C")))
    assert not forced(caller(molecules))[M41T].significant
    assert forced(caller(molecules, canonical={M41T, M41V}))[M41T].significant
    # 4e-5 / 3 is not enough; what the canonical ones leave has the other rate to itself.
    assert not forced(caller(molecules, canonical={M41T, M41V, M41L}))[M41T].significant
    assert forced(caller(molecules, canonical={M41V, M41L, CIS}))[M41T].significant


def test_a_chance_below_the_familys_rate_alone_is_no_find():
    # Three of 220: 6e-5, below 1e-4 but above a quarter of it, for the list has four such alleles.
    assert 1e-4 / 4 < binom.sf(2, 220, 1e-3 / 3) < 1e-4
    made = caller(fragments((217, EXON), (3, change(EXON, c122="C"))))
    assert not forced(made)[M41T].significant


def test_a_change_of_the_codon_beyond_the_list_needs_more():
    # c.123G>A shares 1e-4 with 64 haplotypes and the list: four of 300 are not enough, five are.
    allele = Allele.substitution({CODON + 2: "A"})
    for count, significant in ((4, False), (5, True)):
        made = caller(fragments((300 - count, EXON), (count, change(EXON, c123="A"))))
        assert forced(made)[allele].significant is significant


def test_changes_of_one_codon_in_cis_are_one_allele():
    made = caller(fragments((150, EXON), (50, change(EXON, c121="G", c122="C"))))
    both = Allele.substitution({CODON: "G", CODON + 1: "C"})
    assert found(made).keys() == {both}
    assert (found(made)[both].alt, found(made)[both].depth) == (50, 200)
    assert forced(made)[M41V].alt == forced(made)[M41T].alt == 0


def test_changes_of_one_codon_in_trans_are_two():
    made = caller(
        fragments((100, EXON), (50, change(EXON, c121="G")), (50, change(EXON, c122="C")))
    )
    assert found(made).keys() == {M41V, M41T}
    assert all(finding.depth == 200 for finding in made.searched())


def test_a_listed_pair_in_cis_is_found_though_neither_position_stands_out():
    made = caller(fragments((999, EXON), (2, change(EXON, c119="C", c121="T"))))
    assert found(made).keys() == {CIS}
    assert found(made)[CIS].alt == 2
    # By their positions alone: 2 of 1,001 where 0.33 are expected.
    assert poisson.sf(1, 1001e-3 / 3) > 0.01


def test_a_listed_pair_in_trans_is_not_the_pair():
    made = caller(
        fragments((100, EXON), (50, change(EXON, c119="C")), (50, change(EXON, c121="T")))
    )
    assert forced(made)[CIS].alt == 0
    assert CIS not in found(made)


def test_depth_is_of_molecules_that_show_all_of_the_allele():
    short = EXON[:5]  # c.118 to c.122
    made = caller(fragments((100, EXON), (40, short), (20, change(EXON, c122="C"))))
    assert made.codon_view.size == made.codon_depth == 120
    assert forced(made)[M41T].depth == 120


def test_molecules_that_end_before_a_neighbour_show_the_codon_all_the_same():
    neighbour = change(EXON, c126="T")
    made = caller(fragments((40, EXON[:6]), (100, neighbour), (60, change(neighbour, c122="C"))))
    assert made.codon_depth == 200
    both = Allele.substitution({CODON + 1: "C", CODON + 5: "T"})
    assert (found(made)[both].alt, found(made)[both].depth) == (60, 160)


def test_the_interval_makes_room_for_errors_and_for_the_doubt_of_their_rate():
    made = caller(fragments((270, EXON), (30, change(EXON, c122="C"))))
    finding = found(made)[M41T]
    low, high = proportion_interval(30, 300)
    # Three bases of Q30: so many true molecules are misread.
    kept = 0.999**3 - ONE * 0.999**2
    assert finding.vaf_corrected == pytest.approx((0.1 - ONE * 0.999**2) / kept, rel=1e-6)
    # The two parts' distances are added as those of independent ones.
    slack = 2 * doubt(made, CODON + 1, "T", "C") ** 0.5 * ONE
    below = 0.1 - ONE - math.hypot(0.1 - low, slack)
    above = 0.1 - ONE + math.hypot(high - 0.1, min(slack, ONE))
    assert finding.vaf_low == pytest.approx(below / kept, rel=1e-4)
    assert finding.vaf_high == pytest.approx(above / kept, rel=1e-4)


def test_an_interval_never_goes_below_zero():
    made = caller(fragments((300, EXON), quality=10))
    assert all(finding.vaf_low == 0 for finding in made.forced())


def test_the_quality_is_capped():
    made = caller(fragments((10, EXON), (1500, change(EXON, c122="C")), quality=40))
    assert found(made)[M41T].quality == HIGHEST_QUALITY


def test_a_flag_is_raised_on_a_find_and_only_there():
    one_sided = [R(f"x{n}", START, change(EXON, c121="C"), reverse=True) for n in range(14)]
    both = [R(f"n{n}", START, EXON, reverse=n % 2 == 1) for n in range(200)]
    made = caller(molecules_of(*one_sided, *both))
    finding = found(made)[M41L]
    assert list(finding.flags) == ["one_strand"] and finding.significant
    assert finding.strands == (0, 14, 100, 114)
    few = caller(molecules_of(*one_sided[:1], *both))
    assert forced(few)[M41L].flags == {} and not forced(few)[M41L].significant


def test_the_limit_is_the_power_of_the_critical_count():
    made = caller(fragments((300, EXON)))
    limit = forced(made)[M41T].limit
    level = LEVELS.other_vexas / 4
    needed = next(k for k in range(1, 300) if binom.sf(k - 1, 300, 1e-3 / 3) <= level)
    # Three bases of Q30: so many true molecules are misread.
    shown = limit * (1 - 3e-3) + 1e-3 / 3 * (1 - limit)
    # A little more, for a few true ones lie on one strand by chance and are flagged.
    assert 0.95 <= binom.sf(needed - 1, 300, shown) <= 0.96


def test_no_limit_without_molecules_or_where_all_are_poor():
    assert all(finding.limit is None for finding in caller(molecules_of()).forced())
    poor = molecules_of(*(R(f"{n}", START, EXON, mapping_quality=0) for n in range(500)))
    assert all(finding.limit is None for finding in caller(poor).forced())


def test_without_molecules_nothing_is_bounded():
    made = caller(molecules_of())
    assert made.searched() == [] and made.codon_depth == 0
    assert {finding.depth for finding in made.forced()} == {0}
    assert {finding.vaf_upper95 for finding in made.forced()} == {None}
    assert made.limit_at(CODON) is None


def test_counts_are_capped_at_what_the_input_holds():
    made = caller(
        fragments((966, EXON), (34, change(EXON, c122="C"))),
        counting=Counting(most_molecules=120),
    )
    finding = found(made)[M41T]
    assert (finding.alt, finding.depth) == (4, 120)
    expected = log_tail(4, 120 * ONE, doubt(made, CODON + 1, "T", "C"))
    # Of 120 molecules, not of any number: a little rarer than that.
    assert finding.log_tail == pytest.approx(expected, abs=0.06)
    assert made.codon_depth == 120
    assert made.position_limits.depth.max() == 120
    roomy = caller(fragments((90, EXON)), counting=Counting(most_molecules=120))
    assert roomy.codon_depth == 90


def test_a_cap_does_not_improve_the_errors():
    rows = [R(f"g{n}", START, EXON, quality=37) for n in range(300)]
    rows += [R(f"b{n}", START, EXON, quality=25) for n in range(300)]
    capped = caller(molecules_of(*rows), counting=Counting(most_molecules=100))
    halves = rows[:50] + rows[300:350]
    same = caller(molecules_of(*halves))
    assert forced(capped)[M41T].limit == pytest.approx(forced(same)[M41T].limit, rel=0.1)


def test_no_limit_is_claimed_below_the_floor():
    deep = fragments((3000, EXON))
    free = caller(deep)
    floored = caller(deep, counting=Counting(limit_floor=0.01))
    assert forced(free)[M41T].limit < 0.01 == forced(floored)[M41T].limit
    assert floored.limit_at(START + 10) == 0.01
    shallow = caller(fragments((100, EXON)), counting=Counting(limit_floor=0.01))
    assert forced(shallow)[M41T].limit > 0.01


def test_indels_are_tested_against_the_rate_of_indels():
    gone = change(EXON, c121="-", c122="-", c123="-")
    made = caller(fragments((296, EXON), (4, gone)))
    allele = Allele((Edit(CODON, CODON + 3, ""),))
    finding = found(made)[allele]
    assert (finding.alt, finding.depth) == (4, 300)
    expected = log_tail(4, 300 * (INDEL_ERROR + 1e-8), INDEL_DOUBT**2)
    assert finding.log_tail == pytest.approx(expected, abs=0.03)
    # The codon's molecules with the deletion are informative on it, and show no substitution.
    assert forced(made)[M41T].depth == 300


def test_a_single_deleted_base_of_the_codon_is_no_crash_and_no_find():
    made = caller(fragments((200, EXON), (1, change(EXON, c122="-"))))
    assert made.searched() == []
    assert forced(made)[M41T].depth == 201


def test_a_listed_deletion_that_no_read_shows_is_tested():
    allele = Allele((Edit(CODON, CODON + 3, ""),))
    made = forced(caller(fragments((100, EXON)), known={**KNOWN, allele: True}))
    assert (made[allele].alt, made[allele].depth) == (0, 100)
    assert made[allele].limit is not None


def test_inserted_bases_in_the_codon_break_it():
    rows = [R(f"n{n}", START, EXON) for n in range(30)]
    rows += [R(f"i{n}", START, EXON, insertions=((CODON + 1, "C"),)) for n in range(5)]
    rows += [R(f"b{n}", START, EXON, insertions=((CODON, "C"),)) for n in range(4)]
    rows += [R(f"a{n}", START, EXON, insertions=((CODON + 3, "C"),)) for n in range(3)]
    view = caller(molecules_of(*rows)).codon_view
    assert codon_haplotypes(view, grch38()) == {"ATG": 37, "ins": 5}


def test_position_limits_ask_for_a_count_that_errors_do_not_reach():
    made_molecules = fragments((300, EXON), (100, EXON[:9]))
    made = caller(made_molecules)
    limits = made.position_limits
    assert limits.depth.tolist() == [400] * 9 + [300] * 9
    level = LEVELS.search / (5 * len(EXON))
    # All bases are of one kind of observation; sites hardly differ, as far as so few can tell.
    known = made.model.recalibration
    assert known.site_variance < 0.02
    counted = count_positions(made_molecules, record_reference(), POSITIONS)
    variance = doubts(counted, made.model)[0] + known.site_variance
    for row in (0, 17):
        expected = limits.depth[row] * 1e-3 / 3
        shape = 1 / variance
        needed = next(
            k for k in range(1, 99) if nbinom.sf(k - 1, shape, 1 / (1 + expected / shape)) <= level
        )
        assert needed >= next(k for k in range(1, 99) if poisson.sf(k - 1, expected) <= level)
        # Three cuts keep bases of Phred 30, two keep none.
        assert limits.needed[row, :3].tolist() == [needed] * 3
        assert limits.used[row].tolist() == [limits.depth[row]] * 3 + [0, 0]
        vaf = made.limit_at(POSITIONS[row])
        shown = vaf + 1e-3 / 3 * (1 - vaf)
        assert binom.sf(needed - 1, limits.depth[row], shown) == pytest.approx(0.95, abs=1e-4)
        assert limits.reaches(vaf * 1.01, 0.95)[row] and not limits.reaches(vaf * 0.99, 0.95)[row]


def test_the_best_cut_stands_for_a_position():
    rows = [R(f"g{n}", START, EXON, quality=37) for n in range(300)]
    rows += [R(f"b{n}", START, EXON, quality=10) for n in range(300)]
    made = caller(molecules_of(*rows))
    good = caller(molecules_of(*rows[:300]))
    limits = made.position_limits
    assert limits.depth[0] == 600 and limits.used[0].tolist() == [600, 300, 300, 0, 0]
    assert limits.needed[0, 0] > 5 * limits.needed[0, 2]
    assert made.limit_at(START) == pytest.approx(good.limit_at(START), rel=0.01)


def test_unknown_reference_bases_are_never_searched():
    intron = np.arange(START - 9, START + len(EXON))
    rows = [R(f"n{n}", START - 9, "ACGTACG" + "AG" + EXON) for n in range(100)]
    rows += [R(f"m{n}", START - 9, "TGCATGC" + "AG" + EXON) for n in range(100)]
    made = caller(molecules_of(*rows), positions=intron)
    assert made.searched() == []
    assert made.position_limits.depth[:7].tolist() == [0] * 7
    assert made.limit_at(START - 9) is None and made.limit_at(START) is not None
    assert made.model.mismatch_rate == 0


def deleted(bases, *names):
    return change(bases, **dict.fromkeys(names, "-"))


def allele(hgvs_c):
    return parse_c(hgvs_c, grch38(), record_reference())


def told(made):
    """Return alt and depth of what is found, by name."""
    return {
        describe(finding.allele, grch38(), record_reference()).hgvs_c: (finding.alt, finding.depth)
        for finding in made.searched()
    }


def test_a_forced_allele_counts_whatever_lies_beside_it():
    silent = change(EXON, c126="T")
    made = caller(
        fragments((100, EXON), (60, change(silent, c122="C")), (40, change(EXON, c122="C")))
    )
    assert told(made) == {"c.122T>C": (40, 200), "c.[122T>C;126C>T]": (60, 200)}
    finding = forced(made)[M41T]
    assert (finding.alt, finding.depth, finding.significant) == (100, 200, True)


def test_a_forced_change_of_the_codon_is_the_whole_codon():
    made = caller(fragments((150, EXON), (50, change(EXON, c121="T", c122="C"))))
    assert told(made) == {"c.121_122delinsTC": (50, 200)}
    assert not any(finding.alt for finding in made.forced())


def test_a_molecule_of_a_listed_pair_counts_for_the_pair_alone():
    pair = change(EXON, c119="C", c121="T")
    made = caller(fragments((100, EXON), (60, pair), (40, change(EXON, c121="T"))))
    lone = Allele.substitution({CODON: "T"})
    assert forced(made)[CIS].alt == 60
    assert forced(made)[lone].alt == 40
    assert told(made) == {"c.[119G>C;121A>T]": (60, 200), "c.121A>T": (40, 200)}


def test_ends_of_reads_between_the_pair_are_no_lone_partner():
    pair = change(EXON, c119="C", c121="T")
    rows = [R(f"p{n}", START, pair) for n in range(60)]
    rows += [R(f"s{n}", CODON - 1, pair[2:]) for n in range(20)]
    rows += [R(f"n{n}", START, EXON) for n in range(100)]
    made = caller(molecules_of(*rows))
    assert told(made) == {"c.[119G>C;121A>T]": (60, 160)}
    assert forced(made)[Allele.substitution({CODON: "T"})].alt == 0


def test_what_is_significant_only_together_is_found_as_forced():
    # Two and two molecules of M41T, with and without a neighbour: neither is enough, four are.
    silent = change(EXON, c126="T")
    made = caller(
        fragments(
            (150, EXON), (150, silent), (2, change(EXON, c122="C")), (2, change(silent, c122="C"))
        )
    )
    assert told(made) == {"c.126C>T": (150, 304), "c.122T>C": (4, 304)}
    assert forced(made)[M41T].significant


@pytest.mark.parametrize("names", [("c121",), ("c122",), ("c123",)])
def test_a_delins_of_the_codon_is_one_allele_wherever_the_gap_is_put(names):
    shown = {
        "c121": deleted(change(EXON, c122="G", c123="C"), "c121"),
        "c122": deleted(change(EXON, c121="G", c123="C"), "c122"),
        "c123": deleted(change(EXON, c121="G", c122="C"), "c123"),
    }
    made = caller(fragments((150, EXON), *((50, shown[name]) for name in names)))
    assert told(made) == {"c.121_123delinsGC": (50, 200)}
    mixed = caller(fragments((140, EXON), *((20, bases) for bases in shown.values())))
    assert told(mixed) == {"c.121_123delinsGC": (60, 200)}
    for each in (made, mixed):
        assert codon_haplotypes(each.codon_view, grch38()).keys() == {"ATG", "del"}
        assert not any(finding.alt for finding in each.forced())


def test_deletion_and_substitution_in_cis_and_in_trans():
    both = deleted(change(EXON, c122="C"), "c126")
    cis = caller(fragments((150, EXON), (50, both)))
    assert told(cis) == {"c.[122T>C;126del]": (50, 200)}
    assert forced(cis)[M41T].alt == 50
    trans = caller(
        fragments((100, EXON), (60, deleted(EXON, "c126")), (40, change(EXON, c122="C")))
    )
    assert told(trans) == {"c.122T>C": (40, 200), "c.126del": (60, 200)}
    mixed = caller(
        fragments(
            (100, EXON), (40, deleted(EXON, "c126")), (30, change(EXON, c122="C")), (30, both)
        )
    )
    assert told(mixed) == {
        "c.122T>C": (30, 200),
        "c.126del": (40, 200),
        "c.[122T>C;126del]": (30, 200),
    }
    assert forced(mixed)[M41T].alt == 60


def test_a_rare_change_that_goes_along_with_a_deletion_is_part_of_it():
    # Three molecules would not make the neighbour's position stand out.
    both = change(deleted(EXON, "c121", "c122", "c123"), c124="T")
    made = caller(fragments((297, EXON), (3, both)))
    assert told(made) == {"c.121_124delinsT": (3, 300)}
    few = [(290, EXON), (9, deleted(EXON, "c121", "c122", "c123")), (1, both)]
    assert told(caller(fragments(*few))) == {"c.121_123del": (10, 300)}


def test_the_run_behind_the_codon_may_lose_a_base():
    made = caller(fragments((150, EXON), (25, deleted(EXON, "c123")), (25, deleted(EXON, "c124"))))
    assert told(made) == {"c.124del": (50, 200)}
    assert codon_haplotypes(made.codon_view, grch38()) == {"ATG": 200}
    assert {finding.depth for finding in made.forced()} == {200}


def test_an_insertion_beside_m41t_in_trans():
    rows = [R(f"n{n}", START, EXON) for n in range(130)]
    rows += [R(f"i{n}", START, EXON, insertions=((CODON + 2, "CCC"),)) for n in range(40)]
    rows += [R(f"m{n}", START, change(EXON, c122="C")) for n in range(30)]
    made = caller(molecules_of(*rows))
    assert told(made) == {"c.122T>C": (30, 200), "c.122_123insCCC": (40, 200)}
    assert codon_haplotypes(made.codon_view, grch38()) == {"ATG": 130, "ACG": 30, "ins": 40}
    assert forced(made)[M41T].alt == 30


def test_a_listed_delins_is_found_by_its_name():
    listed = allele("c.121_123delinsGC")
    shown = deleted(change(EXON, c121="G", c123="C"), "c122")
    made = caller(fragments((150, EXON), (50, shown)), known={**KNOWN, listed: True})
    assert found(made).keys() == {listed}
    assert (forced(made)[listed].alt, forced(made)[listed].significant) == (50, True)
    absent = caller(fragments((150, EXON)), known={**KNOWN, listed: True})
    assert (forced(absent)[listed].alt, forced(absent)[listed].depth) == (0, 150)
    assert forced(absent)[listed].limit is not None


def test_found_alleles_have_no_limit_of_their_own():
    made = caller(fragments((150, EXON), (50, change(EXON, c122="C"))))
    assert [finding.limit for finding in made.searched()] == [None]
    assert forced(made)[M41T].limit is not None


def test_a_sample_of_poor_bases_is_not_flagged_for_them():
    poor = caller(fragments((150, EXON), (50, change(EXON, c122="C")), quality=15))
    assert found(poor)[M41T].flags == {}
    rows = [R(f"n{n}", START, EXON, reverse=n % 2 == 1) for n in range(150)]
    shown = change(EXON, c122="C")
    rows += [R(f"m{n}", START, shown, quality=15, reverse=n % 2 == 1) for n in range(50)]
    assert "low_base_quality" in found(caller(molecules_of(*rows)))[M41T].flags


EXONS = np.array(grch38().coding_positions[:420])
CLEAN = {"substitutions": 0.0, "indels": 0.0, "qualities": (30, 30)}
NOISY = {"substitutions": 0.015, "indels": 0.04, "qualities": (10, 20)}


def test_a_change_elsewhere_shares_the_search():
    allele = Allele.substitution({START + 10: "C"})
    level = math.log(LEVELS.search / (5 * EXONS.size))
    clean = draw(record_reference(), EXONS, 300, 1, **CLEAN)
    # Errors are as rare as announced; how sure that is, the sample says.
    variance = doubt(caller(clean, positions=EXONS), CODON, "A", "C")
    for count in range(2, 8):
        expected = log_tail(count, 300 * ONE, variance)
        assert abs(expected - level) > 0.3
        made = caller(clean.with_base(START + 10, "C", count / 300), positions=EXONS)
        assert (allele in found(made)) is bool(expected <= level)


@pytest.mark.parametrize("seed", range(6))
def test_reads_full_of_indels_give_no_false_call(seed):
    """Substitutions 1.5 %, indels 4 %, Q 10 to 20, as long reads of nanopores have them."""
    count = (300, 1000)[seed % 2]
    noisy = draw(record_reference(), EXONS, count, seed, **NOISY)
    made = caller(noisy, positions=EXONS)
    assert made.searched() == []
    assert not any(finding.significant for finding in made.forced())


@pytest.mark.parametrize("seed", range(2))
def test_a_tenth_of_m41t_is_found_among_reads_full_of_indels(seed):
    noisy = draw(record_reference(), EXONS, 300, seed, **NOISY).with_base(CODON + 1, "C", 0.1)
    made = caller(noisy, positions=EXONS)
    assert found(made).keys() == {M41T}
    finding = found(made)[M41T]
    assert finding.vaf_low < 0.1 < finding.vaf_high and finding.flags == {}


def worst_limit(made):
    return max(finding.limit for finding in made.forced())


POOR = {"substitutions": 10**-2.5, "indels": 0.0, "qualities": (25, 25)}


@pytest.mark.parametrize("vaf", [0.02, 0.025, 0.3])
def test_a_variant_elsewhere_does_not_raise_the_codons_limit(vaf):
    # A small one is not so far beyond errors that it is told at once; as an error it would make all
    # sites look unlike.
    plain = draw(record_reference(), EXONS, 1000, 3, **POOR)
    place = int(EXONS[30])
    base = record_reference().slice(place, place + 1)
    beside = caller(plain.with_base(place, "G" if base in "AC" else "A", vaf), positions=EXONS)
    assert [edit.start for f in beside.searched() for edit in f.allele.edits] == [place]
    without = caller(plain, positions=EXONS)
    assert without.searched() == []
    assert worst_limit(beside) == pytest.approx(worst_limit(without), rel=0.05)
