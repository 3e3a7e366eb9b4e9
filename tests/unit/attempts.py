"""How an experiment of one kind went."""

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What was tried, how often, how often it ended well, and what was wrong with the others.

    Of files that were tried, ``taken`` counts those that were of use; to refuse one with a message is as well.
    """

    what: str
    tried: int = 0
    well: int = 0
    problems: list[str] = field(default_factory=list)
    taken: int = 0

    def add(self, *problems: str | None) -> None:
        """One more, well if there is no problem."""
        self.tried += 1
        found = list(filter(None, problems))
        self.well += not found
        self.problems += found
