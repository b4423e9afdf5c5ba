"""Reads the analytics copy in DuckDB and in pyarrow, and says what each has seen.

    readers.py --archive FOLDER

Each table is read by its manifest, with the files of all epochs. For each reader it writes the number of rows, the number of keys, a digest of the newest
version of every row, and the type of every column. `wrong` lists what a manifest says of its files and is not so.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow.parquet as parquet

VIEWS = Path(__file__).resolve().parents[4] / "infra/analytics/duckdb.sql"


def manifests(archive: Path) -> dict[str, dict]:
    found = sorted((archive / "v1/_manifest").glob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in found}


def in_duckdb(on: duckdb.DuckDBPyConnection, table: str) -> dict:
    types = {name: kind for name, kind, *_ in on.execute(f"describe {table}").fetchall()}
    contents = ["md5(payload::varchar)"] if "payload" in types else []
    contents += ["md5(payload_bytes)"] if "payload_bytes" in types else []
    content = f"coalesce({', '.join([*contents, repr('-')])})"
    rows, keys = on.execute(f"select count(*), count(distinct row_key) from {table}").fetchone()
    versions = on.execute(f"select count(distinct (row_key, archive_epoch, tx)) from {table}").fetchone()[0]
    digest = on.execute(f"""
        select md5(coalesce(string_agg(row_key || ':' || tx || ':' || {content}, ',' order by row_key), ''))
        from (select *, row_number() over (partition by row_key order by archive_epoch desc, tx desc) as nth from {table}) where nth = 1
    """).fetchone()[0]
    return {"rows": rows, "versions": versions, "keys": keys, "digest": digest, "types": types}


def in_pyarrow(archive: Path, files: list[dict]) -> dict:
    rows, versions, newest, types = 0, set(), {}, {}
    for file in files:
        read = parquet.ParquetFile(archive / file["key"])
        types |= {field.name: str(field.type) for field in read.schema_arrow}
        wanted = [name for name in ("row_key", "archive_epoch", "tx", "payload", "payload_bytes") if name in types]
        columns = read.read(columns=wanted).to_pydict()
        none = [None] * len(columns["row_key"])
        for key, epoch, tx, payload, other in zip(
            columns["row_key"],
            columns["archive_epoch"],
            columns["tx"],
            columns.get("payload", none),
            columns.get("payload_bytes", none),
        ):
            rows += 1
            versions.add((key, epoch, tx))
            content = payload.encode() if payload is not None else other
            hashed = "-" if content is None else hashlib.md5(content).hexdigest()
            if key not in newest or newest[key] < (epoch, tx):
                newest[key] = (epoch, tx, hashed)
    lines = (f"{key}:{tx}:{hashed}" for key, (_, tx, hashed) in sorted(newest.items(), key=lambda it: it[0].encode()))
    digest = hashlib.md5(",".join(lines).encode()).hexdigest()
    return {"rows": rows, "versions": len(versions), "keys": len(newest), "digest": digest, "types": types}


def wrong(archive: Path, file: dict) -> list[str]:
    """Compares what a manifest says of a file with the file."""
    path, found = archive / file["key"], []
    if not path.is_file():
        return [f"{file['key']} is not there"]
    body = path.read_bytes()
    if len(body) != file["bytes"] or hashlib.sha256(body).hexdigest() != file["sha256"]:
        found.append(f"{file['key']} has other bytes")
    read = parquet.ParquetFile(path)
    if read.metadata.num_rows != file["rows"]:
        found.append(f"{file['key']} has {read.metadata.num_rows} rows and not {file['rows']}")
    names = read.schema_arrow.names
    sums = Counter()
    if "amount_minor" in names:
        columns = read.read(columns=["currency", "amount_minor"]).to_pydict()
        for currency, amount in zip(columns["currency"], columns["amount_minor"]):
            sums[currency] += amount
        if {k: str(v) for k, v in sums.items()} != file.get("sums", {}):
            found.append(f"{file['key']} has the sums {dict(sums)} and not {file.get('sums')}")
    if f"dt={file['dt']}/" not in file["key"]:
        found.append(f"{file['key']} is not in the partition of {file['dt']}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Reads the analytics copy in DuckDB and in pyarrow.")
    parser.add_argument("--archive", required=True, type=Path)
    archive = parser.parse_args().archive
    on = duckdb.connect(":memory:")
    on.execute("set variable archive = $1", [str(archive)])
    on.execute(VIEWS.read_text())
    seen = {}
    for table, manifest in manifests(archive).items():
        files = manifest["files"] + manifest.get("earlier", [])
        seen[table] = {
            "files": len(files),
            "wrong": [fault for file in files for fault in wrong(archive, file)],
            "duckdb": in_duckdb(on, table),
            "pyarrow": in_pyarrow(archive, files),
        }
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
