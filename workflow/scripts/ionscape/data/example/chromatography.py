"""Embedded example data: simulated GC-MS runs of known compounds, in the layout of the challenge's files."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import erfc, erfcx

from .library import FAMILIES, MAX_MASS, Compound

# What is injected.
SPLIT_SHARES = {"train": 0.80, "val": 0.08, "test": 0.12}  #: shares of the runs

BLANK_SHARE = 0.08  #: share of runs without any compound

DERIVATIZED_SHARE = 0.20  #: share of runs after derivatisation

MIXTURE = (0.75, 0.25)  #: probabilities of 1, 2 compounds in a run that is no blank

POPULARITY = 3.0  #: of compounds with the same families the n-th in the library is n^-POPULARITY as common as the first

AMOUNT_DECADES = (4.6, 5.4)  #: log10 range of a base peak's apex, counts

# Gas chromatography. Elution temperature is linear in the retention index; the oven decides when it is reached.
ELUTION = (-20.0, 0.115)  #: °C at retention index 0, °C per index unit

SCANS = (120, 250)  #: scans a run

DELAY = (0.2, 6.0)  #: min before the first scan

HOLD = (2.0, 3.0)  #: min at the start temperature

START = (40.0, 50.0)  #: °C

RAMP = (14.0, 17.0)  #: °C a minute, mean

CURVATURE = (0.95, 1.05)  #: exponent of the ramp: 1 is linear, less is slow at the end

HOLD_SCALE = 40.0  #: °C below the start temperature at which retention falls to 1/e of the hold

LAST_INDEX = 2300.0  #: retention index at which the recording ends

SCAN_JITTER = 0.15  #: of a scan's interval

PEAK_SIGMA = (1.5, 3.0)  #: Gaussian part's standard deviation, scans

PEAK_TAIL = (0.3, 1.5)  #: exponential part's time constant, multiples of the Gaussian part

GAS_SIGMA = (0.02, 0.08)  #: Gaussian part of evolved gases, share of the run

GAS_DELAY = (0.0, 0.5)  #: release after the run's start, share of the run

# Mass spectrometry.
TILT = 0.15  #: standard deviation of a run's mass discrimination, e-folds over 100 m/z

ION_NOISE = 0.10  #: log standard deviation of an ion's relative abundance, one value a run and compound

SIGNAL_NOISE = 0.08  #: log standard deviation of each reading

SHOT_NOISE = 25.0  #: variance a count

CHEMICAL_NOISE = 15.0  #: typical noise level at m/z 0, counts; falls to 1/e over NOISE_MASS

NOISE_MASS = 220.0  #: m/z

NOISE_SPREAD = 0.8  #: log standard deviation of the noise level over masses

SPIKES = (1, 6)  #: isolated one-reading spikes a run

SPIKE_DECADES = (2.3, 4.5)  #: log10 counts

THRESHOLD = (60.0, 140.0)  #: counts a reading must exceed to be listed

MASS_OFFSET = 0.03  #: standard deviation of a run's calibration error, m/z

MASS_JITTER = (0.0, 0.07)  #: standard deviation of single readings, m/z

MASS_ERROR = 0.3  #: largest error of a reading, m/z

# Backgrounds: m/z → typical counts.
CARRIER = {4: 1.2e5}  #: helium

AIR_WATER = {14: 1.5e3, 16: 9e2, 17: 5e3, 18: 2.4e4, 28: 2.2e4, 32: 5e3, 40: 1.2e3, 44: 2e3}

BLEED = {73: 3e3, 96: 6e2, 133: 6e2, 147: 8e2, 191: 8e2, 207: 4e3, 208: 9e2, 221: 5e2, 281: 1.6e3, 355: 5e2}

REAGENT = {45: 7e3, 59: 6e3, 73: 3e4, 75: 2e4, 77: 6e3, 115: 3e3, 131: 3e3, 147: 4e4, 148: 6e3, 149: 3e3}

BACKGROUND_SPREAD = 0.3  #: log standard deviation of a background's level, one value a run

LEAK_DECAY = (0.15, 2.0)  #: time constant of air and water, share of the run

BLEED_RISE = (0.12, 0.3)  #: e-folding of the column bleed, share of the run

REAGENT_INDICES = (450.0, 1250.0)  #: retention indices between which reagent peaks elute

REAGENT_PEAKS = (3, 6)  #: reagent peaks a run

REAGENT_FLOOR = 0.02  #: reagent ions between the peaks, share of the peaks


@dataclass(frozen=True)
class Run:
    """A simulated run and its truth.

    Attributes:
        split: train, val or test.
        labels: int8 [9], in the order of FAMILIES.
        time: float64 [rows], minutes, ascending.
        mass: float64 [rows], m/z.
        intensity: float64 [rows], counts.
        compounds: names as in the library; a derivatised compound by its derivative's name.
        retention_times: float64 [compounds], minutes of the scan at the peak's apex.
        amounts: float64 [compounds], counts of the base peak at its apex, before noise.
    """

    sample_id: str
    split: str
    derivatized: bool
    labels: np.ndarray
    time: np.ndarray
    mass: np.ndarray
    intensity: np.ndarray
    compounds: list[str]
    retention_times: np.ndarray
    amounts: np.ndarray


def simulate_runs(library: Sequence[Compound], runs: int, seed: int) -> Iterator[Run]:
    """Yields runs S0000, S0001, …; a run's content depends on (library, seed, index) only, its split also on ``runs``.

    Raises:
        ValueError: ``runs`` is not 1–10000 or ``seed`` is negative.
    """
    if not 1 <= runs <= 10_000 or seed < 0:
        raise ValueError(f"expected 1–10000 runs and a seed ≥ 0, found {runs} runs, seed {seed}")
    bounds = np.rint(np.cumsum(list(SPLIT_SHARES.values())) * runs)
    order = np.random.default_rng(np.random.SeedSequence(seed)).permutation(runs)
    splits = np.array(list(SPLIT_SHARES))[np.searchsorted(bounds, order, side="right")]
    for index, split in enumerate(splits):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        yield _simulate(library, rng, f"S{index:04d}", str(split))


def _simulate(library: Sequence[Compound], rng: np.random.Generator, sample_id: str, split: str) -> Run:
    derivatized = bool(rng.random() < DERIVATIZED_SHARE)
    mixture = _mixture(library, rng, derivatized)
    amounts = 10 ** rng.uniform(*AMOUNT_DECADES, len(mixture))
    elution = _oven(rng)
    end = elution(LAST_INDEX)
    time = _scans(rng, end)
    counts = _backgrounds(rng, time, elution, end, derivatized)
    tilt = np.exp(rng.normal(0, TILT) * (np.arange(MAX_MASS + 1) - 100) / 100)
    apexes = np.empty(len(mixture))
    for place, (compound, amount) in enumerate(zip(mixture, amounts, strict=True)):
        profile = _elute(rng, compound, time, elution, end)
        abundances = compound.abundances * rng.lognormal(0, ION_NOISE, len(compound.masses)) * tilt[compound.masses]
        counts[:, compound.masses] += amount * np.outer(profile, abundances / abundances.max())
        apexes[place] = time[profile.argmax()]
    scan, mass, intensity = _detect(rng, counts)
    delay = rng.uniform(*DELAY)
    return Run(
        sample_id=sample_id,
        split=split,
        derivatized=derivatized,
        labels=np.array([any(f in compound.families for compound in mixture) for f in FAMILIES], dtype=np.int8),
        time=np.round(time + delay, 4)[scan],
        mass=mass,
        intensity=intensity,
        compounds=[compound.name for compound in mixture],
        retention_times=np.round(apexes + delay, 4),
        amounts=amounts,
    )


def _mixture(library: Sequence[Compound], rng: np.random.Generator, derivatized: bool) -> list[Compound]:
    """Draws compounds without repetition: few of each kind are common and many rare, as in a laboratory's samples."""
    if rng.random() < BLANK_SHARE:
        return []
    parents = [compound for compound in library if not compound.derivative_of]
    kinds = Counter(compound.families for compound in parents)
    ranks: Counter[tuple[str, ...]] = Counter()
    weights = np.empty(len(parents))
    for index, compound in enumerate(parents):
        ranks[compound.families] += 1
        weights[index] = ranks[compound.families] ** -POPULARITY
    for kind, members in kinds.items():  # a kind is as common as the root of its number of compounds
        inside = np.array([compound.families == kind for compound in parents])
        weights[inside] *= np.sqrt(members) / weights[inside].sum()
    size = min(rng.choice(len(MIXTURE), p=MIXTURE) + 1, len(parents))
    drawn = [parents[i] for i in rng.choice(len(parents), size, replace=False, p=weights / weights.sum())]
    if not derivatized:
        return drawn
    forms = [[form for form in library if form.derivative_of == compound.name] or [compound] for compound in drawn]
    return [options[rng.integers(len(options))] for options in forms]


