"""Instruments' files: scans of (minutes, m/z, counts) as mzML, written by psims, and as ANDI-MS, by SciPy."""

import numpy as np
from psims.mzml.writer import MzMLWriter
from scipy.io import netcdf_file


def write_mzml(path, scans, level=1, unit="minute"):
    with MzMLWriter(str(path), close=True) as out:
        out.controlled_vocabularies()
        out.file_description(["MS1 spectrum"])
        out.software_list([{"id": "test", "version": "1", "params": ["custom unreleased software tool"]}])
        out.instrument_configuration_list([out.InstrumentConfiguration(id="IC", component_list=[])])
        out.data_processing_list([out.DataProcessing([], id="DP")])
        with out.run(id="run", instrument_configuration="IC"), out.spectrum_list(count=len(scans)):
            for number, (minutes, masses, counts) in enumerate(scans, start=1):
                start = minutes if unit == "minute" else minutes * 60
                out.write_spectrum(
                    masses,
                    counts,
                    id=f"scan={number}",
                    params=[{"ms level": level}],
                    scan_start_time={"name": "scan start time", "value": start, "unit_name": unit},
                    encoding={"m/z array": np.float64, "intensity array": np.float64},
                )


def write_andi(path, scans, **scaled):
    with netcdf_file(path, "w") as file:
        points = sum(len(masses) for _, masses, _ in scans)
        file.createDimension("scan_number", len(scans))
        file.createDimension("point_number", points)
        for name, kind, of, values in (
            ("scan_acquisition_time", "d", "scan_number", [minutes * 60 for minutes, _, _ in scans]),
            ("point_count", "i", "scan_number", [len(masses) for _, masses, _ in scans]),
            ("mass_values", "f", "point_number", np.concatenate([masses for _, masses, _ in scans])),
            ("intensity_values", "d", "point_number", np.concatenate([counts for _, _, counts in scans])),
        ):
            file.createVariable(name, kind, (of,))[:] = np.asarray(values) / scaled.get(name, 1)
            if name in scaled:
                file.variables[name].scale_factor = scaled[name]
