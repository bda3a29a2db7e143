from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import compute.imported
from compute.bundle import export_run, import_bundle
from compute.check import check_run
from compute.cli import main
from compute.errors import BadRecord, JobError, MeasurementError, SettingsError
from compute.imported import import_curves, read_curves
from compute.jobs import Jobs
from compute.measure.dispatch import measure
from compute.store import Store
from dashboard.context import Context
from dashboard.development import NO_GRAPH
from dashboard.factory import show_page
from dashboard.library import Library
from dashboard.payload import encode
from dashboard.payloads import Payloads
from dashboard.selection import default_lanes
from tests.samples import GRAPH, IMPORTED, a_digest, a_measured, a_run, a_task

RUN = a_run()  # steps 0 to 4
TEXT = "step,name,value,error\n0,llc,3.5,0.5\n2,llc,-1.25,\n2,copying,7,1e-3\n"


@pytest.fixture
def known(store):
    store.put_run(RUN)
    return store


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text(TEXT)
    return path


def curves_of(store, run="small"):
    curves = Library(store).development(run).curves
    return {c.name: c for c in curves if c.name.startswith("imported")}


def test_values_and_errors_come_back_and_gaps_stay_gaps(known, file):
    import_curves(known, "small", file, source="a paper")
    curves = curves_of(known)
    nan = math.nan
    assert list(curves) == ["imported: copying", "imported: llc"]
    llc, copying = curves["imported: llc"], curves["imported: copying"]
    np.testing.assert_array_equal(llc.values, [3.5, nan, -1.25, nan, nan])
    np.testing.assert_allclose(llc.high - llc.values, [1.96 * 0.5, nan, nan, nan, nan], rtol=1e-6)
    np.testing.assert_allclose(llc.values - llc.low, [1.96 * 0.5, nan, nan, nan, nan], rtol=1e-6)
    np.testing.assert_array_equal(copying.values, [nan, nan, 7, nan, nan])
    assert llc.settings.startswith("a paper · file ")


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("llc", "llc"),
        ("LLC (seed 1)", "llc"),
        ("lambda_hat", "llc"),
        ("λ̂", "llc"),
        ("accuracy", "behaviour"),
    ],
)
def test_a_curve_stands_with_its_like(known, file, name, group):
    file.write_text(f"step,name,value\n0,{name},1\n")
    import_curves(known, "small", file)
    assert curves_of(known)[f"imported: {name}"].group == group


def test_the_record_holds_the_files_own_digits(known, file):
    file.write_text("step,name,value,error\n1,a,0.1000000000000000055511151231257827,1e-30\n")
    import_curves(known, "small", file)
    (key,) = known.keys("small", "imported")
    record = known.get(key).record
    assert (record.value, record.error) == (0.1, 1e-30)


def test_the_source_is_the_files_name_unless_it_is_told(known, file):
    assert import_curves(known, "small", file).source == "curves.csv"
    (spec,) = {known.get(key).spec.source for key in known.keys("small")}
    assert spec == "curves.csv"


def test_the_same_file_again_changes_nothing(known, file):
    assert import_curves(known, "small", file).new == 3
    before = known.revision("small"), known.keys("small")
    again = import_curves(known, "small", file)
    assert (again.new, list(again.lines())) == (0, ["small: nothing new: it was imported before"])
    assert (known.revision("small"), known.keys("small")) == before


@pytest.mark.parametrize(("text", "source"), [(TEXT + "3,llc,9,\n", "s"), (TEXT, "another")])
def test_another_file_or_source_is_another_curve(known, file, tmp_path, text, source):
    import_curves(known, "small", file, source="s")
    other = tmp_path / "other.csv"
    other.write_text(text)
    import_curves(known, "small", other, source=source)
    curves = [c for c in Library(known).development("small").curves if c.name == "imported: llc"]
    assert len({c.id for c in curves}) == len({c.settings for c in curves}) == 2
    assert sorted(int(np.isfinite(c.values).sum()) for c in curves) == [2, 2 + ("3,llc" in text)]


def test_rows_without_a_checkpoint_are_counted_and_the_first_is_named(known, file):
    file.write_text(TEXT + "150,llc,1,\n77,llc,1,\n")
    done = import_curves(known, "small", file)
    assert done.left_out == (77, 150)
    assert list(done.lines()) == [
        "small: 3 values from curves.csv",
        "3 of 5 rows lie at checkpoints of small; 2 do not and are left out: first 77",
    ]
    assert known.run("small") == RUN


