"""``groupmix run`` ends with its page."""

from pathlib import Path

from command import call, run_arguments, run_folder

PAGE = "report/index.html"
CLOSED_FORM = {"model": "EASE", "epochs": None, "eval_step": None, "embedding_size": None}


def ran(tiny, *more, **options):
    status, out, err = call(*run_arguments(tiny, **CLOSED_FORM, **options), *more)
    assert status == 0, err
    return out, err


def test_the_last_line_is_the_page_and_it_is_drawn_anew(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, _ = ran(tiny, "--report")
    page = run_folder() / PAGE
    assert out.splitlines()[-2:] == [str(page.parent.parent), str(page)]
    assert "tiny, target A, EASE" in page.read_text(encoding="utf-8")

    page.write_text("drawn before", encoding="utf-8")
    assert ran(tiny, "--report=True")[0] == out
    assert page.read_text(encoding="utf-8") != "drawn before"


def test_all_targets_have_one_page(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, _ = ran(tiny, "--report", target="all")
    page = Path(out.splitlines()[-1])
    assert page == run_folder() / PAGE
    assert "Several runs" in page.read_text(encoding="utf-8")


def test_the_page_can_be_left_out(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, _ = ran(tiny, "--report=False")
    assert not (run_folder() / "report").exists()
    assert out.splitlines()[-1] == str(run_folder())


def test_a_page_that_cannot_be_written_is_a_note(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran(tiny, "--report=False")
    (run_folder() / "report").write_text("in the way", encoding="utf-8")
    out, err = ran(tiny, "--report")
    assert "the page of the run is not written" in err.splitlines()[-1]
    assert out.splitlines()[-1] == str(run_folder())
