"""Answers questions of infra/analytics/questions/ from the analytics copy, in DuckDB.

    answers.py --archive FOLDER-OR-S3-URL [--json] [QUESTION...]

FOLDER holds a copy of the bucket, such as `aws s3 sync s3://BUCKET FOLDER` makes. For an s3:// URL DuckDB loads its
extensions httpfs and aws, which it downloads the first time. Without a QUESTION it answers all. Each answer is a table,
or with --json all are one object: each question with its columns and its rows, whose values are text or null.
Wants .local/venv-analytics/bin/python.
"""

import argparse
import json
import sys
from datetime import datetime, timezone
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent


def questions() -> list[str]:
    return sorted(path.stem for path in (HERE / "questions").glob("*.sql"))


def opened(archive: str) -> duckdb.DuckDBPyConnection:
    """Returns a connection that sees the tables of a copy."""
    on = duckdb.connect(":memory:")
    if archive.startswith("s3://"):
        for extension in ("httpfs", "aws"):
            on.install_extension(extension)
            on.load_extension(extension)
        on.execute("create secret (type s3, provider credential_chain)")
    on.execute("set variable archive = $1", [archive.rstrip("/")])
    on.execute((HERE / "duckdb.sql").read_text())
    return on


def answer(on: duckdb.DuckDBPyConnection, question: str) -> duckdb.DuckDBPyRelation:
    return on.sql((HERE / f"questions/{question}.sql").read_text())


def as_text(value: object) -> str | None:
    """Returns a value as Postgres spells it in UTC, so that answers can be compared."""
    if isinstance(value, datetime):
        text = value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        return text.rstrip("0").rstrip(".") + "+00"
    return None if value is None else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description="Answers questions from the analytics copy.")
    parser.add_argument("--archive", required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("question", nargs="*", choices=[*questions(), []])
    wanted = parser.parse_args()
    on = opened(wanted.archive)
    answers = {}
    for question in wanted.question or questions():
        found = answer(on, question)
        if wanted.json:
            rows = [[as_text(value) for value in row] for row in found.fetchall()]
            answers[question] = {"columns": found.columns, "rows": rows}
        else:
            print(question)
            print(found)
    if wanted.json:
        json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
