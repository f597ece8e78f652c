"""Training batches of a knowledge graph beside those of interactions."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from recbole.data.dataset import KnowledgeBasedDataset
from recbole.data.interaction import Interaction
from recbole.utils import KGDataLoaderState

from recbole_groupmix.adapters.batches import TrainingBatches
from recbole_groupmix.adapters.columns import rows_of
from recbole_groupmix.adapters.seeding import TRIPLES, stream
from recbole_groupmix.core.uniform_negatives import UniformNegatives


class Graph:
    """The triples of a knowledge graph, and who draws tails that their heads are not linked to.

    Parameters
    ----------
    dataset : KnowledgeBasedDataset
        A loaded data set.
    device : torch.device or str
        Where the triples lie.

    Attributes
    ----------
    triples : Interaction
        One row for each triple.
    heads : numpy.ndarray of int64, shape (n_triples,)
        Their heads.
    negatives : UniformNegatives
        Draws an entity for each head.
    field : str
        Column of the entities that are drawn.
    """

    def __init__(self, dataset: KnowledgeBasedDataset, device: torch.device | str = "cpu") -> None:
        self.triples = dataset.kg_feat.to(device)
        self.heads, self.device = dataset.head_entities, torch.device(device)
        self.field = dataset.config["NEG_PREFIX"] + dataset.tail_entity_field
        n_entities = int(dataset.entity_num)
        self.negatives = UniformNegatives(
            self.heads,
            dataset.tail_entities,
            n_entities,
            n_entities,
            lambda head: f"entity {dataset.id2token(dataset.entity_field, head)!s}",
        )


class Triples:
    """The triples of a knowledge graph as a stream of epochs, in place of ``KGDataLoader``.

    An epoch holds every triple once, with a tail that its head is not linked to.

    Parameters
    ----------
    graph : Graph
        The graph.
    batch_size : int
        Triples in a batch.
    key : tuple of int
        (seed + repeat, part): fixes shuffles and negatives.
    """

    def __init__(self, graph: Graph, batch_size: int, key: tuple[int, ...]) -> None:
        self._graph, self._step, self._key, self._epoch = graph, batch_size, key, 0

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(self._graph.heads) // self._step)

    def __iter__(self) -> Iterator[Interaction]:
        """Yield the batches of the next epoch."""
        graph, rng = self._graph, stream(TRIPLES, *self._key, self._epoch)
        self._epoch += 1
        tails = graph.negatives.draw(graph.heads, rng)
        order = rng.permutation(len(tails))
        for start in range(0, len(order), self._step):
            rows = order[start : start + self._step]
            batch = rows_of(graph.triples, torch.from_numpy(rows).to(graph.device))
            drawn = torch.from_numpy(tails[rows]).to(graph.device)
            batch.update(Interaction({graph.field: drawn}))
            yield batch


class KnowledgeBatches:
    """Interactions and triples, in place of RecBole's ``KnowledgeBasedDataLoader``.

    Parameters
    ----------
    interactions : TrainingBatches
        Batches of the interactions.
    triples : Triples
        Batches of the graph, which are the same for all mixes.
    """

    shuffle = False  # read by RecBole's trainer

    def __init__(self, interactions: TrainingBatches, triples: Triples) -> None:
        self._interactions, self._triples = interactions, triples
        self._state = KGDataLoaderState.RS

    def set_mode(self, state: KGDataLoaderState) -> None:
        """Choose what the next epochs hold: interactions (RS), triples (KG) or both (RSKG)."""
        self._state = state

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        is_graph = self._state is KGDataLoaderState.KG
        return len(self._triples if is_graph else self._interactions)

    def __iter__(self) -> Iterator[Interaction]:
        """Yield the batches of an epoch; beside interactions the triples begin anew as they end."""
        if self._state is KGDataLoaderState.KG:
            yield from self._triples
            return
        of_graph: Iterator[Interaction] = iter(())
        for batch in self._interactions:
            if self._state is KGDataLoaderState.RSKG:
                beside = next(of_graph, None)
                if beside is None:
                    of_graph = iter(self._triples)
                    beside = next(of_graph)
                batch.update(beside)
            yield batch
