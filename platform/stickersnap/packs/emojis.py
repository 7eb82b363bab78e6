"""Whether a text is one emoji, by the grammar of Unicode's UTS #51: a flag, a key, or pictures joined to one."""

import re

USUAL = "🙂"
FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
KEY = "[0-9#*]\ufe0f?\u20e3"
# the blocks that hold emoji, without the letters that flags are made of
PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
)
TONED = f"{PICTURE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff])?[\U000e0020-\U000e007f]*"
EMOJI = re.compile(f"{FLAG}|{KEY}|{TONED}(?:\u200d{TONED})*")


def is_emoji(text: str) -> bool:
    """Whether it is exactly one emoji."""
    return EMOJI.fullmatch(text) is not None