def test_a_file_that_fits_no_checkpoint_is_refused(known, file):
    file.write_text("step,name,value\n77,llc,1\n")
    with pytest.raises(SettingsError, match="whose steps are 0 to 4; count steps as the run does"):
        import_curves(known, "small", file)
    assert known.keys("small") == []


def test_what_has_been_left_out_comes_when_its_checkpoint_does(known, file):
    file.write_text(TEXT + "5,llc,1,\n")
    import_curves(known, "small", file)
    known.put_run(a_run(steps=6))
    assert import_curves(known, "small", file).new == 1


def test_a_run_that_is_not_there_is_made_of_the_files_steps(store, file):
    import_curves(store, "elsewhere", file, source="a paper")
    run = store.run("elsewhere")
    assert (run.source, run.steps, run.licence) == ("shipped", (0, 2), "not stated")
    assert "Curves only, imported from a paper" in run.summary
    with pytest.raises(JobError, match="nothing can be measured on it"):
        Jobs(store).submit("elsewhere", [GRAPH])


def test_a_run_of_curves_grows_by_the_steps_of_further_files(store, file, tmp_path):
    import_curves(store, "elsewhere", file)
    other = tmp_path / "other.csv"
    other.write_text("step,name,value\n1,loss,2\n")
    assert import_curves(store, "elsewhere", other).left_out == ()
    assert store.run("elsewhere").steps == (0, 1, 2)
    assert set(curves_of(store, "elsewhere")) == {
        "imported: copying", "imported: llc", "imported: loss",
    }  # fmt: skip


def test_a_run_of_curves_opens_without_graphs_and_says_why_nothing_can_be_measured(store, file):
    import_curves(store, "elsewhere", file)
    library = Library(store)
    development = library.development("elsewhere")
    assert (development.graphs, development.coverage, development.failures) == ({}, (), ())
    assert list(development.graph_curves) == [NO_GRAPH]
    context = Context(library, Payloads(library, "/"), Jobs(store), "/")
    assert "elsewhere" in str(show_page(context, "/", "?run=elsewhere"))
    assert b"imported: llc" in encode(development)


def test_a_run_of_curves_opens_on_its_curves_and_another_on_its_usual_ones(store, file):
    import_curves(store, "elsewhere", file)
    curves = Library(store).development("elsewhere")
    assert default_lanes(curves, NO_GRAPH) == tuple(
        c.id for c in curves.curves if c.name.startswith("imported: ")
    )
    store.put_run(RUN)
    store.put(a_measured(a_task(RUN, 0, GRAPH)))
    import_curves(store, RUN.name, file)
    measured = Library(store).development(RUN.name)
    assert not [c for c in default_lanes(measured, "text.zero") if c.startswith("imported")]


def test_imported_values_are_never_missing(known, file):
    before = [vars(row) for row in Library(known).development("small").coverage]
    import_curves(known, "small", file)
    assert [vars(row) for row in Library(known).development("small").coverage] == before
    checked = check_run(known, RUN)
    assert (checked.records, checked.damaged, checked.missing["imported"]) == (3, {}, 0)


def test_imported_values_survive_export_and_import(known, file, tmp_path):
    import_curves(known, "small", file)
    known.put(a_measured(a_task(RUN)))
    retrained = {step: f"again {a_digest(RUN, step)}" for step in RUN.steps}
    kinds = export_run(known, RUN, tmp_path / "bundle", weights_digests=retrained)
    assert kinds == {"imported": 3}
    other = Store(tmp_path / "other")
    import_bundle(other, tmp_path / "bundle")
    assert other.keys("small") == known.keys("small", "imported")
    assert list(curves_of(other)) == list(curves_of(known))
    assert Library(other).development("small").coverage == ()
    assert check_run(other, other.run("small")).damaged == {}
    assert import_curves(other, "small", file).new == 0
    other.close()


def test_values_stay_when_the_text_of_the_run_changes(known, file):
    import_curves(known, "small", file)
    known.put_run(dataclasses.replace(RUN, data_digest="another text"))
    assert import_curves(known, "small", file).new == 0


