"""What was read and what was refused, in words."""

from collections import Counter
from collections.abc import Iterator

from wssis.convert.conversion import Conversion


def summary(conversion: Conversion) -> str:
    """Counts for each class and each reason, then every refused item: file, id, reason."""
    return "\n".join(_lines(conversion))


def _lines(done: Conversion) -> Iterator[str]:
    request = done.request
    yield f"{request.out}: {sum(done.labels.values())} {request.kind} on {done.images} images"
    yield from (f"  {count:>7} {name}" for name, count in done.labels.items())
    if done.empty:
        yield f"images without labels: {done.empty}, kept as verified empty, that is, trained as background;"
        yield "  where nobody looked at them, leave them out with --drop-empty"
    if done.dropped:
        yield f"images without labels: {done.dropped}, left out (--drop-empty)"
    yield from (f"passed over: {count} {what}" for what, count in done.passed_over.items())
    if done.incomplete:
        yield f"images left out since a label of theirs was refused: {done.incomplete}, with {done.lost} sound labels;"
        yield "  an object without label would be trained as background (--keep-incomplete keeps them)"
    if done.refusals:
        yield f"refused: {len(done.refusals)}"
        kinds = Counter(refusal.kind for refusal in done.refusals)
        yield from (f"  {count:>7} {kind}" for kind, count in kinds.most_common())
        yield from map(str, done.refusals)
