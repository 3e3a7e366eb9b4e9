"""Extracts per-mass statistics of all images, for table models."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

import pyarrow as pa

from ionscape.files.artifact import read_metadata, write_table
from ionscape.files.vectors import vector_column
from ionscape.images.features import extract_features, prepare
from ionscape.images.store import stream_images
from ionscape.jobs.script import door


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
    with door(snakemake):
        main(snakemake)
