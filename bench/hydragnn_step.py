"""Times training steps of SchNet, EGNN and PAINN in eager PyTorch on the fixed graphs that `iolaus bench step` reads.

The models are those of bench/configs: x is the atomic number as a number, hidden 128, 4 layers, radius 5 Å, sum pooling,
two shared and two own layers of the head; the parameter counts are those of HydraGNN's (273665, 413185, 766419). A step is
zero_grad, forward (with forces: the derivative by positions), loss, backward, AdamW. One JSON line per case: ms per step
(median, p10, p90 of synchronised steps) and, on a GPU, the ms that kernels and copies of a step keep it busy (from
torch.profiler, after all cases have been timed, as profiling slows what follows it).

    python3 bench/hydragnn_step.py --device cuda FILE.h5 ...
    python3 bench/hydragnn_step.py --convert FOLDER FILE.h5 ...    # where h5py is: .pt files for where it is not
"""
import argparse
import json
import math
import os
import statistics
import tempfile
import time

import torch
from torch import nn

HIDDEN, LAYERS, RADIUS = 128, 4, 5.0
NAMES = ("pos", "z", "batch", "edge_index", "edge_shifts", "energy", "forces")


def mlp(activation, *widths, last=False):
    layers = []
    for i in range(len(widths) - 1):
        layers.append(nn.Linear(widths[i], widths[i + 1]))
        if last or i + 2 < len(widths):
            layers.append(activation())
    return nn.Sequential(*layers)


def add_rows(rows, index, values):
    """Row i of the result is the sum of the values whose index is i."""
    return values.new_zeros((rows,) + values.shape[1:]).index_add_(0, index, values)


class ShiftedSoftplus(nn.Module):
    def forward(self, x):
        return nn.functional.softplus(x) - math.log(2.0)


class SchNet(nn.Module):
    def __init__(self, width, _last, filters=128, gaussians=50):
        super().__init__()
        self.lin1 = nn.Linear(width, filters, bias=False)
        self.lin2 = nn.Linear(filters, HIDDEN)
        self.nn = mlp(ShiftedSoftplus, gaussians, filters, filters)
        self.gaussians = gaussians

    def prepare(self, graph):
        centres = torch.linspace(0, RADIUS, self.gaussians, device=graph.length.device, dtype=graph.length.dtype)
        graph.basis = torch.exp(-0.5 / (RADIUS / (self.gaussians - 1)) ** 2 * (graph.length - centres) ** 2)
        graph.cutoff = 0.5 * (torch.cos(graph.length * math.pi / RADIUS) + 1)

    def forward(self, x, v, graph):
        sent = self.lin1(x)[graph.source] * (self.nn(graph.basis) * graph.cutoff)
        return self.lin2(add_rows(len(x), graph.target, sent)), v


class EGNN(nn.Module):
    def __init__(self, width, _last):
        super().__init__()
        self.edge_mlp = mlp(nn.ReLU, 2 * width + 1, HIDDEN, HIDDEN, last=True)
        self.node_mlp = mlp(nn.ReLU, width + HIDDEN, HIDDEN, HIDDEN)

    def prepare(self, graph):
        pass

    def forward(self, x, v, graph):
        messages = self.edge_mlp(torch.cat((x[graph.target], x[graph.source], graph.length), 1))
        return self.node_mlp(torch.cat((x, add_rows(len(x), graph.target, messages)), 1)), v


class PAINN(nn.Module):
    def __init__(self, width, last, radial=20):
        super().__init__()
        self.width, self.last, self.radial = width, last, radial
        self.message = mlp(nn.SiLU, width, width, 3 * width)
        self.filter = nn.Linear(radial, 3 * width)
        self.u = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.update = mlp(nn.SiLU, 2 * width, width, (2 if last else 3) * width)
        self.scalars = mlp(nn.Tanh, width, HIDDEN, HIDDEN)
        self.vectors = None if last else nn.Linear(width, HIDDEN, bias=False)

    def prepare(self, graph):
        n = torch.arange(1, self.radial + 1, device=graph.length.device, dtype=graph.length.dtype)
        graph.basis = torch.sin(graph.length * n * math.pi / RADIUS) / graph.length
        inside = 0.5 * (torch.cos(math.pi * graph.length / RADIUS) + 1)
        graph.cutoff = torch.where(graph.length < RADIUS, inside, torch.zeros_like(inside))
        graph.direction = (graph.vector / graph.length / graph.length).unsqueeze(-1)

    def forward(self, x, v, graph):
        if v is None:
            v = x.new_zeros(len(x), 3, self.width)
        weight = self.filter(graph.basis) * graph.cutoff * self.message(x)[graph.source]
        gate, edge, message = weight.split(self.width, 1)
        vector = v[graph.source] * gate.unsqueeze(1) + edge.unsqueeze(1) * graph.direction
        x, v = x + add_rows(len(x), graph.target, message), v + add_rows(len(x), graph.target, vector)
        u, w = self.u(v), self.v(v)
        parts = self.update(torch.cat((torch.linalg.norm(w, dim=1), x), 1)).split(self.width, 1)
        x = x + parts[-2] * (u * w).sum(1) + parts[-1]
        if self.last:
            return self.scalars(x), v
        return self.scalars(x), self.vectors(v + parts[0].unsqueeze(1) * u)