def _oven(rng: np.random.Generator) -> Callable[[float], float]:
    """A random temperature programme as a monotone map from retention index to minutes after injection."""
    hold, start = rng.uniform(*HOLD), rng.uniform(*START)
    span = ELUTION[0] + ELUTION[1] * LAST_INDEX - start
    minutes, power = span / rng.uniform(*RAMP), rng.uniform(*CURVATURE)

    def elution(index: float) -> float:
        above = ELUTION[0] + ELUTION[1] * index - start
        if above < 0:
            return hold * float(np.exp(above / HOLD_SCALE))
        return hold + minutes * (above / span) ** power

    return elution


def _scans(rng: np.random.Generator, end: float) -> np.ndarray:
    scans = rng.integers(*SCANS, endpoint=True)
    return (np.arange(scans) + rng.uniform(0, SCAN_JITTER, scans)) * end / scans


def _elute(
    rng: np.random.Generator, compound: Compound, time: np.ndarray, elution: Callable[[float], float], end: float
) -> np.ndarray:
    """A compound's peak over the scans, apex 1: narrow after the column, broad for a gas that a mineral gives off."""
    centre = elution(compound.retention_index)
    if "mineral" in compound.families:
        centre, sigma = centre + end * rng.uniform(*GAS_DELAY), end * rng.uniform(*GAS_SIGMA)
    else:
        sigma = end / len(time) * rng.uniform(*PEAK_SIGMA)
    return _peak(time, centre, sigma, sigma * rng.uniform(*PEAK_TAIL))


