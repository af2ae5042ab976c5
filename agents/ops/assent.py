"""Texts that only agree to what waits, in any of the usual ways. They approve nothing, and the person is told so."""

import re

_WORDS = (
    r"yes|y|yep|yeah|yup|ok|okay|sure|fine|please|confirm(?:ed)?|approved?|agreed|accepted?|absolutely|definitely"
    r"|i (?:approve|confirm|agree|accept)(?: (?:it|this|that))?|go(?: ahead| for it| on)?|do (?:it|that|so)|proceed"
    r"|continue|carry on|make it so|let'?s go|ship it|sounds good|looks good|lgtm|great|perfect|good|right|thanks?"
    r"|thank you|now|then|just|ja|oui|si|sí|да|はい|好"
)
_ASSENT = re.compile(rf"\W*(?:(?:{_WORDS})(?:\W+|\Z))+", re.IGNORECASE)
_MOST = 80


def is_assent(text: str) -> bool:
    """Whether `text` says nothing but yes: `sure, go`, `ok do it please`."""
    return len(text) <= _MOST and _ASSENT.fullmatch(text) is not None
