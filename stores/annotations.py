"""Several annotators' responses to one sample: read from columns or rows of their own, and put together.

The response under suspicion is the commonest of them. Of those that are equally common it is the one whose
annotator comes first by name, so that the order of the rows does not matter.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from stores.columns import Layout, look_up
from stores.fields import RowError, is_blank, read_optional_text, read_text, written
from stores.options import Keys, Options
from stores.responses import Responses, read_responses
from stores.sample import Annotation


def commonest(annotations: Sequence[Annotation]) -> str:
    """Return the response that most annotators give, as the first of them by name spells it.

    Case and the space around a response do not count. Of equally common ones, that of the annotator whose
    name comes first is taken.

    Args:
        annotations: at least one.

    Example:
        >>> commonest([Annotation(annotator=a, response=r) for a, r in (("b", "no"), ("a", "yes"))])
        'yes'
    """
    ranked = sorted(annotations, key=lambda said: said.annotator)
    counts = Counter(plain_response(said.response) for said in ranked)
    # `max` takes the first of equals.
    return max(ranked, key=lambda said: counts[plain_response(said.response)]).response


def annotations_in_columns(
    row: Mapping[str, object], layout: Layout, options: Options | None, keys: Keys, *, noisy: bool
) -> tuple[Annotation, ...]:
    """Return the responses of a row that has a column for each annotator; an empty cell is none.

    Raises:
        RowError: a cell holds no response.
    """
    found = []
    for column in layout.annotators:
        value = look_up(row, column)
        if not is_blank(value):
            said = read_responses(value, column, layout, options, keys, noisy=noisy)
            name = read_text(column, "data.columns.annotators")
            found.append(Annotation(annotator=name, response=said.first))
    return tuple(found)


def annotated_response(
    row: Mapping[str, object], layout: Layout, options: Options | None, keys: Keys, *, noisy: bool
) -> Responses:
    """Return the commonest response of a row that has a column for each annotator.

    Raises:
        RowError: a cell holds no response, or all are empty and that is no noise.
    """
    found = annotations_in_columns(row, layout, options, keys, noisy=noisy)
    if not found and not noisy:
        raise RowError(layout.annotators[0], "no annotator gives a response", "the response is empty")
    return Responses(commonest(found) if found else "")


def row_annotations(
    row: Mapping[str, object],
    layout: Layout,
    options: Options | None,
    keys: Keys,
    response: str,
    *,
    noisy: bool,
) -> tuple[Annotation, ...]:
    """Return what a row says of its annotators: one that it names itself, or a column each; () for none.

    Args:
        row: the row.
        layout: which column is what.
        options: the row's options.
        keys: how its responses mean them.
        response: the row's own response.
        noisy: whether any response is taken.

    Raises:
        RowError: the column of the annotator holds no name.
    """
    if layout.annotators:
        return annotations_in_columns(row, layout, options, keys, noisy=noisy)
    if layout.annotator is None:
        return ()
    value = look_up(row, layout.annotator)
    if isinstance(value, int) and not isinstance(value, bool):
        value = written(value, layout.annotator)
    name = None if is_blank(value) else read_optional_text(value, layout.annotator)
    if name is None:
        raise RowError(layout.annotator, "names no annotator")
    return (Annotation(annotator=name, response=response),) if response.strip() else ()


def plain_response(response: str) -> str:
    """Return a response as it is compared with those of other annotators."""
    return response.strip().casefold()