class Graph:
    """The edges of a batch at given positions."""

    def __init__(self, data, pos):
        self.source, self.target = data["edge_index"]
        # the file's shifts are the target's
        self.vector = pos[self.source] - data["edge_shifts"] - pos[self.target]
        self.length = self.vector.norm(dim=1, keepdim=True)


class Network(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layers = nn.ModuleList(kind(HIDDEN if i else 1, i == LAYERS - 1) for i in range(LAYERS))
        self.shared = mlp(nn.ReLU, HIDDEN, HIDDEN, HIDDEN, last=True)
        self.head = mlp(nn.ReLU, HIDDEN, HIDDEN, HIDDEN, 1)

    def forward(self, data, pos):
        graph = Graph(data, pos)
        self.layers[0].prepare(graph)
        x, v = data["z"], None
        for layer in self.layers:
            x, v = layer(x, v, graph)
            x = torch.relu(x)
        return self.head(self.shared(add_rows(len(data["energy"]), data["batch"], x)))


class Step:
    def __init__(self, kind, forces, data, dtype, device):
        torch.manual_seed(0)
        self.data, self.forces = data, forces
        self.model = Network(kind).to(device, dtype)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, foreach=True)

    def __call__(self):
        data = self.data
        self.optimizer.zero_grad()
        pos = data["pos"].detach().requires_grad_(self.forces)
        energy = self.model(data, pos)
        loss = ((energy - data["energy"]) ** 2).mean()
        if self.forces:
            forces = -torch.autograd.grad(energy.sum(), pos, create_graph=True)[0]
            loss = loss + ((forces - data["forces"]) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        return loss


def read(file):
    if file.endswith(".pt"):
        return torch.load(file)
    import h5py

    with h5py.File(file, "r") as h5:
        return {name: torch.from_numpy(h5[name][...]) for name in NAMES}


def load(file, dtype, device):
    data = read(file)
    data["z"] = data["z"].unsqueeze(1).to(dtype)
    return {name: (value.to(dtype) if value.is_floating_point() else value).to(device) for name, value in data.items()}


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def measure(step, device, warmup, steps):
    for _ in range(warmup):
        loss = step()
    times = []
    for _ in range(steps):
        synchronize(device)
        start = time.perf_counter()
        loss = step()
        synchronize(device)
        times.append(1e3 * (time.perf_counter() - start))
    times.sort()
    spread = statistics.quantiles(times, n=10, method="inclusive") if len(times) > 1 else times
    return {
        "ms": statistics.median(times), "ms_p10": spread[0], "ms_p90": spread[-1],
        "loss": float(loss), "parameters": sum(p.numel() for p in step.model.parameters()),
    }


def busy(step, steps=5):
    """ms that kernels and copies of one step take, and how many they are."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace.json")
        profile.export_chrome_trace(trace)
        with open(trace) as text:
            events = json.load(text)["traceEvents"]
    work = [e["dur"] for e in events if e.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")]
    return {"gpu_busy_ms": 1e-3 * sum(work) / steps, "gpu_launches": len(work) / steps}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE", help="bench_mol18x64.h5 or bench_mat64x32.h5, or .pt of it")
    parser.add_argument("--convert", metavar="FOLDER", help="write .pt files there and time nothing")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--warmup", type=int, default=8)
    parser.add_argument("--models", default="SchNet,EGNN,PAINN")
    parser.add_argument("--commit", default="unknown")
    options = parser.parse_args()
    if options.convert:
        for file in options.files:
            name = os.path.splitext(os.path.basename(file))[0] + ".pt"
            torch.save(read(file), os.path.join(options.convert, name))
        return
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = options.tf32
    dtype, device = getattr(torch, options.dtype), torch.device(options.device)
    cases = []
    for file in options.files:
        data = load(file, dtype, device)
        for model in options.models.split(","):
            for forces in (False, True):
                case = ({"SchNet": SchNet, "EGNN": EGNN, "PAINN": PAINN}[model], forces)
                step = Step(*case, data, dtype, device)
                if device.type == "cuda":
                    torch.cuda.reset_peak_memory_stats()
                line = {
                    "what": "training step", "by": "pytorch " + torch.__version__ + ", bench/hydragnn_step.py",
                    "commit": options.commit, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
                    "dtype": options.dtype, "tf32": options.tf32, "threads": torch.get_num_threads(),
                    "graphs_file": os.path.splitext(os.path.basename(file))[0], "model": model,
                    "targets": "energy+forces" if forces else "energy", "graphs": len(data["energy"]),
                    "atoms": len(data["z"]), "edges": data["edge_index"].shape[1],
                }
                line.update(measure(step, device, options.warmup, options.steps))
                if device.type == "cuda":
                    line["peak_MiB"] = torch.cuda.max_memory_allocated() / 2**20
                cases.append(((*case, data, dtype, device), line))
    for arguments, line in cases:
        if device.type == "cuda":
            line.update(busy(Step(*arguments)))
        print(json.dumps(line), flush=True)


main()
