"""Experiments: each strikes runs by faults, recovers as the documentation says, and tells what was tried and went well."""

import contextlib
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from attempts import Outcome
from calls import Job, Snakemake
from kinds import JOB_FAULTS, OUT_OF_MEMORY, SNAKEMAKE_FAULTS, Fault, end_snakemake, read_only
from run_folder import MAKE, PREDICT, Run

#: Rules with a script, as they follow each other; `predict` in a call of its own.
RULES = (
    "simulate_example",
    "check_dataset",
    "render_images",
    "normalize_images",
    "extract_features",
    "assign_folds",
    "divide_folds",
    "find_replicates",
    "train_fold",
    "refit",
    "collect_logits",
    "fit_ensemble",
    "plot_data",
    "plot_training",
    "plot_ensemble",
    "explain",
    "provenance",
    "export",
    "predict",
)
#: How often Snakemake starts a job that failed again, in experiments that strike jobs.
RETRIES = 3
FAILED = re.compile(r"^Error in rule (\w+):", re.MULTILINE)
Say = Callable[[str], None]


class Striker:
    """Strikes the jobs of a running Snakemake until it ends.

    Args:
        wanted: rule → faults that are still to hit it; lowered by those that do.
    """

    def __init__(self, run: Run, fault: Fault, wanted: Counter, random_: random.Random):
        self.run, self.fault, self.wanted, self.random = run, fault, wanted, random_
        self.alone = threading.Lock()  # a full disk is everybody's
        self.hits: Counter = Counter()
        self.unclear: dict[str, list[str]] = {}

    def __call__(self, snakemake: Snakemake) -> None:
        seen, aimed, pending = set(), Counter(), []
        with ThreadPoolExecutor(8) as pool:
            while snakemake.runs:
                for job in self.run.jobs():
                    key = (job.process.pid, job.process.create_time())
                    if key in seen:
                        continue
                    seen.add(key)
                    pending = [entry for entry in pending if not entry[1].done()]
                    aimed = Counter(rule for rule, _ in pending)
                    if self.wanted[job.rule] > aimed[job.rule]:
                        after = self.random.random() * self.fault.latest * self.run.durations[job.rule]
                        pending.append((job.rule, pool.submit(self._strike, snakemake, job, after)))
                time.sleep(0.05)
        for _, future in pending:
            future.result()

    def _strike(self, snakemake: Snakemake, job: Job, after: float) -> None:
        if job.ends(after):
            return
        with self.alone if self.fault.mounts else contextlib.nullcontext():
            before = Counter(FAILED.findall(snakemake.said))
            if not job.alive or not self.fault.strike(self.run, job, self.random):
                return
            if not self.fault.says:
                self._hit(job.rule)
                return
            until = time.monotonic() + 3
            while not (failed := Counter(FAILED.findall(snakemake.said)) - before)[job.rule] and time.monotonic() < until:
                time.sleep(0.05)
        for rule in failed:  # none, if it was through before it noticed
            self._hit(rule)
            if not self.fault.says.search(snakemake.said):
                self.unclear.setdefault(rule, []).append(f"{snakemake.path}: the console does not say why {rule} failed")

    def _hit(self, rule: str) -> None:
        self.hits[rule] += 1
        self.wanted[rule] -= 1


def strike_jobs(
    run: Run, kind: str, each: int, seed: int, say: Say, rules: tuple[str, ...] = RULES, calls: int = 12
) -> list[Outcome]:
    """Every rule's jobs struck at random moments, so many times each: a row a rule.

    Args:
        run: finished; its rules are forced again, several in a call; kind: of JOB_FAULTS; each: faults a rule.
        calls: after so many without all hits the others are problems.
    """
    random_, fault = random.Random(f"{seed} {kind}"), JOB_FAULTS[kind]
    outcomes = {rule: Outcome(f"{kind}: {rule}") for rule in rules}
    wanted = Counter(dict.fromkeys(rules, each))
    for _ in range(calls):
        if not +wanted:
            break
        for command in (MAKE, PREDICT):
            forced = [rule for rule in rules if wanted[rule] and (rule == "predict") == (command is PREDICT)]
            if not forced:
                continue
            striker = Striker(run, fault, wanted, random_)
            snakemake = run.call(*command, "--forcerun", *forced, "--retries", str(RETRIES), "--keep-going")
            striker(snakemake)
            code = snakemake.wait()
            problems = [*snakemake.problems(fault.met_by_snakemake), *run.lost(), *run.recover((command,))]
            hits = ", ".join(f"{rule} {count}" for rule, count in striker.hits.items())
            say(f"{kind}: {command[0]}, exit {code}, hit: {hits}; {problems or 'well'}")
            for rule, count in striker.hits.items():
                unclear = striker.unclear.get(rule, [])
                for number in range(count):
                    outcomes[rule].add(*problems, *unclear[number : number + 1])
    for rule, missed in (+wanted).items():
        outcomes[rule].problems.append(f"{kind}: {rule}: {missed} faults came too late in {calls} calls")
    return list(outcomes.values())


