"""Versions of our formats, without importing any reader: the rules need them as params."""

#: Format name → (version, the rules that write it). Raising a version reruns the rules that write the format, and so
#: whatever depends on them.
FORMATS = {
    "example": (1, "simulate_example"),
    "samples": (2, "check_dataset"),
    "runs": (1, "check_dataset"),
    "images": (2, "render_images / normalize_images"),
    "features": (2, "extract_features"),
    "folds": (1, "assign_folds"),
    "replicates": (1, "find_replicates"),
    "logits": (1, "train_fold / collect_logits"),
    "metrics": (2, "fit_ensemble"),
    "history": (2, "train_fold"),
    "checkpoint": (1, "train_fold"),
    "evidence": (1, "explain"),
    "export": (1, "export"),
}

#: The split, in the metadata and in samples.parquet, whose samples are divided into folds.
TRAIN = "train"
