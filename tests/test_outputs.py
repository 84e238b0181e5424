"""Outputs and measured numbers are rewritten as they are printed, and nothing else is."""

from pathlib import Path

import pytest
from pytest_codeblocks import extract_from_file

from tools.articles import read
from tools.measured import written
from tools.outputs import main

PAGE = """---
title: "A page"
---

# A page

It took <data value="demo:seconds">1,000.0</data> s, not <data value="demo:loss[1]">−0.3</data>.

```python
print("one")
print()
print("two")
```

??? question "Why?"

    ```python
    def three():
        return 3

    print(three())
    print()
    print("  x")
    ```

    So it is.

```python
print(4)
```

<!--pytest-codeblocks:expected-output-->
``` { .text .output }
5
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    labs = tmp_path / "docs" / "labs"
    labs.mkdir(parents=True)
    (labs / "demo.json").write_text('{"seconds": 2345.678, "loss": [0.1, -0.26]}')
    path = tmp_path / "docs" / "articles" / "demo.md"
    path.parent.mkdir()
    path.write_text(PAGE)
    return path


def test_what_is_written_passes_pytest_codeblocks(page: Path, tmp_path: Path) -> None:
    assert main([], tmp_path) == 0
    blocks = [block for block in extract_from_file(page) if block.syntax == "python"]
    assert [block.expected_output for block in blocks] == ["one\n\ntwo\n", "3\n\n  x\n", "4\n"]


def test_a_second_run_changes_nothing(page: Path, tmp_path: Path) -> None:
    main([], tmp_path)
    first = page.read_text()
    assert main(["--check"], tmp_path) == 0
    main([], tmp_path)
    assert page.read_text() == first


def test_all_but_outputs_and_numbers_stays(page: Path, tmp_path: Path) -> None:
    main([], tmp_path)
    expected = PAGE.replace("\n5\n", "\n4\n").replace("1,000.0", "2,345.7")
    kept = iter(page.read_text().splitlines())
    assert all(line in kept for line in expected.splitlines())  # in this order


def test_an_output_in_a_fold_out_stands_apart_from_its_comment(page: Path, tmp_path: Path) -> None:
    main([], tmp_path)
    comment = "    <!--pytest-codeblocks:expected-output-->\n\n    ``` { .text .output }\n    3\n"
    assert comment in page.read_text()


def test_a_wrong_output_fails_with_a_diff_and_its_line(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main([], tmp_path)
    page.write_text(page.read_text().replace("\n4\n", "\n44\n"))
    line = page.read_text().splitlines().index("44") + 1
    before = page.read_text()
    assert main(["--check"], tmp_path) == 1
    shown = capsys.readouterr().out
    assert "-44\n+4\n" in shown
    assert f"docs/articles/demo.md:{line}:" in shown
    assert page.read_text() == before


def test_a_wrong_number_fails_with_a_diff(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main([], tmp_path)
    page.write_text(page.read_text().replace("2,345.7", "2,345.8"))
    assert main(["--check"], tmp_path) == 1
    assert '+It took <data value="demo:seconds">2,345.7</data>' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\nx / 0", "line 30, in <module>\n    x / 0"),
        ("import warnings\nwarnings.warn('old')", "UserWarning: old"),
        ("print('x', end='')", "must print whole lines"),
    ],
)
def test_a_block_that_fails_is_named_and_leaves_its_page_alone(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture, code: str, said: str
) -> None:
    page.write_text(PAGE.replace("print(4)", code))
    assert main([], tmp_path) == 1
    shown = capsys.readouterr().err
    assert "docs/articles/demo.md:28: " in shown
    assert said in shown
    assert page.read_text() == PAGE.replace("print(4)", code)


def test_blocks_share_no_names(page: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    page.write_text(PAGE.replace("print(4)", "print(three())"))
    assert main([], tmp_path) == 1
    assert "NameError" in capsys.readouterr().err


def test_words_between_a_block_and_its_output_are_not_lost(page: Path, tmp_path: Path) -> None:
    text = PAGE.replace("\n<!--", "\nWords.\n\n<!--")
    page.write_text(text)
    assert main([], tmp_path) == 1
    assert page.read_text() == text


@pytest.mark.parametrize("key", ["demo:nothing", "demo:loss", "demo:loss[2]", "other:loss"])
def test_an_unknown_number_fails(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture, key: str
) -> None:
    page.write_text(PAGE.replace("demo:seconds", key))
    assert main([], tmp_path) == 1
    assert f"docs/articles/demo.md:7: {key}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value", "now"),
    [
        ("1", 2.6, "3"),
        ("0.10", 0.256, "0.26"),
        ("1,000", 1234567, "1,234,567"),
        ("1e-5", 0.000312, "3e-4"),
        ("1.0e5", 234567.0, "2.3e5"),
        ("−3.1", -2.26, "−2.3"),
        ("−3.1", 2.26, "2.3"),
        ("+1.0", 2.26, "+2.3"),
        ("about 3.0 nats", 4.04, "about 4.0 nats"),
        ("", 1234.5678, "1234.57"),
        ("old words", "new words", "new words"),
    ],
)
def test_a_number_is_written_as_its_author_wrote_it(text: str, value: float, now: str) -> None:
    assert written(text, value) == now


def test_fences_are_those_that_pytest_codeblocks_reads(page: Path, tmp_path: Path) -> None:
    main([], tmp_path)
    pages = [page, *Path(__file__).parents[1].glob("docs/**/*.md")]
    for path in pages:
        ours = [
            (fence.line, fence.info, fence.tested, fence.output.tested if fence.output else None)
            for fence in read(path).fences
        ]
        theirs = [
            (block.lineno, block.syntax, block.code, block.expected_output)
            for block in extract_from_file(path)
        ]
        assert ours == theirs, path