def end_snakemakes(
    run: Run, kind: str, count: int, seed: int, say: Say, rules: tuple[str, ...] = RULES[:-1], seconds: float = 40
) -> list[Outcome]:
    """Snakemake itself ended at random moments of a finished run of which three rules are forced again; then recovery.

    Args:
        kind: of SNAKEMAKE_FAULTS; rules: to choose from; seconds: until the latest moment.
    """
    random_, outcome = random.Random(f"{seed} {kind} of Snakemake"), Outcome(f"{kind}: Snakemake itself")
    while outcome.tried < count:
        forced = random_.sample(rules, 3)
        snakemake = run.call(*MAKE, "--forcerun", *forced)
        struck = end_snakemake(run, snakemake, SNAKEMAKE_FAULTS[kind], 2 + random_.random() * seconds)
        problems = [*run.left_behind(), *snakemake.problems(kind == "Ctrl-C"), *run.lost(), *run.recover((MAKE,))]
        say(f"{outcome.what}, forced {' '.join(forced)}: {problems or 'well'}")
        if struck:
            outcome.add(*problems)
    return [outcome]


def two_at_once(
    run: Run, count: int, seed: int, say: Say, rules: tuple[str, ...] = ("fit_ensemble", "plot_data", "find_replicates")
) -> list[Outcome]:
    """A second Snakemake called while the first runs: it must refuse, say why, and disturb nothing."""
    random_, outcome = random.Random(f"{seed} two"), Outcome("two Snakemakes at once")
    for _ in range(count):
        first = run.call("all", "--forcerun", random_.choice(rules))
        while first.runs and not run.jobs():
            time.sleep(0.05)
        time.sleep(random_.random() * 2)
        second = run.call("all")
        code, lived = second.wait(), first.runs
        problems = [f"{first.path}: exit {first.process.returncode}"] if first.wait() else []
        if code == 0:
            problems.append(f"{second.path}: the second was not refused")
        if "cannot be locked" not in second.said:
            problems.append(f"{second.path}: the second does not say why")
        problems += [*first.problems(), *second.problems(), *run.recover((MAKE,))]
        say(f"{outcome.what}: {problems or 'well'}")
        if lived:
            outcome.add(*problems)
    return [outcome]


def read_only_from_the_start(run: Run, say: Say, rule: str = "fit_ensemble") -> list[Outcome]:
    """Snakemake called where the results, logs included, cannot be written."""
    outcome = Outcome("read-only: Snakemake itself")
    with read_only(run):
        snakemake = run.call("all", "--forcerun", rule)
        code = snakemake.wait()
    problems = [] if code else [f"{snakemake.path}: it does not fail"]
    if not JOB_FAULTS["read-only"].says.search(snakemake.said):
        problems.append(f"{snakemake.path}: it does not say why")
    outcome.add(*problems, *snakemake.problems(), *run.lost(), *run.recover((MAKE,)))
    say(f"{outcome.what}: {outcome.problems or 'well'}")
    return [outcome]


def limited_memory(
    run: Run, count: int, seed: int, say: Say, rules: tuple[str, ...] = ("train_fold", "explain")
) -> list[Outcome]:
    """``ulimit -v`` for Snakemake and all its jobs, enough for the former and not for the networks."""
    random_, outcome = random.Random(f"{seed} ulimit"), Outcome("out of memory: ulimit -v for all")
    for _ in range(count):
        kib = random_.randint(1_100, 1_500) * 1024
        snakemake = run.call("all", "--forcerun", *rules, "--keep-going", before=f"ulimit -v {kib}")
        code = snakemake.wait()
        problems = [*snakemake.problems(True), *run.lost(), *run.recover((MAKE,))]
        if code and not OUT_OF_MEMORY.search(snakemake.said):
            problems.append(f"{snakemake.path}: it does not say why")
        say(f"{outcome.what}, {kib // 1024} MiB, exit {code}: {problems or 'well'}")
        if code:
            outcome.add(*problems)
    return [outcome]


