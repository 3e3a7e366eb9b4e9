"""Artefacts that are JSON: a frozen type each, which writes and reads its file."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import InputError
from .artifact import read_json, write_json
from .versions import FORMATS


class Record(BaseModel):
    """A part of an artefact: named, typed, frozen fields and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Document(Record):
    """A whole artefact: a JSON file of a named format (:data:`.versions.FORMATS`); fields without a value are left out."""

    kind: ClassVar[str]

    def write(self, path: str | Path) -> None:
        """Writes it with format, version and checksum, atomically. Raises ValueError: a number is not finite."""
        write_json(path, self.model_dump(mode="json", exclude_none=True), self.kind)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`.

        Raises:
            InputError: missing or damaged file, another format or version, or not its content; names the rule to run again.
        """
        content = read_json(path, cls.kind)
        given = {key: value for key, value in content.items() if key not in ("format", "version")}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"{path}: {where}: {first['msg']}; run rule {FORMATS[cls.kind][1]} again") from error
