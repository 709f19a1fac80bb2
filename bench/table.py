"""Prints a Markdown table of `iolaus bench step` beside PyTorch: bench/table.py STEP.jsonl [hydragnn_h100.json]

Of several lines for one case the last one counts. ms are per step with a wait for its end; in brackets what the GPU was busy.
The second file adds what HydraGNN itself took (`summary`).
"""
import json
import os
import sys


def case(line):
    file = os.path.splitext(line["graphs_file"])[0]
    return file, line["model"], line["targets"]


def times(ms, busy):
    if ms is None:
        return "–"
    return f"{ms:.3g}" if busy is None else f"{ms:.3g} [{busy:.3g}]"


def main():
    ours, torch, names = {}, {}, {}
    with open(sys.argv[1]) as text:
        for line in map(json.loads, filter(str.strip, text)):
            if line.get("bench") == "step":
                ours[case(line)] = line
            elif str(line.get("by", "")).startswith("pytorch") and "graphs_file" in line:
                torch[case(line)] = line
    reference = {}
    if len(sys.argv) > 2:
        with open(sys.argv[2]) as text:
            for file, cases in json.load(text)["summary"].items():
                for name, value in cases.items():
                    model, _, kind = name.partition("_")
                    targets = {"plain": "energy", "mlip": "energy+forces"}.get(kind)
                    reference[file, model, targets] = value
    print("| graphs | model | targets | HydraGNN | PyTorch | ours | back to back | speed | busy | launches | idle | roofline | memory error |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for key in ours:
        a, b, c = ours[key], torch.get(key), reference.get(key)
        busy = a.get("gpu_busy_ms")
        best = min((x["ms"] if "ms" in x else x["ms_per_step"] for x in (b, c) if x), default=None)
        least = min((x["gpu_busy_ms"] for x in (b, c) if x and "gpu_busy_ms" in x), default=None)
        cells = [
            *key,
            times(c["ms_per_step"], c.get("gpu_busy_ms")) if c else "–",
            times(b["ms"], b.get("gpu_busy_ms")) if b else "–",
            times(a["ms"], busy),
            f"{a['ms_back_to_back']:.3g}",
            f"{best / a['ms']:.1f}x" if best else "–",
            f"{a['ms_back_to_back'] / least:.2f}" if least else "–",
            f"{a['launches']} for {a['launches_without_graph']}" if "launches" in a else "–",
            f"{a['gpu_idle_share']:.2f}, {a['gpu_idle_share_without_graph']:.2f}" if "gpu_idle_share" in a else "–",
            f"{a['roofline_share']:.2f}",
            f"{100 * a['memory_error']:+.1f} %" if "memory_error" in a else "–",
        ]
        print("| " + " | ".join(cells) + " |")
    print()
    print("speed: the faster of HydraGNN and PyTorch over ours. busy: our time back to back over the kernel time of the")
    print("faster of the two. idle: share of the time in which the GPU waits, with and without recording.")


main()
