"""Random numbers that a model draws for a user, the same whoever else is in the batch."""

import torch
from torch.overrides import TorchFunctionMode


class NoiseByUser(TorchFunctionMode):
    """While it is active, what is drawn depends on the user of a row and on earlier draws alone.

    A batch's rows are those of ``users``, the last axis but one where there are several. A draw is
    made for all users, with a seed of its own, and the batch takes its rows. Draws with other rows (of items) come from that seed as they are.

    Parameters
    ----------
    users : torch.Tensor of int64, shape (n_rows,)
        User of each row.
    n_users : int
        Number of internal user ids.
    """

    def __init__(self, users, n_users):
        super().__init__()
        self.users, self.n_users, self.draws = users, n_users, 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        draw = getattr(self, f"_{function.__name__.strip('_')}", None)
        if draw is None:
            return function(*args, **kwargs)
        self.draws += 1
        with torch.random.fork_rng():
            torch.manual_seed(self.draws)
            return draw(*args, **kwargs)

    def _for_all(self, like):
        axis = max(like.dim() - 2, 0)
        assert like.shape[axis] == len(self.users)
        return torch.ones(*like.shape[:axis], self.n_users, *like.shape[axis + 1 :])

    def _mine(self, drawn):
        return drawn.index_select(max(drawn.dim() - 2, 0), self.users)

    def _dropout(self, rows, p=0.5, training=True, inplace=False):
        drawn = torch.nn.functional.dropout(self._for_all(rows), p, training)
        return rows * self._mine(drawn)

    def _normal(self, rows, mean=0.0, std=1.0):
        return rows.copy_(self._mine(self._for_all(rows).normal_(mean, std)))

    def _randn_like(self, rows):
        return self._mine(torch.randn_like(self._for_all(rows)))

    def _randint(self, low, high, size, **options):
        assert size == (len(self.users),)
        return torch.randint(low, high, (self.n_users,), **options)[self.users]

    def _multinomial(self, shares, num_samples, replacement):
        assert num_samples == len(self.users)
        return torch.multinomial(shares, self.n_users, replacement)[self.users]

    def _gumbel_softmax(self, *args, **kwargs):
        return torch.nn.functional.gumbel_softmax(*args, **kwargs)
