"""The stretches of a file that could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Losses"]

NAMED = 3  # stretches that are told one by one


@dataclass(slots=True)
class Losses:
    """How many stretches, how many bytes, and where the first few are. However many, this stays small."""

    places: int = 0
    total: int = 0
    first: list[tuple[int, int]] = field(default_factory=list)
    _end: int = -1

    def add(self, start: int, end: int) -> None:
        """Note that nothing could be read from `start` to `end`; what follows the last stretch at once belongs to it."""
        self.total += end - start
        if start == self._end:
            if self.places <= NAMED:
                self.first[-1] = self.first[-1][0], end
        else:
            self.places += 1
            if self.places <= NAMED:
                self.first.append((start, end))
        self._end = end

    def sentence(self, name: str, records: int, read: int) -> str:
        """What the reader of a report should know, where `records` were read in a file that was read up to `read`."""
        ranges = ", ".join(f"{start:,} to {end - 1:,}" for start, end in self.first)
        more = f" and {self.places - NAMED:,} more" if self.places > NAMED else ""
        places = "place" if self.places == 1 else "places"
        about = max(self.places, round(self.total * records / max(1, read - self.total)))
        return (
            f"{name} is damaged in {self.places:,} {places}: {self.total:,} bytes were skipped, the size of "
            f"about {about:,} {'record' if about == 1 else 'records'} (bytes {ranges}{more}), all else was read."
        )
