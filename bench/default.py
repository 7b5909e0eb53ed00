"""What `striate train fashion` reaches with no flags: test accuracy and wall time, mean of five seeds.

    python bench/default.py [--net lenet5] [--seeds 5]

Each run is a process of its own, started cold, in a folder of its own; the time is from start to exit, report included.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time


def run(seed: int, net: str | None) -> tuple[float, float]:
    flags = ["--net", net] if net else []
    command = [sys.executable, "-m", "striate", "train", "fashion", "--seed", str(seed), "--json", *flags]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
        seconds = time.perf_counter() - started
    return json.loads(done.stdout)["result"]["accuracy"], seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--net")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    results = [run(seed, options.net) for seed in range(options.seeds)]
    accuracies, seconds = zip(*results, strict=True)
    name = options.net or "no flags"
    print("| run | accuracy mean | lowest | highest | seconds median | longest |\n|---|---|---|---|---|---|")
    print(
        f"| {name} | {statistics.mean(accuracies):.2%} | {min(accuracies):.2%} | {max(accuracies):.2%} "
        f"| {statistics.median(seconds):.0f} | {max(seconds):.0f} |"
    )
    print(json.dumps({"net": options.net, "accuracies": accuracies, "seconds": seconds}))


if __name__ == "__main__":
    main()
