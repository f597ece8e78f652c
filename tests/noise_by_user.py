"""Random numbers that a model draws for a user, the same whoever else is in the batch."""

import torch
from torch.overrides import TorchFunctionMode


class NoiseByUser(TorchFunctionMode):
    """While it is active, what is drawn depends on the user of a row and on earlier draws alone.

    A batch's rows are those of ``users``. A draw is made for all users, with a seed of its own,
    and the batch takes its rows. Draws with other rows (of items) come from that seed as they are.

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
        assert like.shape[0] == len(self.users)
        return torch.ones(self.n_users, *like.shape[1:])

    def _dropout(self, rows, p=0.5, training=True, inplace=False):
        return rows * torch.nn.functional.dropout(self._for_all(rows), p, training)[self.users]

    def _normal(self, rows, mean=0.0, std=1.0):
        return rows.copy_(self._for_all(rows).normal_(mean, std)[self.users])

    def _randn_like(self, rows):
        return torch.randn_like(self._for_all(rows))[self.users]

    def _randint(self, low, high, size, **options):
        assert size == (len(self.users),)
        return torch.randint(low, high, (self.n_users,), **options)[self.users]

    def _multinomial(self, shares, num_samples, replacement):
        assert num_samples == len(self.users)
        return torch.multinomial(shares, self.n_users, replacement)[self.users]

    def _gumbel_softmax(self, *args, **kwargs):
        return torch.nn.functional.gumbel_softmax(*args, **kwargs)
