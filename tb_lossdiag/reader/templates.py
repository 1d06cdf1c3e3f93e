"""Templates: what the bytes of records that hold one number have in common, learnt from one record of each kind.

Runs of one experiment log the same tags, each in a file of its own. What the last file has taught is therefore handed on to
the next one, which may use it or not: whether a record follows a template is told by its own bytes and checksum.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.reader import crc
from tb_lossdiag.reader.regular import Layout

__all__ = ["STEP", "WALL", "Bytes", "Crcs", "Form", "Shape", "Templates", "steps_in"]

WALL, STEP = 1, 10  # where an event's wall time and step stand, behind their keys
MOST_HANDED_ON = 500  # templates: a copy of so many costs less than learning a tenth of them

Bytes = NDArray[np.uint8]
Crcs = NDArray[np.uint32]


@dataclass(slots=True)
class Form:
    """Templates of one shape whose number stands in the same place. `residues` is sorted; the others are in its order.

    `number` is the form's own, counted over all shapes from 0; `width` its shape's.
    """

    place: int
    kind: np.dtype[np.generic]
    number: int
    width: int
    residues: Crcs
    tags: NDArray[np.uint32]
    constants: Bytes

    def add(self, residues: Crcs, tags: NDArray[np.uint32], constants: Bytes) -> None:
        """Take further templates in."""
        together = np.concatenate([self.residues, residues])
        order = np.argsort(together, kind="stable")
        self.residues = together[order]
        self.tags = np.concatenate([self.tags, tags])[order]
        self.constants = np.concatenate([self.constants, constants])[order]

    def layout(self) -> Layout:
        """Where the payloads of its records vary."""
        return Layout(WALL, STEP, self.width, self.place, self.kind)

    def number_places(self) -> range:
        """Where the bytes of the number stand."""
        return range(self.place, self.place + self.kind.itemsize)


@dataclass(slots=True)
class Shape:
    """Records of one length and one width of the step; no width where no step is written, which means step 0."""

    length: int
    width: int
    header: int
    forms: dict[tuple[int, str], Form] = field(default_factory=dict)
    failed: int = 0

    def step_places(self) -> range:
        """Where the bytes of the step stand."""
        return range(STEP, STEP + self.width)


class Templates:
    """All templates that one file is read by. Tags are numbered from 1, forms from 0."""

    _lately: ClassVar[Templates | None] = None
    """What the last file has taught. Never changed once it is here, so that any thread may copy it."""

    def __init__(self) -> None:
        self.shapes: dict[int, Shape] = {}
        self.tags: list[bytes] = [b""]
        self.forms: list[Form] = []
        self.ids: dict[bytes, int] = {}
        self.count = 0
        self.tensors = False  # among them: whether those are scalars is for each file to say
        self._news = False

    @classmethod
    def for_a_file(cls) -> Templates:
        """Those of the file that was read last, or none."""
        return cls() if cls._lately is None else cls._lately.copy()

    def hand_on(self) -> None:
        """Let the next file begin with these, where something was learnt since this was asked last."""
        if self._news and not self.tensors:
            self._news = False
            Templates._lately = self.copy() if self.count <= MOST_HANDED_ON else None

    def shape(self, key: int) -> Shape:
        """The shape with this length and width."""
        found = self.shapes.get(key)
        if found is None:
            length = key >> 4
            found = self.shapes[key] = Shape(length, key & 15, crc.length_masked(length))
        return found

    def form(self, shape: Shape, place: int, kind: str) -> Form:
        """The shape's form whose number stands there."""
        found = shape.forms.get((place, kind))
        if found is None:
            none = np.empty(0, np.uint32), np.empty(0, np.uint32), np.empty((0, shape.length), np.uint8)
            found = shape.forms[place, kind] = Form(place, np.dtype(kind), len(self.forms), shape.width, *none)
            self.forms.append(found)
        return found

    def tag(self, name: bytes) -> int:
        """The number of a tag."""
        found = self.ids.get(name)
        if found is None:
            found = self.ids[name] = len(self.tags)
            self.tags.append(name)
        return found

    def add(self, form: Form, residues: Crcs, tags: NDArray[np.uint32], constants: Bytes) -> None:
        """Take further templates of a form in."""
        form.add(residues, tags, constants)
        self.count += len(residues)
        self._news = True

    def copy(self) -> Templates:
        """The same, to be added to."""
        copy = Templates()
        copy.tags, copy.ids, copy.count = self.tags.copy(), self.ids.copy(), self.count
        copy.forms = [replace(each) for each in self.forms]
        for key, shape in self.shapes.items():
            forms = {place: copy.forms[each.number] for place, each in shape.forms.items()}
            copy.shapes[key] = replace(shape, forms=forms, failed=0)
        return copy


def steps_in(rows: Bytes) -> NDArray[np.int64]:
    """The steps, from protobuf's variable-width numbers, each a row of bytes: seven bits a byte, the lowest first."""
    found = np.zeros(len(rows), np.uint64)
    for i in range(rows.shape[1]):
        found |= (rows[:, i] & np.uint8(127)).astype(np.uint64) << np.uint64(7 * i)
    return found.view(np.int64)
