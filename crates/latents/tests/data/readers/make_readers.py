"""Writes the small files of this folder that tests/data_formats.rs reads; run it with NumPy and PyArrow."""

import gzip

import numpy as np

grid = np.arange(12).reshape(4, 3)
np.save("c_f4.npy", (grid / 4).astype("<f4"))
np.save("fortran_f8.npy", np.asfortranarray(grid / 4))
np.save("fortran_3d_i2.npy", np.asfortranarray(np.arange(24).reshape(2, 3, 4).astype("<i2")))
np.save("big_i4.npy", (grid - 5).astype(">i4"))
np.save("u1.npy", grid.astype("u1"))
np.save("bool.npy", grid % 2 == 0)
np.save("structured.npy", np.zeros(2, [("a", "<f8"), ("b", "<i4")]))
np.save("text.npy", np.array(["a", "b"]))
np.savez("stored.npz", x=grid / 4, y=np.arange(4))
np.savez_compressed("deflated.npz", x_train=np.asfortranarray(grid / 4), x_test=(grid[:2] / 4).astype("f4"))
with gzip.GzipFile("labels-idx1-ubyte.gz", "wb", mtime=0) as file:
    file.write(bytes([0, 0, 8, 1, 0, 0, 0, 5, 7, 2, 1, 0, 4]))
try:
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.parquet

    table = pa.table(
        {
            "a": pa.array([1.5, None, 3.5, 4.5]),
            "b": pa.array([1, 2, 3, 4], pa.int32()),
            "c": pa.array(["red", "blue", "red", "red"]),
            "d": pa.array(["u", "v", "u", "v"]).dictionary_encode(),
            "e": pa.array([[1], [2], [3], [4]]),
        }
    )
    pa.parquet.write_table(table, "mixed.parquet")
    pa.feather.write_feather(table, "mixed.arrow", compression="uncompressed")
except ModuleNotFoundError:
    print("no pyarrow: the columnar files are left as they are")
