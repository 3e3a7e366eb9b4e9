"""Versions of our formats, without importing any reader: the rules need them as params."""

#: Format name → (version, the rules that write it). Raising a version reruns the rules that write the format, and so
#: whatever depends on them.
FORMATS = {
    "example": (1, "simulate_example"),
    "samples": (3, "check_dataset"),
    "runs": (2, "check_dataset"),
    "images": (3, "render_images / normalize_images"),
    "features": (3, "extract_features"),
    "folds": (2, "assign_folds"),
    "replicates": (2, "find_replicates"),
    "known": (1, "find_replicates"),
    "similarity": (1, "find_replicates"),
    "logits": (2, "train_fold / collect_logits"),
    "model": (1, "train_fold"),
    "ensemble": (1, "fit_ensemble"),
    "metrics": (4, "fit_ensemble"),
    "history": (3, "train_fold"),
    "checkpoint": (2, "train_fold"),
    "evidence": (2, "explain"),
    "export": (2, "export"),
    "config": (1, "ensemble"),  # every call of Snakemake writes it
}
