"""Methods of fitting an adapter: the base of all, and the table that holds them. Needs no torch.

A method is in the table once `legonet.methods` is imported, or once a user registers it by
`legonet.register_method`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from legonet.graph.fields import Model
from legonet.graph.kinds import Kinds


class Method(Model):
    """A method of fitting adapters: its settings as a graph file writes them, what a fit takes, and the fit.

    Each method is a subclass: one of the files in `legonet/methods/`, or a user's own, which is added by
    `legonet.register_method`. Its first setting is its name, `name: Literal["my-method"]`; all others have
    defaults, so that a graph file may give the name alone.

    Attributes:
        name: The name of the method, as graph files write it.
        needs_teacher: Whether a fit compares with a teacher; one that does not needs labelled samples only.
        wants_alike: Whether a fit wants task modules whose ReLUs are of the same shapes, one by one.
    """

    name: Any  # each method says its own
    needs_teacher: ClassVar[bool] = True
    wants_alike: ClassVar[bool] = False

    def key_settings(self) -> dict[str, Any]:
        """Return the settings as plain data for the keys of adapters.

        A setting whose default changes goes on being written as it was, so that what was fitted stays.
        """
        return self.model_dump(mode="json")

    @abstractmethod
    def cost(self, work: Any) -> int:
        """Estimate how many operations a fit takes, for plans; this must not import torch.

        Args:
            work: The counts of the parts of a fit, a `legonet.distill.flops.work.Work`.

        Returns:
            The number of operations, two for each multiplication with its addition.
        """

    @abstractmethod
    def fit(self, context: Any) -> dict[str, float]:
        """Set the weights of the context's adapter, in place.

        Args:
            context: The adapter and all that may be used, a `legonet.distill.fitting.context.Context`.

        Returns:
            The measures of the fit by name; less is better.

        Raises:
            legonet.errors.DistillError: The adapter cannot be fitted from what is given.
        """


METHODS: Kinds[Method] = Kinds("method", "name", "legonet.methods", by_name=True)
