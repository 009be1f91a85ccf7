"""What a file says of itself is read without opening it; what could harm is refused by name."""

import gzip
import io
import os
import pickle
import struct
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.runtimes.model_runtime import names
from engine.runtimes.model_runtime.needs import choose_python, needs_of, requirements_for
from engine.runtimes.model_runtime.reading import BadModel
from engine.runtimes.model_runtime.scan import scan


class Evil:
    def __init__(self, call, *arguments):
        self.call = (call, arguments)

    def __reduce__(self):
        return self.call


def written(tmp_path, data, name="model.pkl"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("pack", [lambda data: data, zlib.compress, gzip.compress])
def test_a_pickle_that_runs_a_command_is_named_and_not_run(tmp_path, protocol, pack):
    proof = tmp_path / "proof"
    data = pickle.dumps({"model": Evil(os.system, f"touch {proof}")}, protocol)
    found = scan(written(tmp_path, pack(data)))
    assert found.forbidden == (f"{os.system.__module__}.system",)
    assert "runs a command" in found.problem
    assert "It was not opened" in found.problem
    assert not proof.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins.eval", "builtins.exec", "builtins.getattr", "subprocess.Popen", "numpy.memmap", "numpy.load",
     "joblib.load", "importlib.import_module", "operator.attrgetter", "pickle.loads", "numpy.fromfile", "ctypes.CDLL",
     "socket.socket", "shutil.rmtree", "pandas.read_pickle", "builtins.__import__", "io.open", "types.CodeType"],
)  # fmt: skip
def test_what_no_model_needs_is_forbidden_even_with_an_approval(tmp_path, name):
    module, _, attribute = name.rpartition(".")
    data = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, attribute)) + b"\x93)R."
    found = scan(written(tmp_path, data), allow=[name])
    assert found.forbidden == (name,)
    assert found.problem


def test_a_name_put_together_on_the_stack_is_still_read(tmp_path):
    """The strings are memoised, fetched back and only then used: a list of opcodes would not see the name."""
    data = b"\x80\x04\x8c\x06system\x94\x8c\x05posix\x94\x30\x30h\x01h\x00\x93\x8c\x04true\x85R."
    assert scan(written(tmp_path, data)).forbidden == ("posix.system",)


def test_names_of_python_2_are_read_as_what_they_become(tmp_path):
    assert scan(written(tmp_path, b"\x80\x02c__builtin__\neval\n(U\x011tR.")).forbidden == ("builtins.eval",)


def test_an_unknown_name_needs_a_person_and_is_then_let_through(tmp_path):
    data = b"\x80\x04\x8c\x06mypkg.\x30\x8c\x05mypkg\x8c\x05Model\x93)\x81."
    path = written(tmp_path, data)
    assert scan(path).unknown == ("mypkg.Model",)
    assert "mypkg.Model" in scan(path).problem
    assert scan(path, allow=["mypkg.Model"]).problem == ""


