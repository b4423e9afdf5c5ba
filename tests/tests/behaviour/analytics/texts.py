"""Writes the rows of every Parquet file below a folder as text, by table: also of files that no manifest names.

    texts.py --archive FOLDER
"""

import argparse
import json
import sys
from pathlib import Path

import pyarrow.parquet as parquet


def as_text(value: object) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the rows of all files as text.")
    parser.add_argument("--archive", required=True, type=Path)
    archive = parser.parse_args().archive
    texts: dict[str, list[str]] = {}
    for path in sorted(archive.glob("v1/*/dt=*/*.parquet")):
        table = path.relative_to(archive / "v1").parts[0]
        columns = parquet.ParquetFile(path).read().to_pydict()
        for row in zip(*columns.values()):
            texts.setdefault(table, []).append(" | ".join(as_text(value) for value in row))
    json.dump(texts, sys.stdout)


if __name__ == "__main__":
    main()
