"""How long `striate --help`, each verb's --help and `import striate` take, and that none of them imports torch.

    python bench/startup.py

Each is started 11 times in turn with an empty interpreter; printed are medians and the time over the interpreter's own.
"""

import json
import statistics
import subprocess
import sys
import time

REPEATS = 11
HELP_LIMIT_MS, IMPORT_LIMIT_MS = 150, 50
NO_TORCH = "import sys, striate; sys.exit('torch' in sys.modules)"


def milliseconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    from striate.cli.main import VERBS

    python = [sys.executable]
    commands = {
        "python": [*python, "-c", "pass"],
        "import striate": [*python, "-c", "import striate"],
        "striate --help": [*python, "-m", "striate", "--help"],
        **{f"striate {verb} --help": [*python, "-m", "striate", verb, "--help"] for verb in VERBS},
    }
    subprocess.run([*python, "-c", NO_TORCH], check=True)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(REPEATS):
        for name, command in commands.items():
            times[name].append(milliseconds(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = medians["python"]
    print("| command | median ms | over the interpreter | limit | |\n|---|---|---|---|---|")
    for name, median in medians.items():
        limit = {"python": 0, "import striate": IMPORT_LIMIT_MS}.get(name, HELP_LIMIT_MS)
        verdict = "" if not limit else ("met" if median < limit else "MISSED")
        print(f"| {name} | {median:.0f} | {median - base:.0f} | {limit or ''} | {verdict} |")
    print(json.dumps({"python": sys.version.split()[0], "repeats": REPEATS, "median_ms": medians}))


if __name__ == "__main__":
    main()
