"""The page that users see while a product is held."""

from __future__ import annotations

from typing import Final

RETRY_AFTER: Final = 10
"""Seconds after which a browser tries again by itself."""

HOLD_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    f'<meta http-equiv="refresh" content="{RETRY_AFTER}"><title>Under maintenance</title></head>'
    '<body style="font-family:sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem">'
    "<main><h1>Under maintenance</h1><p>This service is being changed and will be back by itself. "
    "What you had saved is safe. The page tries again on its own.</p></main></body></html>"
)
