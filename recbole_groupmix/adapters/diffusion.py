"""RecBole's diffusion models with a weight for every user (Eq. 8).

Time steps are drawn, the more often the larger their losses were of late, and a user's term is
divided by the step's probability. So its mean over draws is the user's loss whatever was drawn
before, and the weights stand outside: those of the losses that are kept are RecBole's.
"""

from __future__ import annotations

from typing import Any

import torch
from recbole.model import general_recommender
from recbole.model.general_recommender.diffrec import ModelMeanType
from torch import Tensor, nn

from recbole_groupmix.adapters.whole_row_loss import WholeRowLoss
from recbole_groupmix.adapters.whole_rows import divergence_from_normal, multinomial


def _denoising(model: Any, clean: Tensor) -> tuple[Tensor, Tensor]:
    """Return the error of each row, float (n_rows,), and the rows as the model restores them.

    Parameters
    ----------
    model : DiffRec
        Its time steps and noise are drawn, and the losses of the steps kept, as RecBole does.
    clean : torch.Tensor of float, shape (n_rows, n)
        What noise is added to.
    """
    steps, share = model.sample_timesteps(len(clean), clean.device, "importance")
    noise = torch.randn_like(clean)
    noisy = clean if model.noise_scale == 0.0 else model.q_sample(clean, steps, noise)
    output = model.mlp(noisy, steps)
    of_noise = model.mean_type == ModelMeanType.EPSILON
    goal = noise if of_noise else clean
    error = (goal - output).square().mean(dim=1)
    error = model.reweight_loss(clean, noisy, error, steps, goal, output, clean.device)
    restored = model._predict_xstart_from_eps(noisy, steps, output) if of_noise else output
    model.update_Lt_history(steps, error)
    return error / share, restored


class DiffRec(WholeRowLoss, general_recommender.DiffRec):
    """RecBole's ``DiffRec``: a user's term is the mean squared error of the denoised row."""

    def user_terms(self, interaction: Any) -> Tensor:
        """Return the error of each user's row at its time step."""
        return _denoising(self, self.get_rating_matrix(interaction[self.USER_ID]))[0]


class LDiffRec(WholeRowLoss, general_recommender.LDiffRec):
    """RecBole's ``LDiffRec``: the error in the latent space beside an auto-encoder's ELBO."""

    def user_terms(self, interaction: Any) -> Tensor:
        """Return ``-log p(x_u)``, and with annealed weights the KL term and the latent error."""
        rows = self.get_rating_matrix(interaction[self.USER_ID])
        inputs, latent, divergence = self._encode(rows)
        error, restored = _denoising(self, latent)
        logits = self.autoencoder.Decode(restored)
        of_error, of_divergence = self._annealed()
        return of_error * error + multinomial(logits, inputs) + of_divergence * divergence

    def _encode(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the auto-encoder's inputs, its latent rows and the KL term of each.

        RecBole returns the mean of the KL terms alone; here they come from what its encoders, one
        for each class of items, put out: means and logarithms of variances.
        """
        encoder = self.autoencoder.encoder
        encoders = list(encoder) if isinstance(encoder, nn.ModuleList) else [encoder]
        outputs: list[Tensor] = []
        hooks = [
            each.register_forward_hook(lambda _module, _inputs, out: outputs.append(out))
            for each in encoders
        ]
        try:
            inputs, latent, _ = self.autoencoder.Encode(rows)
        finally:
            for hook in hooks:
                hook.remove()
        divergence = torch.zeros(len(rows), device=rows.device)
        for output in outputs:
            mu, logvar = output.chunk(2, dim=1)
            divergence = divergence + divergence_from_normal(logvar, mu)
        return inputs, latent, divergence

    def _annealed(self) -> tuple[float, float]:
        """Count a batch and return the weights of its latent error and of its KL term."""
        least, steps = self.anneal_cap, self.anneal_steps
        falling = (1 - self.update_count / steps if steps > 0 else 1.0) * self.lamda
        cap, steps = self.vae_anneal_cap, self.vae_anneal_steps
        rising = min(cap, self.update_count_vae / steps) if steps > 0 else cap
        self.update_count += 1
        self.update_count_vae += 1
        return max(falling, least), rising
