"""Writes files of PyTorch that `iolaus import` is tested with (src/test/resources/torch, each below 40 kB).

The model has the names and shapes of HydraGNN's GIN in src/test/resources/golden/hydragnn/GIN.h5, case `plain`. Number i of
the tensor NAME is ((sum of the codes of NAME's characters + 7 i) mod 63 - 31) / 8, which every floating type holds exactly;
a counter of batches is that sum of codes.

    python3 bench/write_state_dicts.py src/test/resources/torch

Files that end in .safetensors need the package safetensors; without it they are left out, which is said.
"""
import argparse
import collections
import os
import pathlib

import torch
from torch import nn


class Gin(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.nn = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.eps = nn.Parameter(torch.empty(1))


class Norm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.module = nn.BatchNorm1d(channels)


class Convolution(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.module_0 = Gin(inputs, hidden)


class NodeHead(nn.Module):
    def __init__(self, *widths):
        super().__init__()
        self.mlp = nn.ModuleList([mlp(*widths)])


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.graph_convs = nn.ModuleList([Convolution(1, 8), Convolution(8, 8)])
        self.feature_layers = nn.ModuleList([Norm(8), Norm(8)])
        self.graph_shared = nn.ModuleDict({"branch-0": mlp(8, 6, 6)})
        self.heads_NN = nn.ModuleList(
            [nn.ModuleDict({"branch-0": mlp(6, 7, 5, 1)}), nn.ModuleDict({"branch-0": NodeHead(8, 6, 4, 2)})]
        )


class Wrapper(nn.Module):
    """As DistributedDataParallel names what it wraps."""

    def __init__(self, module):
        super().__init__()
        self.module = module


class Command:
    def __reduce__(self):
        return os.system, ("touch /tmp/iolaus-ran-a-command",)


def mlp(*widths):
    layers = []
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def numbers(name, like):
    start = sum(map(ord, name))
    if like.dtype == torch.int64:
        return torch.full_like(like, start)
    values = (start + 7 * torch.arange(like.numel())) % 63 - 31
    return (values.to(torch.float64) / 8).reshape(like.shape).to(like.dtype)


def filled(dtype):
    """A model of floating type `dtype`."""
    model = Model().to(dtype)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            tensor.copy_(numbers(name, tensor))
    return model


def views():
    """Tensors that share storages, begin in their middle, and are transposed."""
    state = filled(torch.float64).state_dict()
    shared = torch.cat([tensor.reshape(-1) for tensor in state.values() if tensor.dtype == torch.float64])
    result, at = collections.OrderedDict(), 0
    for i, (name, tensor) in enumerate(state.items()):
        if tensor.dtype != torch.float64:
            result[name] = torch.stack([tensor, tensor + 1])[0]
        elif tensor.dim() == 2 and i % 2 == 0:
            result[name] = tensor.t().contiguous().t()
        elif tensor.dim() == 1 and i % 3 == 0:
            result[name] = torch.stack([tensor, -tensor], dim=1)[:, 0]
        else:
            result[name] = shared[at : at + tensor.numel()].reshape(tensor.shape)
        at += tensor.numel() if tensor.dtype == torch.float64 else 0
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)

    model = filled(torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    sum(parameter.square().sum() for parameter in model.parameters()).backward()
    optimizer.step()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            tensor.copy_(numbers(name, tensor))
    torch.save(
        {"epoch": 3, "model_state_dict": Wrapper(model).state_dict(), "optimizer_state_dict": optimizer.state_dict()},
        folder / "gin_ddp_float32.pt",
    )
    torch.save(filled(torch.float16).state_dict(), folder / "gin_bare_float16.pth")
    torch.save(
        {
            "epoch": 1.5,
            "step": torch.tensor(100),
            "state_dict": Wrapper(Wrapper(filled(torch.bfloat16))).state_dict(),
            "normalizers": {"target": {"mean": torch.tensor(0.5), "std": torch.tensor(2.0)}},
            "config": {"lmax_list": [6], "name": "gin", "amp": True, "none": None, "size": torch.Size([1, 2])},
            "val_metrics": {"mae": {"metric": 0.1, "numel": 10}},
            "ema": {"decay": 0.999, "shadow_params": [torch.ones(2), torch.ones(3)]},
            "dtype": torch.bfloat16,
            "device": torch.device("cpu"),
        },
        folder / "gin_nested_bfloat16.pt",
    )
    torch.save(views(), folder / "gin_views_float64.pt")
    parameters = {
        name: nn.Parameter(tensor) if tensor.is_floating_point() else tensor
        for name, tensor in filled(torch.float32).state_dict().items()
    }
    torch.save({"model": parameters}, folder / "gin_parameters.pt")

    torch.save(model.state_dict(), folder / "refused_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(model, folder / "refused_whole_model.pt")
    torch.save({"state_dict": model.state_dict(), "x": Command()}, folder / "refused_command.pt")
    torch.jit.save(torch.jit.script(mlp(2, 3, 1)), folder / "refused_script.pt")
    try:
        from safetensors.torch import save_file
    except ImportError:
        print("no safetensors here: gin_float32.safetensors and gin_mixed.safetensors are left out")
    else:
        save_file(model.state_dict(), folder / "gin_float32.safetensors", metadata={"format": "pt"})
        types = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
        mixed = {
            name: tensor.to(types[i % len(types)]) if tensor.is_floating_point() else tensor
            for i, (name, tensor) in enumerate(sorted(model.state_dict().items()))
        }
        save_file(mixed, folder / "gin_mixed.safetensors")
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:7d} {path}")
    print("torch", torch.__version__)


if __name__ == "__main__":
    main()