def test_an_object_array_hiding_a_command_is_read_too(tmp_path):
    """joblib writes arrays of objects as a pickle inside the pickle, which its own loader once opened unasked."""
    inner = pickle.dumps([Evil(os.system, "true")])
    dtype = b"\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02O8\x89\x88\x87R"
    data = (
        b"\x80\x04\x8c\x13joblib.numpy_pickle\x8c\x11NumpyArrayWrapper\x93)\x81}("
        b"\x8c\x05shapeK\x01\x85\x8c\x05order\x8c\x01C\x8c\x05dtype" + dtype + b"ub" + inner + b"."
    )
    assert scan(written(tmp_path, data)).forbidden == (f"{os.system.__module__}.system",)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "not a model"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 50, "not a model"),
        (pickle.dumps({"a": 1}), "plain dict"),
        (pickle.dumps(list(range(1000)))[:-50], "cut off"),
        (zlib.compress(os.urandom(1000))[:-20], "cut off"),
        (gzip.compress(os.urandom(1000))[:-20], "cut off"),
        (b"\x04\x22\x4d\x18" + b"0" * 50, "lz4"),
        (b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.", "cut off"),
        (b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".", "cut off"),
        (b"\x08\x07\x12\x02ab:\x7f", "cut off"),
        (b"\x08\x07\x12\x02ab", "no graph"),
        (b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93N}\x8c\x01aNs\x86b.", "changes a class"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, data, sentence):
    with pytest.raises(BadModel, match=sentence):
        scan(written(tmp_path, data))


def refusal(path):
    """The sentence a file is refused with; "" when it is not. Any other exception is the test's failure."""
    try:
        return scan(path).problem
    except BadModel as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x80\x04", b"\x80\x02", b"\x08\x07\x12", b"(", b"c"]))
def test_any_bytes_are_read_or_refused_with_a_sentence(tmp_path_factory, data, head):
    path = tmp_path_factory.getbasetemp() / "any.pkl"
    path.write_bytes(head + data)
    before = set(sys.modules)
    sentence = refusal(path)
    assert not sentence or sentence.endswith(".")
    assert {name for name in sys.modules if name not in before and not name.startswith("hypothesis")} == set()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_pickle_is_read_or_refused_with_a_sentence(tmp_path_factory, data):
    whole = pickle.dumps({"steps": [("a", Evil(os.getcwd)), {1, 2}], "x": bytearray(9), "y": (1.5, None, "é")})
    place = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    path.write_bytes(whole[:place] + data.draw(st.binary(max_size=8)) + whole[place + data.draw(st.integers(0, 8)) :])
    sentence = refusal(path)
    assert not sentence or sentence.endswith(".")


def test_no_allowed_name_is_a_forbidden_one_by_pattern():
    """Were a name taken off the list, nothing dangerous would merely become “unknown”; and none is on it."""
    for name in names.allowed():
        assert not any(name.startswith(start) for start in ("os.", "sys.", "subprocess.", "builtins.get", "pickle."))
    assert not {"numpy.memmap", "numpy.load", "builtins.eval", "builtins.getattr"} & names.allowed()


@pytest.mark.parametrize(
    ("version", "python", "constraint"),
    [
        ("1.2.2", "3.11", "numpy<2"),
        ("1.0.2", "3.10", "numpy<1.24"),
        ("1.5.2", "3.11", "pandas<3"),
        ("1.7.2", "3.11", "pandas<3"),
    ],
)
def test_the_packages_that_fit_a_version_are_known(version, python, constraint):
    needs = requirements_for(version)
    assert f"scikit-learn=={version}" in needs.requirements
    assert constraint in needs.requirements
    assert choose_python(needs, ["3.10", "3.11", "3.12"]) == python


def test_a_python_that_is_missing_is_named_with_those_that_are_there():
    with pytest.raises(BadModel, match=r"1\.2\.2 needs Python 3\.10 or 3\.11\. Installed here: 3\.12, 3\.13"):
        choose_python(requirements_for("1.2.2"), ["3.13", "3.12"])
    with pytest.raises(BadModel, match=r"before 1\.0"):
        requirements_for("0.24.2")


def test_a_wheel_that_came_with_a_later_patch_is_waited_for():
    assert "3.12" not in requirements_for("1.3.0").pythons
    assert "3.12" in requirements_for("1.3.2").pythons


@pytest.mark.model
@pytest.mark.parametrize(
    ("file", "format", "compression"),
    [("good.pkl", "pickle", ""), ("old.pkl", "pickle", ""), ("good-0.joblib", "joblib", ""),
     ("good-zlib.joblib", "joblib", "zlib"), ("good-gzip.joblib", "joblib", "gzip"),
     ("good-bz2.joblib", "joblib", "bz2"), ("good-xz.joblib", "joblib", "lzma"),
     ("good-lzma.joblib", "joblib", "lzma"), ("forest.joblib", "joblib", ""), ("boosted.joblib", "joblib", "")],
)  # fmt: skip
def test_a_real_model_says_its_version_steps_and_columns(models, file, format, compression):
    found = scan(models / file)
    assert (found.format, found.compression, found.problem) == (format, compression, "")
    assert found.sklearn_version == "1.7.2"
    assert found.numpy_major == 2
    assert found.estimator == "sklearn.pipeline.Pipeline"
    assert found.steps[0] == "ColumnTransformer"
    assert found.features[:3] == ("age", "sex", "bmi")
    assert needs_of(found).requirements[0] == "scikit-learn==1.7.2"


@pytest.mark.model
@pytest.mark.parametrize("file", ["good.pkl", "good-0.joblib", "good-zlib.joblib", "good-xz.joblib", "forest.joblib"])
def test_a_model_cut_off_anywhere_is_said_to_be(models, tmp_path, file):
    whole = (models / file).read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        with pytest.raises(BadModel, match="cut off"):
            scan(written(tmp_path, whole[: int(len(whole) * share)]))


def test_scanning_is_pure_bytes():
    """Nothing of numpy or scikit-learn is needed in the server's process."""
    assert "sklearn" not in sys.modules
    assert "joblib" not in sys.modules
    assert io
