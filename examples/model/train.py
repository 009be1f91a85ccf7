"""Trains the example's models on real data that comes with scikit-learn.

    python train.py FOLDER

The diabetes study (Efron et al., 2004; 442 people, unscaled), sex as text, the target split at its median, half of the
rows held out. Writes `linear.pkl` (what is live), `shallow.pkl` (a first try, worse), `forest.pkl` (the better model),
`holdout.csv` and `rows.json`. The same bytes of data and the same seeds every time.
"""

import pickle
import sys
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

LABEL = "progressed"


def load() -> pd.DataFrame:
    """442 rows: ten features of mixed types and the label, 1 where the disease progressed more than in half of them."""
    frame = load_diabetes(as_frame=True, scaled=False).frame
    frame["sex"] = frame["sex"].map({1.0: "f", 2.0: "m"})
    frame[LABEL] = (frame.pop("target") > 140.5).astype(int)
    return frame.rename(columns={f"s{i}": name for i, name in enumerate(("tc", "ldl", "hdl", "tch", "ltg", "glu"), 1)})


def pipeline(frame: pd.DataFrame, estimator: object, columns: list[str] | None = None) -> Pipeline:
    numbers = [c for c in columns or frame.columns if c not in ("sex", LABEL)]
    columns_ = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["sex"]), (StandardScaler(), numbers))
    return make_pipeline(columns_, estimator)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    frame = load()
    train, holdout = train_test_split(frame, test_size=0.5, random_state=7, stratify=frame[LABEL])
    x, y = train.drop(columns=LABEL), train[LABEL]
    models = {
        # Live: an honest model that looks at three features only.
        "linear": pipeline(frame, LogisticRegression(max_iter=1000), ["sex", "age", "bp", "glu"]),
        # The first try: one deep tree, which learns the training half by heart.
        "shallow": pipeline(frame, DecisionTreeClassifier(max_depth=1, random_state=7), ["sex", "age", "glu"]),
        "forest": pipeline(frame, RandomForestClassifier(n_estimators=100, min_samples_leaf=5, random_state=7)),
    }
    for name, model in models.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(model.fit(x, y)))
    holdout.to_csv(folder / "holdout.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
