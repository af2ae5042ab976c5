"""The checkpoints of a log in step with its records: every root, the signatures, and the pinned checkpoint."""

from collections.abc import Iterator

from audit.note import Checkpoint, Verifier
from audit.report import Report
from audit.signature_checks import Head, Signatures
from audit.tree import Tile, Tree


class Checkpoints:
    """Takes the leaves in order, and reports what they are not: signed for, or those of the pinned checkpoint."""

    def __init__(
        self,
        heads: Iterator[Head],
        verifier: Verifier,
        anchor: Checkpoint | None,
        report: Report,
        full: bool,
    ) -> None:
        self._heads, self._anchor, self._report = heads, anchor, report
        self._signatures = Signatures(verifier, full=full)
        self._tree = Tree()
        self._next: Head | None = next(heads, None)
        self._good = 0
        """Size of the newest checkpoint whose root was right."""
        self.broken = False
        """The tree is not the signed one any more: one finding says so, the rest would be echoes."""

    def lose(self) -> None:
        """A record is missing: from here on the tree is another."""
        self.broken = True

    def append(self, seq: int, leaf: bytes) -> list[Tile]:
        """The leaf of record `seq`; gives the tiles that it fills."""
        tiles = self._tree.append(leaf)
        if self._anchor and self._anchor.size == seq + 1 and not self.broken:
            self._compare(self._anchor)
        return tiles

    def reached(self, size: int) -> None:
        """The records before number `size` are all taken: judge the checkpoints over them."""
        while self._next and self._next.size <= size:
            head = self._pass(self._next)
            if head.size < 1:
                self._report.found("roots", None, f"a checkpoint of size {head.size} is stored")
            elif not self.broken:
                self._judge(head)

    def end(self, size: int) -> None:
        """No record comes any more; the log has `size`."""
        self._beyond(size)
        if not self.broken and self._good < size:
            self._report.found("roots", self._good, f"{_span(self._good, size)} not signed for")
        if self._anchor and self._anchor.size > size:
            what = f"the pinned checkpoint has {self._anchor.size} records, the log {size}: it was cut short"
            self._report.found("pinned", None, what)
        for what in self._signatures.finish():
            self._report.found("signature", None, what)
        self._report.records, self._report.root = self._good, self._tree.root().hex()
        self._report.signatures = self._signatures.verified

    def _compare(self, anchor: Checkpoint) -> None:
        if anchor.root == self._tree.root():
            self._report.pinned_records = anchor.size
        else:
            what = f"the first {anchor.size} records are not those of the pinned checkpoint: history was rewritten"
            self._report.found("pinned", None, what)

    def _pass(self, head: Head) -> Head:
        """Go on to the next checkpoint; the signature of this one is looked at in any case."""
        self._next = next(self._heads, None)
        self._report.checkpoints += 1
        for what in self._signatures.add(head):
            self._report.found("signature", max(head.size - 1, 0), what)
        return head

    def _judge(self, head: Head) -> None:
        if head.size == self._tree.size and head.root == self._tree.root():
            self._good = head.size
            return
        what = f"{_span(self._good, head.size)} not what was signed for"
        self._report.found("roots", self._good, what)
        self.broken = True

    def _beyond(self, size: int) -> None:
        """Checkpoints behind the last record: theirs were cut off."""
        last = None
        while self._next:
            last = self._pass(self._next)
        if last:
            self._report.found("contiguity", size, f"{_span(size, last.size)} signed for and missing")


def _span(first: int, behind: int) -> str:
    return f"record {first} is" if behind - first == 1 else f"records {first} to {behind - 1} are"
