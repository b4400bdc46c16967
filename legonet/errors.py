"""The errors that a user of legonet can cause.

    LegonetError                 root: every message says where, what was found, what to do
    ├── GraphError               a graph file, a lock file, or a graph built in code
    ├── BlockError               a block definition, or a model that no block can describe
    ├── TeacherError             a teacher's weights, cut or statistics
    ├── StoreError               the store, or a file in it
    │   └── DamagedError         a blob whose bytes changed; it was set aside
    ├── DataError                images, masks or labels
    ├── DistillError             an adapter that cannot be fitted as asked
    ├── PlanError                a plan file, or a world that is not that of the plan any more
    ├── SelectError              a path, brick or application that does not exist or is not built
    ├── ExportError              a compiled network that a format cannot hold
    └── RenderError              a diagram that cannot be drawn

Anything else that escapes legonet is a bug.
"""

from __future__ import annotations


class LegonetError(Exception):
    """Root of all errors that a user can cause."""


class GraphError(LegonetError):
    """A graph, from a file or built in code, is not valid."""


class BlockError(LegonetError):
    """A block definition is not valid, or a model cannot be described as a block."""


class TeacherError(LegonetError):
    """A teacher's weights, cut or statistics do not fit."""


class StoreError(LegonetError):
    """The store cannot be read or written, or holds a damaged blob."""


class DamagedError(StoreError):
    """A blob's bytes are not what they were; it was set aside, and can be built again."""


class DataError(LegonetError):
    """Images, masks or labels cannot be used."""


class DistillError(LegonetError):
    """An adapter cannot be fitted with this method and what is given."""


class PlanError(LegonetError):
    """A plan file cannot be read, or the world is not that of the plan any more."""


class SelectError(LegonetError):
    """A path, brick or application does not exist, or is not built yet."""


class ExportError(LegonetError):
    """A compiled network cannot be written in a format."""


class RenderError(LegonetError):
    """A diagram cannot be drawn."""
