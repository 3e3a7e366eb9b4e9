"""Files of any project: atomic writes, artefacts with a version and a checksum, small CSVs, names and paths, compression.

In: bytes, tables, paths. Out: files that are whole or not there at all, and what they hold. Knows no spectra or jobs.
To add a format of ours: its name, version and rule in :mod:`.versions`; the type that writes it reads it, in its own room.
"""
