"""Compares batch norm over the parts of a batch with PyTorch's over the whole of it; started by torchrun."""

import torch
import torch.distributed as dist
from torch import Tensor, nn

from residua.data import Share
from residua.training.distributed import BatchNormOverRanks


def compare(batch: Tensor, weighing: Tensor, share: Share, *, affine: bool) -> None:
    """Run both on a batch, of which this process has a part; `weighing` makes a loss of what comes out."""
    plain = nn.BatchNorm2d(batch.shape[1], affine=affine)
    ours = BatchNormOverRanks(nn.BatchNorm2d(batch.shape[1], affine=affine))
    whole, own = batch.clone().requires_grad_(), share.of(batch).clone().requires_grad_()
    expected, given = plain(whole), ours(own)
    (expected * weighing).sum().backward()
    (given * share.of(weighing)).sum().backward()
    assert own.grad is not None and whole.grad is not None
    torch.testing.assert_close(given, share.of(expected))
    torch.testing.assert_close(own.grad, share.of(whole.grad), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(dict(ours.named_buffers()), dict(plain.named_buffers()))
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None
        dist.all_reduce(mine.grad)
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.eval()(batch), plain.eval()(batch))


if __name__ == "__main__":
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    here = Share(dist.get_rank(), dist.get_world_size())
    for count in (7, 2):  # of two samples one of three processes has none
        for affine in (True, False):
            compare(torch.randn(count, 3, 4, 5) * 3 + 1, torch.randn(count, 3, 4, 5), here, affine=affine)
    dist.destroy_process_group()