#: Rules that take a second or two each, for rounds of many.
SHORT = ("provenance", "plot_training", "export", "collect_logits", "normalize_images", "render_images")


def befall(run: Run, kinds: tuple[str, ...], rules: tuple[str, ...], random_: random.Random) -> tuple[str, list[str]]:
    """One fault of a kind at random on something forced at random, without recovery: (in words, problems)."""
    kind, forced = random_.choice(kinds), random_.choice(rules)
    command = PREDICT if forced == "predict" else MAKE
    snakemake = run.call(*command, "--forcerun", forced, "--retries", str(random_.randint(0, 1)), "--keep-going")
    if kind in JOB_FAULTS:
        fault = JOB_FAULTS[kind]
        striker = Striker(run, fault, Counter({forced: 1}), random_)
        striker(snakemake)
        snakemake.wait()
        return f"{kind} of {forced}{'' if striker.hits else ' (late)'}", snakemake.problems(fault.met_by_snakemake)
    if kind == TWO:
        time.sleep(3 + random_.random() * 3)
        second = run.call(*command)
        second.wait()
        snakemake.wait()
        return f"{kind}, {forced} forced", [*snakemake.problems(), *second.problems()]
    number = SNAKEMAKE_FAULTS[kind.removeprefix(ITSELF)]
    end_snakemake(run, snakemake, number, 1 + random_.random() * 10)
    return f"{kind}, {forced} forced", [*run.left_behind(), *snakemake.problems(True)]


ITSELF, TWO = "Snakemake itself: ", "two at once"


def all_kinds(mounts: bool) -> tuple[str, ...]:
    """Names of all kinds of fault that can befall a run here; ``mounts``: its results are on a disk of their own."""
    jobs = [kind for kind, fault in JOB_FAULTS.items() if mounts or not fault.mounts]
    return (*jobs, *(f"{ITSELF}{kind}" for kind in SNAKEMAKE_FAULTS), TWO)


def attack(run: Run, minutes: float, seed: int, say: Say, mounts: bool) -> list[Outcome]:
    """Every kind of fault in random order for so long, only unlocked between; at the end the run is as an undisturbed one.

    A fault without a problem counts as well; what is left in the end is the last row.
    """
    random_, until = random.Random(f"{seed} attack"), time.monotonic() + minutes * 60
    kinds = all_kinds(mounts)
    outcomes = {kind: Outcome(f"attack: {kind}") for kind in kinds}
    last = Outcome(f"attack: the end, after {minutes:g} minutes")
    order: list[str] = []
    while time.monotonic() < until:
        order = order or random_.sample(kinds, len(kinds))  # each comes before any comes again
        kind = order.pop()
        what, problems = befall(run, (kind,), RULES, random_)
        problems += run.left_behind()
        run.unlock()
        say(f"attack: {what}: {problems or 'well'}")
        outcomes[kind].add(*problems)
    last.add(*run.recover())
    say(f"{last.what}: {last.problems or 'well'}")
    return [*outcomes.values(), last]


def soak(run: Run, rounds: int, seed: int, say: Say, mounts: bool) -> list[Outcome]:
    """Short rules forced so many times, each time with a fault and recovery; then a census: nothing may have been left."""
    random_, outcome = random.Random(f"{seed} soak"), Outcome(f"soak: {rounds} rounds")
    kinds, before, happened = all_kinds(mounts), run.census(), []
    for number in range(rounds):
        what, problems = befall(run, kinds, SHORT, random_)
        happened.append(what)
        problems += run.recover((MAKE,))
        say(f"soak: round {number + 1}, {what}: {problems or 'well'}")
        outcome.add(*problems)
    after = run.census()
    grown = Outcome("soak: what is left after it")
    killed = Counter(what.startswith(f"{ITSELF}SIGKILL") for what in happened)[True]
    allowed = {name: 2 * killed * name.endswith("of killed Snakemakes") for name in after}  # Snakemake never looks for them
    left = (name for name in after if after[name] > before[name] + allowed[name])
    grown.add(*(f"{name}: {before[name]} → {after[name]}" for name in left))
    say(f"{grown.what}: before {before}, after {after}")
    return [outcome, grown]
