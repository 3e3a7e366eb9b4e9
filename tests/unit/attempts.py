"""How an experiment of one kind went."""

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What was tried, how often, how often it ended well, and what was wrong with the others."""

    what: str
    tried: int = 0
    well: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, problem: str | None) -> None:
        """One more, well if there is no problem."""
        self.tried += 1
        if problem:
            self.problems.append(problem)
        else:
            self.well += 1
