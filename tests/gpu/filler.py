"""Takes the GPU's free memory, but for so many MiB, until its standard input ends: `filler.py MIB`."""

import sys

import torch

SLICE = 64 << 20

left = float(sys.argv[1]) * 2**20
torch.zeros(1, device="cuda")
held = []
while torch.cuda.mem_get_info()[0] - SLICE > left:
    held.append(torch.empty(SLICE, dtype=torch.uint8, device="cuda"))
print("filled", flush=True)
sys.stdin.read()
