"""Makes the folder a model is served from, converted to ONNX where that answers alike row by row.

    python -m model_runtime.prepare --model M --name churn [--version 1] [--holdout H.csv] --folder DIR --out RESULT

DIR gets `model.pkl|joblib|onnx`, `model-settings.json`, `schema.json`, `sample.json` (other Open Inference servers read
it too) and all of it once more as `model.zip`: one file with one sha256, which is what is approved and served.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from . import convert, job
from .inspect import sample_row
from .model import Estimator, Model, open_model
from .protocol import request_for
from .scan import scan

IMPLEMENTATIONS = {"sklearn": "mlserver_sklearn.SKLearnModel", "onnx": "mlserver_onnx.OnnxModel"}


def prepare(arguments: argparse.Namespace) -> job.Result:
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    scanned = scan(arguments.model, allow=arguments.allow)
    model = open_model(arguments.model, allow=arguments.allow)
    suffix = {"pickle": ".pkl", "joblib": ".joblib", "onnx": ".onnx"}[scanned.format]
    original = folder / f"model{suffix}"
    shutil.copyfile(arguments.model, original)
    onnx, why = _onnx(model, folder, arguments.holdout)
    schema = {
        "name": arguments.name,
        "version": arguments.version,
        **convert.schema_of(model),
        "sklearn_version": scanned.sklearn_version,
        "file": original.name,
        "serves": "model.onnx" if onnx else original.name,
        "allow": arguments.allow,
        "sha256": {path.name: _sha256(path) for path in sorted(folder.glob("model.*")) if path.suffix != ".zip"},
    }
    row = sample_row(model, arguments.holdout)
    _write(folder / "schema.json", schema)
    _write(folder / "sample.json", {"row": row, "request": request_for(model.features, [row])})
    _write(folder / "model-settings.json", _settings(arguments, model, original.name))
    _pack(folder)
    answer = model.answer({name: [value] for name, value in row.items()})
    return {
        "onnx": onnx,
        "why": why,
        "sample_row": row,
        "sample_answer": {"predict": answer.predict[0], "probabilities": _first(answer.probabilities)},
        "files": sorted(path.name for path in folder.iterdir()),
        "sha256": _sha256(folder / "model.zip"),
    }


def _onnx(model: Model, folder: Path, holdout: Path | None) -> tuple[bool, str]:
    if not isinstance(model, Estimator):
        return True, "It is ONNX already."
    why = convert.to_onnx(model, folder / "model.onnx", holdout)
    if why:
        (folder / "model.onnx").unlink(missing_ok=True)
    return not why, why


def _settings(arguments: argparse.Namespace, model: Model, file: str) -> dict[str, Any]:
    """What MLServer and KServe read; they serve the original file."""
    return {
        "name": arguments.name,
        "implementation": IMPLEMENTATIONS[model.platform],
        "parameters": {"uri": f"./{file}", "version": arguments.version},
    }


def _pack(folder: Path) -> None:
    """The same files give the same bytes: no times, sorted."""
    with zipfile.ZipFile(folder / "model.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.iterdir()):
            if path.suffix != ".zip":
                archive.writestr(
                    zipfile.ZipInfo(path.name), path.read_bytes(), compress_type=zipfile.ZIP_DEFLATED, compresslevel=1
                )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file: Any) -> str:
    """As hashlib.file_digest, which Python 3.10 does not have."""
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(job.clean(value), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _first(values: Any) -> Any:
    return None if values is None else values[0]


def main() -> None:
    arguments = job.parser(__doc__ or "")
    arguments.add_argument("--name", required=True, help="what the model is called where it is served")
    arguments.add_argument("--version", default="1")
    arguments.add_argument("--holdout", type=Path, help="rows on which both forms must answer alike")
    arguments.add_argument("--folder", type=Path, required=True, help="where the files are written")
    job.run(prepare, arguments.parse_args())


if __name__ == "__main__":
    main()
