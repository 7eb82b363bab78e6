"""Whether a sticker or a pack is what a messenger accepts, in words: `python -m stickersnap.validate FILE…`.

Knows nothing of Django and of who made a file. The limits are data: targets.toml.
"""
