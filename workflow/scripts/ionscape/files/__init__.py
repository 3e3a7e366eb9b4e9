"""Files of any project: atomic writes, artefacts with a version and a checksum, small CSVs, names and paths, compression.

In: bytes, tables, paths. Out: files that are whole or not there at all, and what they hold. Knows no spectra or jobs.
To add a format of ours: its name, version and rule in :mod:`.versions`; the type that writes it reads it, in its own room.

Temporary names and renames: :mod:`.atomic`. Checksums: :mod:`.artifact`. Types that are one JSON file each:
:mod:`.record`. Names that leave no folder: :mod:`.paths`. Bombs and blocks: :mod:`.compressed`.
"""