HEAD = "step,name,value,error\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: the file is empty; the first line must name the columns step, name"),
        ("\n \n", "the file is empty"),
        (HEAD, "line 1: no row follows"),
        ("step,value\n0,1\n", "line 1: no column 'name'; the first line must name"),
        ("step,name,val\n0,a,1\n", "line 1: no column 'value'"),
        ("step,name,value,value\n0,a,1,2\n", "line 1: column 'value' stands there twice"),
        (HEAD + "0,a,1,\nx,a,1,\n", "line 3: step 'x' is not a number"),
        (HEAD + "0.5,a,1,\n", "line 2: step '0.5' is not a whole number"),
        (HEAD + "1e300,a,1,\n", "line 2: step '1e300' is .*"),
        (HEAD + "-1,a,1,\n", "line 2: step '-1' is not a whole number from 0 on"),
        (HEAD + "0,a,one,\n", "line 2: value 'one' is not a number"),
        (HEAD + "0,a,,\n", "line 2: value '' is not a number"),
        (HEAD + '0,a,"3,5",\n', "line 2: value '3,5' is not a number"),
        (HEAD + "0,a,1_000,\n", "line 2: value '1_000' is not a number"),
        (HEAD + "0,a,NaN,\n", "line 2: value 'NaN' is not finite; leave out the row"),
        (HEAD + "0,a,-inf,\n", "line 2: value '-inf' is not finite"),
        (HEAD + "0,a,1e999,\n", "line 2: value '1e999' is not finite"),
        (HEAD + "0,a,1e39,\n", "line 2: value '1e39' is too large"),
        (HEAD + "0,a,1,-0.5\n", "line 2: error '-0.5' is negative"),
        (HEAD + "0,a,1,nan\n", "line 2: error 'nan' is not finite"),
        (HEAD + "0,a,1,\n\n1,a,1,\n0,a,2,\n", "line 5: step 0 of 'a' stands in line 2 too"),
        (HEAD + "0,a,1\n", "line 2: fewer fields"),
        (HEAD + "0,a,1,2,3\n", "line 2: more fields"),
        (HEAD + "0,,1,\n", "line 2: a name has 1 to 80"),
        (HEAD + f"0,{'a' * 81},1,\n", "line 2: a name has 1 to 80"),
        (HEAD + '0,"a\nb",1,\n', "line 3: a name has 1 to 80"),
        (HEAD + '0,"a,1,\n', "line 2: not CSV"),
    ],
)
def test_a_line_that_is_wrong_is_named(file, text, reason):
    file.write_text(text)
    with pytest.raises(BadRecord, match=reason) as found:
        read_curves(file)
    assert "\n" not in str(found.value)


def test_a_file_that_is_not_utf8_is_refused(file):
    file.write_bytes(TEXT.encode() + "3,café,1,\n".encode("latin-1"))
    with pytest.raises(BadRecord, match="line 5: not UTF-8"):
        read_curves(file)


def test_a_file_that_is_too_large_is_refused_unread(file, monkeypatch):
    monkeypatch.setattr(compute.imported, "LARGEST_FILE", len(TEXT) - 1)
    with pytest.raises(BadRecord, match="has more than"):
        read_curves(file)
    monkeypatch.setattr(compute.imported, "LARGEST_FILE", len(TEXT))
    assert len(read_curves(file).rows) == 3


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadRecord, match=r"cannot read .*: No such file"):
        read_curves(tmp_path / "none.csv")


def test_what_spreadsheets_write_is_read(file):
    file.write_bytes(TEXT.replace("\n", "\r\n").encode("utf-8-sig"))
    plain = [(0, "llc", 3.5), (2, "llc", -1.25), (2, "copying", 7.0)]
    assert [(r.step, r.name, r.value) for r in read_curves(file).rows] == plain
    file.write_text('value, step ,name,note\n"3.5",0.0," llc ",x\n')
    read = read_curves(file)
    assert [(r.step, r.name, r.value) for r in read.rows] == plain[:1]
    assert math.isnan(read.rows[0].error)
    assert read.unread == ("note",)


def test_the_command(capsys, store, file):
    data = ["--data", str(store.folder)]
    assert main(["import", "elsewhere", str(file), "--source", "a paper", *data]) == 0
    assert main(["import", "elsewhere", str(file), "--source", "a paper", *data]) == 0
    assert capsys.readouterr().out == (
        "elsewhere: 3 values from a paper\nelsewhere: nothing new: it was imported before\n"
    )
    for wrong in (["import", str(file)], ["import", "elsewhere", "--source", "a paper"]):
        assert main([*wrong, *data]) == 2
        assert "ontogeny import RUN FILE.csv" in capsys.readouterr().err
    for source in ("", "two\nlines"):
        assert main(["import", "elsewhere", str(file), "--source", source, *data]) == 2
        assert "source" in capsys.readouterr().err
    assert main(["import", "no/name", str(file), *data]) == 2
    assert "run name 'no/name'" in capsys.readouterr().err


def test_an_imported_value_cannot_be_measured():
    with pytest.raises(MeasurementError, match="read from a file"):
        measure(IMPORTED, None, None)
