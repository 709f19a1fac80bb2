"""Times one training step of a PAINN potential in eager PyTorch, to compare with `iolaus train` on the same sizes.

The model is that of configs/rmd17_ethanol.json: element embedding, 3 layers of width 64, 20 radial functions, a node
head of width 64; the loss is on energy per atom and forces; AdamW. The batch is 10 molecules of 9 atoms with all pairs
as edges. Prints one JSON line.

    python3 bench/painn_potential.py --threads 1 --dtype float64 --device cpu
"""
import argparse
import json
import math
import statistics
import time

import torch
from torch import nn


class Message(nn.Module):
    def __init__(self, width, radial):
        super().__init__()
        self.scalar = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 3 * width))
        self.filter = nn.Linear(radial, 3 * width)

    def forward(self, s, v, source, target, direction, basis, cutoff):
        weight = self.filter(basis) * cutoff * self.scalar(s)[source]
        gate_v, gate_edge, message = weight.chunk(3, 1)
        vector = v[source] * gate_v.unsqueeze(1) + gate_edge.unsqueeze(1) * direction.unsqueeze(-1)
        return s.index_add(0, target, message), v.index_add(0, target, vector)


class Update(nn.Module):
    def __init__(self, width, last):
        super().__init__()
        self.u = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.last = last
        self.mlp = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, (2 if last else 3) * width))

    def forward(self, s, v):
        uv, vv = self.u(v), self.v(v)
        norm = torch.sqrt((vv * vv).sum(1) + 1e-16)
        parts = self.mlp(torch.cat((norm, s), 1)).chunk(2 if self.last else 3, 1)
        inner = (uv * vv).sum(1)
        if self.last:
            return s + parts[0] * inner + parts[1], v
        return s + parts[1] * inner + parts[2], v + parts[0].unsqueeze(1) * uv


class Painn(nn.Module):
    def __init__(self, width=64, layers=3, radial=20, radius=5.0):
        super().__init__()
        self.radial, self.radius = radial, radius
        self.embedding = nn.Embedding(119, width)
        self.messages = nn.ModuleList(Message(width, radial) for _ in range(layers))
        self.updates = nn.ModuleList(Update(width, i == layers - 1) for i in range(layers))
        self.scalars = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width)) for _ in range(layers)
        )
        self.vectors = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(layers - 1))
        self.head = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, z, pos, source, target, graph, graphs):
        edge = pos[source] - pos[target]
        length = edge.norm(dim=1, keepdim=True)
        n = torch.arange(1, self.radial + 1, device=pos.device, dtype=pos.dtype)
        basis = torch.sin(length * n * math.pi / self.radius) / length
        cutoff = 0.5 * (torch.cos(math.pi * length / self.radius) + 1) * (length < self.radius)
        direction = edge / length / length
        s = self.embedding(z)
        v = torch.zeros(s.shape[0], 3, s.shape[1], device=pos.device, dtype=pos.dtype)
        for i, (message, update) in enumerate(zip(self.messages, self.updates)):
            s, v = update(*message(s, v, source, target, direction, basis, cutoff))
            s = nn.functional.silu(self.scalars[i](s))
            if i < len(self.vectors):
                v = self.vectors[i](v)
        energy = torch.zeros(graphs, 1, device=pos.device, dtype=pos.dtype)
        return energy.index_add(0, graph, self.head(s))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--graphs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, options.dtype))
    device = torch.device(options.device)
    atoms, graphs = 9, options.graphs
    z = torch.tensor([6, 6, 8, 1, 1, 1, 1, 1, 1] * graphs, device=device)
    pos = 3.2 * torch.rand(atoms * graphs, 3, device=device)
    graph = torch.arange(graphs, device=device).repeat_interleave(atoms)
    pairs = [(g * atoms + i, g * atoms + j) for g in range(graphs) for i in range(atoms) for j in range(atoms) if i != j]
    target, source = torch.tensor(pairs, device=device).t().contiguous()
    energy, forces = torch.randn(graphs, 1, device=device), torch.randn(atoms * graphs, 3, device=device)
    model = Painn().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    times = []
    for _ in range(options.steps):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        x = pos.detach().requires_grad_(True)
        predicted = model(z, x, source, target, graph, graphs)
        predicted_forces = -torch.autograd.grad(predicted.sum(), x, create_graph=True)[0]
        loss = ((predicted - energy) ** 2).mean() / atoms + ((predicted_forces - forces) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    times = times[10:]
    print(json.dumps({
        "what": "painn potential step", "by": "pytorch " + torch.__version__, "device": options.device,
        "dtype": options.dtype, "threads": options.threads, "graphs": graphs, "edges": len(pairs),
        "ms": round(statistics.median(times), 3), "ms_min": round(min(times), 3), "ms_max": round(max(times), 3),
    }))


main()
