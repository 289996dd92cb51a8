"""The browser that looks at pages and prints them: one Chromium for all."""

import os
import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW_TO_GET_ONE = (
    "no Chromium found: install one (`apt install chromium`, or "
    "`.venv/bin/playwright install chromium`) "
    "or name it: CHROMIUM=/path/to/chromium"
)


def find_chromium() -> str | None:
    """Return a path, or None for the one Playwright may have installed."""
    if os.environ.get("CHROMIUM"):
        return os.environ["CHROMIUM"]
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch_chromium(playwright: Playwright) -> Browser:
    """Start it without a window; a playwright Error if there is none."""
    return playwright.chromium.launch(
        executable_path=find_chromium(),
        args=["--no-sandbox", "--disable-gpu"],
    )
