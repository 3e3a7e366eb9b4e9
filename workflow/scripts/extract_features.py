"""Extracts per-mass statistics of all images, for table models."""

import pyarrow as pa

from ionscape.features import extract_features, prepare
from ionscape.images import stream_images
from ionscape.scripting import door
from ionscape.tables import read_metadata, vector_column, write_table


def main(job) -> None:
    settings = job.params.features
    bands, floor = settings["bands"], settings["floor"]
    parts = []
    for path in job.input:
        facts = read_metadata(path, "images")
        for ids, images in stream_images(path):
            groups = extract_features(prepare(images, settings["background"], settings["smoothing"]), bands, floor)
            columns = {name: vector_column(values) for name, values in groups.items()}
            parts.append(pa.table({"sample_id": pa.array(ids, pa.string()), **columns}))
    write_table(pa.concat_tables(parts), job.output[0], "features", masses=facts["masses"], **settings)


if __name__ == "__main__":
    with door(snakemake):  # noqa: F821
        main(snakemake)  # noqa: F821
