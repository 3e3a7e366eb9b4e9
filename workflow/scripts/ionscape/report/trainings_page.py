"""The page of all trainings."""

from .html import SORT, document, number, table


def trainings_page(rows: list[dict]) -> str:
    """Every training: how often it was begun, where it ran, how it ended; sortable.

    Args:
        rows: of :func:`.status.training_status`.
    """
    header = [
        "model",
        "fold",
        "state",
        "started",
        "epochs",
        "train loss",
        "validation loss",
        "best",
        "samples/s",
        "host",
        "GPU",
    ]
    cells = [
        [
            row["model"],
            row["fold"],
            row["state"],
            f"{row['starts']} times" if row["starts"] != 1 else "once",
            row.get("epoch") or "",
            number(row.get("train_loss")),
            number(row.get("validation_loss")),
            number(row.get("best")),
            number(row.get("samples_per_second"), 0),
            row.get("host") or "",
            row.get("gpu") or "",
        ]
        for row in rows
    ]
    again = sum(row["starts"] > 1 for row in rows)
    words = f"{again} of {len(rows)} trainings were started more than once." if again else "None had to be started again."
    body = f"<p>{words} One that is started again goes on from its checkpoint.</p>{table(header, cells)}{SORT}"
    return document("Trainings", body)
