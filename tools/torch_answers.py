"""Record what PyTorch answers to the cases of tests/eager/cases, as tests/eager/answers/*.json.

python tools/torch_answers.py [MODULE ...]          # record; needs PyTorch, not tapejit
python tools/torch_answers.py --check [MODULE ...]  # run again, compare with what is stored

One step of a case is one line of the file, so a changed answer is a changed line. A case that
names a word which PyTorch's own message lacks, or that ends in an exception it did not announce
(by `raising`, or a name that ends in `_raises`), is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "torch"))

from case_files import ANSWERS, answers_of, brief, cases_of, modules  # noqa: E402
from transcript_differences import transcript_differences  # noqa: E402
from transcripts import transcript  # noqa: E402


def complaints(name: str, steps: list[dict[str, Any]]) -> list[str]:
    """Return what makes a case unfit to be stored."""
    lines = []
    if not any("yields" in step or "raises" in step for step in steps):
        lines.append(f"{name} yields nothing")
    if steps and "raises" in steps[-1] and not name.endswith("_raises"):
        lines.append(f"{name} ends in {steps[-1]['raises']}: {steps[-1]['message']}")
    text = json.dumps(steps)
    if '"words"' in text:
        for step in steps:
            lines += [f"{name}: {line}" for line in _lacking(step.get("yields"))]
    return lines


def _lacking(value: Any) -> list[str]:
    """Return the expected errors, at any depth of a value, that PyTorch does not give."""
    if isinstance(value, list):
        return [line for v in value for line in _lacking(v)]
    if not isinstance(value, dict):
        return []
    if "words" in value:
        missing = [word for word, there in value["words"].items() if not there]
        return [f"no {missing} in {value.get('message')!r}"] if missing else []
    return [line for v in value.values() for line in _lacking(v)]


def written(version: str, answers: dict[str, list[dict[str, Any]]]) -> str:
    """Return the text of an answers file."""
    blocks = []
    for name, steps in answers.items():
        lines = ",\n   ".join(
            json.dumps(brief(step), allow_nan=False, separators=(",", ":")) for step in steps
        )
        blocks.append(f"  {json.dumps(name)}: [\n   {lines}\n  ]")
    body = ",\n".join(blocks)
    return f'{{\n "torch": {json.dumps(version)},\n "cases": {{\n{body}\n }}\n}}\n'


def main() -> int:
    """Record or check; return how many cases were refused or answered otherwise."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="modules of cases (all)")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_warn_always(True)  # or a warning belongs to whichever case comes first
    bad: list[str] = []
    for module in options.modules or modules():
        for case in cases_of(module).values():
            transcript(case, torch)  # PyTorch's lazy imports warn about themselves, once
        answers = {name: transcript(case, torch) for name, case in cases_of(module).items()}
        bad += [line for name, steps in answers.items() for line in complaints(name, steps)]
        if options.check:
            stored = answers_of(module)
            for name in sorted(answers.keys() | stored.keys()):
                lines = transcript_differences(answers.get(name, []), stored.get(name, []))
                bad += [f"{module}.{name}: {line}" for line in lines]
        else:
            ANSWERS.mkdir(exist_ok=True)
            text = written(torch.__version__, answers)
            (ANSWERS / f"{module}.json").write_text(text, encoding="utf-8")
        print(f"{module}: {len(answers)} cases")
    print("\n".join(bad), file=sys.stderr)
    return len(bad)


if __name__ == "__main__":
    sys.exit(min(main(), 100))
