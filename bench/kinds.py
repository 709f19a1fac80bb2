"""Prints Markdown tables of where the time of steps goes: bench/kinds.py FILE.jsonl of `iolaus bench step --pieces 400`"""
import json
import sys

GROUPS = {
    "gemm": "matrix products",
    "small_gemm": "matrix products",
    "loop": "fused loops",
    "bilinear_summed": "rotations back, summed over edges",
    "bilinear_product": "rotations of gathered rows",
    "bilinear_outer": "gradients of rotations",
    "grid_activation": "activations on the grid",
    "reduce_sum": "long sums",
}


def group(work):
    return next((name for prefix, name in GROUPS.items() if work.startswith(prefix)), "others")


for file in sys.argv[1:]:
    for line in map(json.loads, open(file)):
        totals = {}
        for kind in line.get("most", []):
            total = totals.setdefault(group(kind["work"]), [0, 0, 0, 0])
            for i, key in enumerate(["times", "ms", "bytes", "roofline_ms"]):
                total[i] += kind.get(key, 0)
        if totals:
            print(f"{line['device']}, commit {line['commit']}, {line['ms']} ms\n")
            print("| what | times | ms | GB | least, ms | share of the roofline |\n| --- | --- | --- | --- | --- | --- |")
            for name, (times, ms, size, least) in sorted(totals.items(), key=lambda entry: -entry[1][1]):
                share = f"{least / ms:.2f}" if least else "–"
                print(f"| {name} | {times} | {ms:.1f} | {1e-9 * size:.1f} | {least:.1f} | {share} |")
            print()