def _peak(time: np.ndarray, centre: float, sigma: float, tail: float) -> np.ndarray:
    """Exponentially modified Gaussian over ``time``, scaled to a largest value of 1; never overflows."""
    ratio = sigma / tail
    z = (time - centre) / sigma
    x = (ratio - z) / np.sqrt(2)
    front = np.exp(-z * z / 2) * erfcx(np.maximum(x, 0))
    back = np.exp(ratio * ratio / 2 - ratio * np.maximum(z, ratio)) * erfc(np.minimum(x, 0))
    shape = np.where(x > 0, front, back)
    return shape / shape.max()


def _backgrounds(
    rng: np.random.Generator, time: np.ndarray, elution: Callable[[float], float], end: float, derivatized: bool
) -> np.ndarray:
    """Carrier gas, leak, column bleed and reagent: float64 [scans, MAX_MASS + 1], counts."""
    counts = np.zeros((len(time), MAX_MASS + 1))

    def add(ions: dict[int, float], course: np.ndarray) -> None:
        levels = np.array(list(ions.values())) * rng.lognormal(0, BACKGROUND_SPREAD / 2, len(ions))
        counts[:, list(ions)] += np.outer(course * rng.lognormal(0, BACKGROUND_SPREAD), levels)

    add(CARRIER, np.ones(len(time)))
    add(AIR_WATER, 0.3 + np.exp(-time / end / rng.uniform(*LEAK_DECAY)))
    add(BLEED, np.exp((time / end - 1) / rng.uniform(*BLEED_RISE)))
    if derivatized:
        indices = rng.uniform(*REAGENT_INDICES, rng.integers(*REAGENT_PEAKS, endpoint=True))
        widths = end / len(time) * rng.uniform(*PEAK_SIGMA, len(indices))
        for index, width in zip(indices, widths, strict=True):
            add(REAGENT, REAGENT_FLOOR + _peak(time, elution(index), width, width))
    return counts


def _detect(rng: np.random.Generator, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the detector lists of the expected ``counts``: scan numbers, m/z (one decimal), counts (one decimal)."""
    masses = np.arange(counts.shape[1])
    level = CHEMICAL_NOISE * np.exp(-masses / NOISE_MASS) * rng.lognormal(0, NOISE_SPREAD, counts.shape[1])
    level *= rng.lognormal(0, BACKGROUND_SPREAD / 2)
    seen = counts * rng.lognormal(0, SIGNAL_NOISE, counts.shape)
    seen += np.sqrt(SHOT_NOISE * counts) * rng.standard_normal(counts.shape) + level * rng.exponential(size=counts.shape)
    spikes = rng.integers(*SPIKES, endpoint=True)
    places = rng.integers(len(counts), size=spikes), rng.integers(1, counts.shape[1], size=spikes)
    seen[places] += 10 ** rng.uniform(*SPIKE_DECADES, spikes)
    seen[:, 0] = 0
    scan, mass = np.nonzero(seen > rng.uniform(*THRESHOLD))
    error = rng.normal(0, MASS_OFFSET) + rng.normal(0, 1, len(mass)) * rng.uniform(*MASS_JITTER)
    return scan, np.round(mass + np.clip(error, -MASS_ERROR, MASS_ERROR), 1), np.round(seen[scan, mass], 1)
