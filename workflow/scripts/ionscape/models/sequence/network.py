"""The networks of family ``sequence``: a spectrum a bin, what is around it, and a head that detects events."""

import math

import torch
from torch import nn
from torch.nn import functional as F

ATTENTION_HEADS = 4


class Convolutions(nn.Module):
    """Residual convolutions along time."""

    def __init__(self, channels: int, layers: int, kernel: int, dropout: float):
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(channels, channels, kernel, padding=kernel // 2) for _ in range(layers))
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """[n, channels, bins], same shape."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = self.dropout(hidden + F.gelu(norm(convolution(hidden))))
        return hidden


class Transformer(nn.Module):
    """Encoder layers, normalized first (Xiong et al. 2020): every bin sees all others."""

    def __init__(self, channels: int, layers: int, dropout: float):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                channels, ATTENTION_HEADS, 2 * channels, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """[n, channels, bins], same shape."""
        hidden = hidden.transpose(1, 2)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.dropout(self.norm(hidden)).transpose(1, 2)


class Recurrent(nn.Module):
    """A residual GRU in both directions."""

    def __init__(self, channels: int, layers: int, dropout: float):
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(channels, channels // 2, layers, batch_first=True, bidirectional=True, dropout=between)
        self.norm = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """[n, channels, bins], same shape."""
        hidden = hidden.transpose(1, 2)
        if hidden.is_cuda:  # autocast would make it fp16 there, whatever it is told
            with torch.autocast("cuda", enabled=False):
                found = self.gru(hidden.float())[0]
        else:
            found = self.gru(hidden)[0]
        return self.dropout(self.norm(hidden + found)).transpose(1, 2)


class Network(nn.Module):
    """One convolution that reads spectra, the body, then the logits of each bin and how much each bin counts.

    Args:
        rows: of the inputs (mass rows of each scaling, and the side flag); times: bins of an image; labels: logits.
        architecture: ``convolutional``, ``transformer`` or ``gru``; layers: of the body.
        channels: width of all layers, for a transformer a multiple of 4, for a GRU of 2.
        kernel: bins that a convolution sees, odd; stride: bins that become one.
        dropout: of all layers' outputs.
        positions: adds a learned vector to each bin, for an axis on which the place itself says something.
    """

    def __init__(
        self,
        rows: int,
        times: int,
        labels: int,
        architecture: str,
        layers: int,
        channels: int,
        kernel: int,
        stride: int,
        dropout: float,
        positions: bool,
    ):
        super().__init__()
        self.spectrum = nn.Conv1d(rows, channels, kernel, stride, padding=kernel // 2)
        self.spectrum_norm = nn.BatchNorm1d(channels)
        self.positions = nn.Parameter(torch.zeros(channels, math.ceil(times / stride))) if positions else None
        self.body: nn.Module
        if architecture == "convolutional":
            self.body = Convolutions(channels, layers, kernel, dropout)
        elif architecture == "transformer":
            self.body = Transformer(channels, layers, dropout)
        else:
            self.body = Recurrent(channels, layers, dropout)
        self.dropout = nn.Dropout(dropout)
        self.event = nn.Conv1d(channels, labels, 1)
        self.attention = nn.Conv1d(channels, labels, 1)
        if self.positions is not None:
            nn.init.normal_(self.positions, std=0.02)

    def events(self, sequences: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[n, rows, times] → logits of each bin, and their weights, which sum to 1 over bins: [n, labels, bins]."""
        hidden = self.dropout(F.gelu(self.spectrum_norm(self.spectrum(sequences))))
        if self.positions is not None:
            hidden = hidden + self.positions
        hidden = self.body(hidden)
        return self.event(hidden), self.attention(hidden).softmax(dim=2)

    def forward(self, sequences: torch.Tensor) -> torch.Tensor:
        """[n, rows, times] → logits [n, labels]: the weighted mean of the bins' logits."""
        logits, weights = self.events(sequences)
        return (logits * weights).sum(dim=2)
